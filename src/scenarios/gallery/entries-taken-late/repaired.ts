import { NT_SUCCESS, type DeviceInit, type IoQueueConfig, type NtStatus, type Suspending } from '../../../index.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** Descriptors of a transfer at most. */
const ENTRIES_EACH = 2;

/** A ring that holds fewer descriptors than all transfers together may need; requests wait in a manual queue until there are entries. */
class Driver extends RingDriver {
  protected override readonly entries = 4;
  #used = 0;

  override *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    const status = yield* super.addDevice(deviceInit);
    if (NT_SUCCESS(status)) this.queue.readyNotify(() => this.startWaiting());
    return status;
  }

  protected override queueConfig(): IoQueueConfig {
    return { dispatchType: 'manual' };
  }

  protected override *startNext(): Suspending<boolean> {
    this.isShort = this.#used + ENTRIES_EACH > this.entries;
    if (this.isShort) return false;
    this.#used += ENTRIES_EACH;
    const waiting = yield* this.queue.retrieveNextRequest();
    if (waiting.ok) yield* this.start(this.takeTransfer()!, waiting.object);
    else this.#used -= ENTRIES_EACH;
    return waiting.ok;
  }

  protected override *requestDone(transfer: RingTransfer, status: NtStatus): Suspending<void> {
    this.#used -= ENTRIES_EACH;
    yield* super.requestDone(transfer, status);
    yield* this.startWaiting();
  }
}

export const driver = driverOf('ring-entries', Driver);
