import { STATUS_CANCELLED, type Request, type Suspending } from '../../../index.js';
import { CancelablePlxDriver } from '../kit/cancelable-plx-driver.js';
import { channelLink, driverOf } from '../kit/plx-driver.js';
import * as plx from '../../samples/plx9x5x-registers.js';

/** A cancelled transfer is aborted at the chip, which moves nothing any more from then on. */
class Driver extends CancelablePlxDriver {
  /** EvtRequestCancel. */
  protected override *cancel(request: Request): Suspending<void> {
    const channel = channelLink(request).channel!;
    const state = this.stateOf(channel);
    yield* this.lock.acquire();
    state.isCancelled = true;
    yield* this.interrupt.acquireLock();
    if (state.isRunning) yield* this.registers.write8(plx.DMA_CSR[channel.index], plx.CSR_ENABLE | plx.CSR_ABORT);
    const isStopped = channel.takeLost();
    yield* this.interrupt.releaseLock();
    yield* this.lock.release();
    if (isStopped) {
      state.isRunning = false;
      yield* channel.transaction.dmaCompletedFinal(0);
      yield* this.end(channel, STATUS_CANCELLED);
    }
    yield* this.dropPart(state);
  }
}

export const driver = driverOf('plx-confirm', Driver);
