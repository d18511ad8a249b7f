import type { Request, Suspending } from '../../../index.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { channelLink, driverOf } from '../kit/plx-driver.js';

/** A cancelled transfer is stopped, and its transaction ended. */
class Driver extends CancelablePlxDriver {
  /** EvtRequestCancel. */
  protected override *cancel(request: Request): Suspending<void> {
    const channel = channelLink(request).channel!;
    const state = this.stateOf(channel);
    yield* this.lock.acquire();
    state.isCancelled = true;
    if (state.isRunning) yield* this.abort(channel);
    yield* this.lock.release();
    yield* this.dropPart(state);
  }
}

export const driver = driverOf('plx-unmap', Driver);
