import type { Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { driverOf, PlxDriver } from '../kit/plx-driver.js';

/** The DPC asks each channel whether the ISR has seen the end of its transfer, and counts those that have ended. */
class Driver extends PlxDriver {
  endedTransfers = 0;

  protected override *dpc(): Suspending<void> {
    for (const channel of this.channels) if (channel.isDone) yield* this.#serve(channel);
  }

  *#serve(channel: PlxChannel): Suspending<void> {
    yield* this.transferDone(channel);
    yield* this.#count();
    yield* this.#take(channel);
  }

  *#take(channel: PlxChannel): Suspending<void> {
    yield* this.interrupt.acquireLock();
    channel.takeDone();
    yield* this.interrupt.releaseLock();
  }

  *#count(): Suspending<void> {
    yield* this.lock.acquire();
    this.endedTransfers++;
    yield* this.lock.release();
  }
}

export const driver = driverOf('plx-done', Driver);
