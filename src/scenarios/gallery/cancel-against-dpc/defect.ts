import { STATUS_SUCCESS, type NtStatus, type Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { driverOf } from '../kit/plx-driver.js';

/** A request whose transfer has ended is made uncancelable and completed. */
class Driver extends CancelablePlxDriver {
  protected override *end(channel: PlxChannel, status: NtStatus): Suspending<void> {
    const state = this.stateOf(channel);
    state.bytes = channel.transaction.bytesTransferred;
    state.status = state.bytes === state.request!.lengthBytes ? STATUS_SUCCESS : status;
    yield* channel.transaction.release();
    yield* state.request!.unmarkCancelable();
    yield* this.complete(state);
  }
}

export const driver = driverOf('plx-cancel', Driver);
