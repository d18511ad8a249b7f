import { NT_SUCCESS, STATUS_SUCCESS, type NtStatus, type Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { driverOf } from '../kit/plx-driver.js';

/** The DPC completes a request when its cancel callback will not run, or has given up its part before. */
class Driver extends CancelablePlxDriver {
  protected override *end(channel: PlxChannel, status: NtStatus): Suspending<void> {
    const state = this.stateOf(channel);
    const request = state.request!;
    state.bytes = channel.transaction.bytesTransferred;
    state.status = state.bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    yield* channel.transaction.release();
    yield* this.lock.acquire();
    const isLast = --state.parties === 0;
    yield* this.lock.release();
    const unmarked = yield* request.unmarkCancelable();
    if (NT_SUCCESS(unmarked) || isLast) yield* this.complete(state);
  }
}

export const driver = driverOf('plx-unmark', Driver);
