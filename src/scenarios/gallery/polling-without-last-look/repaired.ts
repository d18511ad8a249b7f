import type { Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver } from '../kit/ring-driver.js';

/** While the DPC polls the ring, the ISR need not queue it again. */
class Driver extends RingDriver {
  /** Under the interrupt lock. */
  #isPolling = false;

  protected override *isr(): Suspending<boolean> {
    const causes = yield* this.read(ring.INT_CAUSE);
    if (causes === 0 || causes === ring.ALL_ONES) return false;
    yield* this.write(ring.INT_CAUSE, causes);
    if (!this.#isPolling) this.interrupt.queueDpcForIsr();
    this.#isPolling = true;
    return true;
  }

  protected override *dpc(): Suspending<void> {
    yield* this.reap();
    yield* this.interrupt.acquireLock();
    this.#isPolling = this.hasCompletion();
    if (this.#isPolling) this.interrupt.queueDpcForIsr();
    yield* this.interrupt.releaseLock();
  }
}

export const driver = driverOf('ring-polling', Driver);
