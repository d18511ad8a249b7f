import type { Suspending } from '../../../index.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { driverOf } from '../kit/plx-driver.js';
import { RemovablePlxDriver } from '../kit/removable-plx-driver.js';

const ANY_ACTIVE = plx.INTCSR_DMA_ACTIVE[0] | plx.INTCSR_DMA_ACTIVE[1];

/** The ISR serves the channels until the chip asks for nothing more: one interrupt for all that ends meanwhile. */
class Driver extends RemovablePlxDriver {
  protected override *isr(): Suspending<boolean> {
    let isOurs = false;
    let intcsr = yield* this.registers.read32(plx.INTCSR);
    if (intcsr === plx.ALL_ONES) return false;
    while ((intcsr & ANY_ACTIVE) !== 0) {
      for (const channel of this.channels) if (yield* channel.acknowledge(this.registers, intcsr)) isOurs = true;
      intcsr = yield* this.registers.read32(plx.INTCSR);
    }
    if (isOurs) this.interrupt.queueDpcForIsr();
    return isOurs;
  }
}

export const driver = driverOf('plx-isr-loop', Driver);
