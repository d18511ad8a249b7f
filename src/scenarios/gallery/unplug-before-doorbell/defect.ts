import type { ScatterGatherList, Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { driverOf } from '../kit/plx-driver.js';
import { RemovablePlxDriver } from '../kit/removable-plx-driver.js';

/** Nothing is started on a board that is gone: the request ends at once. */
class Driver extends RemovablePlxDriver {
  protected override *evtProgramDma(channel: PlxChannel, list: ScatterGatherList): Suspending<boolean> {
    if (this.isGone) {
      yield* this.endWithoutBoard(channel);
      return true;
    }
    yield* this.lock.acquire();
    yield* this.start(channel, list);
    yield* this.lock.release();
    return true;
  }
}

export const driver = driverOf('plx-unplug', Driver);
