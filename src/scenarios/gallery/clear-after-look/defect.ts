import type { Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { driverOf, PlxDriver } from '../kit/plx-driver.js';

const ANY_ACTIVE = plx.INTCSR_DMA_ACTIVE[0] | plx.INTCSR_DMA_ACTIVE[1];

/** The ISR only masks the chip; the DPC serves both channels, clears their interrupts and unmasks it. */
class Driver extends PlxDriver {
  protected override *isr(): Suspending<boolean> {
    const intcsr = yield* this.registers.read32(plx.INTCSR);
    if (intcsr === plx.ALL_ONES || (intcsr & ANY_ACTIVE) === 0) return false;
    yield* this.setMasterEnable(false);
    this.interrupt.queueDpcForIsr();
    return true;
  }

  protected override *dpc(): Suspending<void> {
    for (const channel of this.channels) if (yield* this.#takeDone(channel)) yield* this.transferDone(channel);
    yield* this.interrupt.acquireLock();
    yield* this.setMasterEnable(true);
    yield* this.interrupt.releaseLock();
  }

  *#takeDone(channel: PlxChannel): Suspending<boolean> {
    yield* this.interrupt.acquireLock();
    const csr = yield* this.registers.read8(plx.DMA_CSR[channel.index]);
    yield* this.registers.write8(plx.DMA_CSR[channel.index], plx.CSR_ENABLE | plx.CSR_CLEAR_INTERRUPT);
    const isDone = (csr & plx.CSR_DONE) !== 0 && channel.takeLost();
    yield* this.interrupt.releaseLock();
    return isDone;
  }
}

export const driver = driverOf('plx-clear', Driver);
