import type { ScatterGatherList, Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** Descriptors are written under the lock, then the doorbell is rung. */
class Driver extends RingDriver {
  protected override *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    yield* this.lock.acquire();
    this.writeDescriptors(transfer, list);
    const tail = this.submitted;
    yield* this.write(ring.SQ_TAIL, tail);
    yield* this.lock.release();
    return true;
  }
}

export const driver = driverOf('ring-tail', Driver);
