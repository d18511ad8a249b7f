import { WdfSpinLock, type NtStatus, type ScatterGatherList, type Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { driverOf, PlxDriver } from '../kit/plx-driver.js';

/** Two locks: the driver's for what its channels work on, one for the chip, whose registers the channels share. */
class Driver extends PlxDriver {
  chipLock!: WdfSpinLock;
  runningTransfers = 0;

  protected override createQueues(): NtStatus {
    this.chipLock = WdfSpinLock.create(this.device);
    return super.createQueues();
  }

  protected override *start(channel: PlxChannel, list: ScatterGatherList): Suspending<void> {
    yield* this.lock.acquire();
    this.runningTransfers++;
    yield* this.chipLock.acquire();
    yield* super.start(channel, list);
    yield* this.chipLock.release();
    yield* this.lock.release();
  }

  protected override *dpc(): Suspending<void> {
    yield* this.lock.acquire();
    yield* this.chipLock.acquire();
    yield* this.interrupt.acquireLock();
    const done = this.channels.filter((channel) => channel.takeDone());
    yield* this.interrupt.releaseLock();
    this.runningTransfers -= done.length;
    yield* this.chipLock.release();
    yield* this.lock.release();
    for (const channel of done) yield* this.transferDone(channel);
  }
}

export const driver = driverOf('plx-locks', Driver);
