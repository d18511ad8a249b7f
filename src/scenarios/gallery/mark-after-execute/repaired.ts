import { NT_SUCCESS, type DmaDirection, type Request, type Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { driverOf } from '../kit/plx-driver.js';

/** EvtIoRead and EvtIoWrite make a request cancelable and start its transfer. */
class Driver extends CancelablePlxDriver {
  protected override *evtIo(request: Request, channel: PlxChannel, direction: DmaDirection): Suspending<void> {
    const state = this.stateOf(channel);
    state.request = request;
    state.isWaiting = true;
    state.isCancelled = false;
    state.parties = 2;
    let status = yield* this.initialize(request, channel, direction);
    if (NT_SUCCESS(status)) status = yield* request.markCancelableEx((cancelled) => this.cancel(cancelled));
    if (!NT_SUCCESS(status)) {
      yield* channel.transaction.release();
      yield* request.complete(status);
      return;
    }
    status = yield* channel.transaction.execute(channel);
    if (!NT_SUCCESS(status)) yield* this.end(channel, status);
  }
}

export const driver = driverOf('plx-mark', Driver);
