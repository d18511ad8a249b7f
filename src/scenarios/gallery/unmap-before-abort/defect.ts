import { STATUS_CANCELLED, type Request, type Suspending } from '../../../index.js';
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
    yield* this.interrupt.acquireLock();
    const isTaken = channel.takeLost();
    yield* this.interrupt.releaseLock();
    if (isTaken) {
      yield* channel.transaction.dmaCompletedFinal(0);
      yield* this.abort(channel);
    }
    yield* this.lock.release();
    if (isTaken) yield* this.end(channel, STATUS_CANCELLED);
    yield* this.dropPart(state);
  }
}

export const driver = driverOf('plx-unmap', Driver);
