import { STATUS_CANCELLED, type Request, type Suspending } from '../../../index.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { channelLink, driverOf, type PlxChannel } from '../kit/plx-driver.js';

/** A cancelled transfer is paused, which takes effect between two bursts, and its transaction ended. */
class Driver extends CancelablePlxDriver {
  /** EvtRequestCancel. */
  protected override *cancel(request: Request): Suspending<void> {
    const channel = channelLink(request).channel!;
    const state = this.stateOf(channel);
    yield* this.lock.acquire();
    state.isCancelled = true;
    const isPaused = yield* this.#pause(channel);
    if (isPaused) yield* channel.transaction.dmaCompletedFinal(0);
    yield* this.lock.release();
    if (isPaused) yield* this.end(channel, STATUS_CANCELLED);
    yield* this.dropPart(state);
  }

  /** Takes the transfer off the channel, which stands still from now on; false when it has ended. */
  *#pause(channel: PlxChannel): Suspending<boolean> {
    yield* this.interrupt.acquireLock();
    const wasRunning = channel.takeLost();
    if (wasRunning) {
      yield* this.registers.write8(plx.DMA_CSR[channel.index], 0);
      yield* this.registers.read8(plx.DMA_CSR[channel.index]);
    }
    yield* this.interrupt.releaseLock();
    return wasRunning;
  }
}

export const driver = driverOf('plx-pause', Driver);
