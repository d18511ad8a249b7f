import type { ScatterGatherList, Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { driverOf, PlxDriver } from '../kit/plx-driver.js';

/** A channel that nobody started has nothing to complete: the DPC leaves its interrupts alone. */
class Driver extends PlxDriver {
  readonly #busy = [false, false];

  protected override *evtProgramDma(channel: PlxChannel, list: ScatterGatherList): Suspending<boolean> {
    yield* super.evtProgramDma(channel, list);
    yield* this.#setBusy(channel, true);
    return true;
  }

  protected override *transferDone(channel: PlxChannel): Suspending<void> {
    if (!this.#busy[channel.index]) return;
    yield* this.#setBusy(channel, false);
    yield* super.transferDone(channel);
  }

  *#setBusy(channel: PlxChannel, isBusy: boolean): Suspending<void> {
    yield* this.lock.acquire();
    this.#busy[channel.index] = isBusy;
    yield* this.lock.release();
  }
}

export const driver = driverOf('plx-busy', Driver);
