import type { Suspending } from '../../../index.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { PlxDriver } from './plx-driver.js';

/** The driver with an ISR that saves for the DPC which channels were active. */
export class SavingPlxDriver extends PlxDriver {
  protected savedCauses = 0;

  protected override *isr(): Suspending<boolean> {
    const intcsr = yield* this.registers.read32(plx.INTCSR);
    const causes = intcsr & (plx.INTCSR_DMA_ACTIVE[0] | plx.INTCSR_DMA_ACTIVE[1]);
    if (intcsr === plx.ALL_ONES || causes === 0) return false;
    for (const channel of this.channels) yield* channel.acknowledge(this.registers, intcsr);
    this.save(causes);
    return true;
  }

  /** ISR: the DPC is to look after these. */
  protected save(causes: number): void {
    this.savedCauses |= causes;
    this.interrupt.queueDpcForIsr();
  }

  protected override *dpc(): Suspending<void> {
    yield* this.interrupt.acquireLock();
    const causes = this.savedCauses;
    this.savedCauses = 0;
    yield* this.interrupt.releaseLock();
    for (const channel of this.channels) {
      if ((causes & plx.INTCSR_DMA_ACTIVE[channel.index]) !== 0) yield* this.transferDone(channel);
    }
  }
}
