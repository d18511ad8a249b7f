import type { NtStatus, Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver } from '../kit/ring-driver.js';

/** The ISR masks the channel; the DPC acknowledges its causes, takes the completions and unmasks it. */
class Driver extends RingDriver {
  #mask = 0;

  protected override *setInterruptMask(causes: number): Suspending<NtStatus> {
    this.#mask = causes;
    return yield* super.setInterruptMask(causes);
  }

  protected override *isr(): Suspending<boolean> {
    const causes = yield* this.read(ring.INT_CAUSE);
    if (causes === 0 || causes === ring.ALL_ONES) return false;
    yield* this.write(ring.INT_MASK, 0);
    this.interrupt.queueDpcForIsr();
    return true;
  }

  protected override *dpc(): Suspending<void> {
    yield* this.write(ring.INT_CAUSE, yield* this.read(ring.INT_CAUSE));
    yield* this.reap();
    yield* this.interrupt.acquireLock();
    yield* this.write(ring.INT_MASK, this.#mask);
    yield* this.interrupt.releaseLock();
  }
}

export const driver = driverOf('ring-mask', Driver);
