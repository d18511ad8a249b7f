import type { Suspending } from '../../../index.js';
import { CancelablePlxDriver, type TransferState } from '../kit/cancelable-plx-driver.js';
import { driverOf } from '../kit/plx-driver.js';

/** The last party of a cancelled request completes it. */
class Driver extends CancelablePlxDriver {
  protected override *dropPart(state: TransferState): Suspending<void> {
    yield* this.lock.acquire();
    const isLast = --state.parties === 0;
    if (isLast) yield* this.complete(state);
    yield* this.lock.release();
  }
}

export const driver = driverOf('plx-last', Driver);
