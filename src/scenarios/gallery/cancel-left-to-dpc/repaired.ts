import type { Request, Suspending } from '../../../index.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { channelLink, driverOf } from '../kit/plx-driver.js';

/** The cancel callback stops a transfer that runs and withdraws one that has not begun. */
class Driver extends CancelablePlxDriver {
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

export const driver = driverOf('plx-cancel', Driver);
