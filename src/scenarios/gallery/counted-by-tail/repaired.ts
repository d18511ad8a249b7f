import type { Request, Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** Completions are taken by the DPC and by whoever brings a new request; the device's tail says how many there are. */
class Driver extends RingDriver {
  protected override *start(transfer: RingTransfer, request: Request): Suspending<void> {
    yield* this.reap();
    yield* super.start(transfer, request);
  }

  protected override *reap(): Suspending<void> {
    for (;;) {
      yield* this.lock.acquire();
      const tail = (yield* this.read(ring.CQ_TAIL)) | 0;
      // What the tail counts may be held back: reading the causes lets it out.
      if (this.reaped !== tail) yield* this.read(ring.INT_CAUSE);
      const isNew = this.reaped !== tail;
      const transfer = isNew ? this.takeCompletion() : null;
      if (isNew) yield* this.write(ring.CQ_HEAD, this.reaped);
      yield* this.lock.release();
      if (!isNew) return;
      if (transfer !== null) yield* this.transferDone(transfer);
    }
  }
}

export const driver = driverOf('ring-tail', Driver);
