import { WdfSpinLock, type DeviceInit, type NtStatus, type Suspending } from '../../../index.js';
import { CancelableRingDriver } from '../kit/cancelable-ring-driver.js';
import { driverOf } from '../kit/driver-of.js';
import type { RingTransfer } from '../kit/ring-driver.js';

/** Aborts have a lock of their own; what is cancelled is noted under the rings' lock, as everything of a transfer. */
class Driver extends CancelableRingDriver {
  #abortLock!: WdfSpinLock;

  override *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    const status = yield* super.addDevice(deviceInit);
    this.#abortLock = WdfSpinLock.create(this.device);
    return status;
  }

  protected override *cancel(transfer: RingTransfer): Suspending<void> {
    yield* this.lock.acquire();
    transfer.isCancelled = true;
    if (transfer.tag !== 0) {
      yield* this.#abortLock.acquire();
      yield* this.abort(transfer.tag);
      yield* this.#abortLock.release();
    }
    yield* this.lock.release();
    yield* this.dropPart(transfer);
  }

  protected override *abortAcknowledged(): Suspending<void> {
    yield* this.#abortLock.acquire();
    yield* this.lock.acquire();
    yield* this.abortNext();
    yield* this.lock.release();
    yield* this.#abortLock.release();
  }
}

export const driver = driverOf('ring-locks', Driver);
