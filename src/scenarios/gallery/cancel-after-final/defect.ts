import { NT_SUCCESS, STATUS_CANCELLED, STATUS_SUCCESS, type NtStatus, type Request, type Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { CancelablePlxDriver, type TransferState } from '../kit/cancelable-plx-driver.js';
import { channelLink, driverOf } from '../kit/plx-driver.js';

/** A transfer that runs is stopped; one that waits for map registers is withdrawn. The last party releases the transaction. */
class Driver extends CancelablePlxDriver {
  protected override *end(channel: PlxChannel, status: NtStatus): Suspending<void> {
    const state = this.stateOf(channel);
    const request = state.request!;
    state.bytes = channel.transaction.bytesTransferred;
    state.status = state.bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    const unmarked = yield* request.unmarkCancelable();
    if (NT_SUCCESS(unmarked)) yield* this.complete(state);
    else yield* this.dropPart(state);
  }

  /** EvtRequestCancel. */
  protected override *cancel(request: Request): Suspending<void> {
    const channel = channelLink(request).channel!;
    const state = this.stateOf(channel);
    yield* this.lock.acquire();
    state.isCancelled = true;
    if (state.isRunning) yield* this.abort(channel);
    const isWithdrawn = !state.isRunning && (yield* channel.transaction.cancel());
    yield* this.lock.release();
    if (isWithdrawn) {
      state.status = STATUS_CANCELLED;
      yield* this.dropPart(state);
    }
    yield* this.dropPart(state);
  }

  protected override *complete(state: TransferState): Suspending<void> {
    yield* channelLink(state.request!).channel!.transaction.release();
    yield* super.complete(state);
  }
}

export const driver = driverOf('plx-withdraw', Driver);
