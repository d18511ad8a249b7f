import type { Request, Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** Completions are taken by the DPC and by whoever brings a new request; the lock is taken only when there is one. */
class Driver extends RingDriver {
  protected override *start(transfer: RingTransfer, request: Request): Suspending<void> {
    yield* this.reap();
    yield* super.start(transfer, request);
  }

  protected override *reap(): Suspending<void> {
    while (this.hasCompletion()) {
      yield* this.lock.acquire();
      const transfer = this.takeCompletion();
      yield* this.write(ring.CQ_HEAD, this.reaped);
      yield* this.lock.release();
      if (transfer !== null) yield* this.transferDone(transfer);
    }
  }
}

export const driver = driverOf('ring-reapers', Driver);
