import type { Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { CancelableRingDriver } from '../kit/cancelable-ring-driver.js';
import { driverOf } from '../kit/driver-of.js';

/** The DPC looks at the rings and at aborts as the causes say that the ISR has acknowledged. */
class Driver extends CancelableRingDriver {
  protected override *isr(): Suspending<boolean> {
    const causes = yield* this.read(ring.INT_CAUSE);
    if (causes === 0 || causes === ring.ALL_ONES) return false;
    yield* this.write(ring.INT_CAUSE, ring.ALL_ONES);
    this.savedCauses |= causes;
    this.interrupt.queueDpcForIsr();
    return true;
  }

  protected override *dpc(): Suspending<void> {
    const causes = yield* this.takeCauses();
    if ((causes & ring.INT_ABORT_ACK) !== 0) yield* this.abortAcknowledged();
    if ((causes & ring.INT_COMPLETION) !== 0) yield* this.reap();
  }
}

export const driver = driverOf('ring-causes', Driver);
