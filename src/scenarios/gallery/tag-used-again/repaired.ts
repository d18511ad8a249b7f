import type { Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { CancelableRingDriver } from '../kit/cancelable-ring-driver.js';
import { driverOf } from '../kit/driver-of.js';
import type { RingTransfer } from '../kit/ring-driver.js';

/** An aborted transfer ends when the device acknowledges that; the completion that follows finds nobody. */
class Driver extends CancelableRingDriver {
  #aborted: RingTransfer | null = null;

  protected override newTag(transfer: RingTransfer): number {
    transfer.uses = (transfer.uses + 1) & 0x7fff;
    return (transfer.uses << 16) | (transfer.index + 1);
  }

  protected override *abort(tag: number): Suspending<void> {
    this.#aborted ??= this.transfers.find((transfer) => transfer.tag === tag)!;
    yield* super.abort(tag);
  }

  protected override *abortAcknowledged(): Suspending<void> {
    const result = yield* this.read(ring.ABORT_RESULT);
    yield* this.lock.acquire();
    const transfer = this.#aborted;
    this.#aborted = null;
    const isStopped = transfer !== null && transfer.tag !== 0 && result === ring.ABORT_RESULT_ABORTED;
    if (isStopped) transfer.tag = 0;
    yield* this.abortNext();
    yield* this.lock.release();
    if (!isStopped) return;
    transfer.movedBytes = 0;
    transfer.completionStatus = ring.STATUS_ABORTED;
    yield* this.transferDone(transfer);
  }
}

export const driver = driverOf('ring-tags', Driver);
