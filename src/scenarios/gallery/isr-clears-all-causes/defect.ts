import type { Suspending } from '../../../index.js';
import * as amcc from '../../samples/amcc5933-registers.js';
import { AmccDriver } from '../kit/amcc-driver.js';
import { driverOf } from '../kit/plx-driver.js';

/** The ISR saves the causes for the DPC and clears them in the chip. */
class Driver extends AmccDriver {
  protected override *isr(): Suspending<boolean> {
    const intcsr = yield* this.registers.read32(amcc.INTCSR);
    if ((intcsr & amcc.INTCSR_ASSERTED) === 0) return false;
    const causes = intcsr & amcc.INTCSR_CAUSES;
    this.savedCauses |= causes;
    yield* this.registers.write32(amcc.INTCSR, (intcsr & amcc.INTCSR_ENABLES) | amcc.INTCSR_CAUSES);
    this.interrupt.queueDpcForIsr();
    return true;
  }
}

export const driver = driverOf('amcc-isr', Driver);
