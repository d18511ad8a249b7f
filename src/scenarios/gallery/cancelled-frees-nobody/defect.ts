import { NT_SUCCESS, type DeviceInit, type IoQueueConfig, type NtStatus, type Suspending } from '../../../index.js';
import { CancelableRingDriver } from '../kit/cancelable-ring-driver.js';
import { driverOf } from '../kit/driver-of.js';
import type { RingTransfer } from '../kit/ring-driver.js';

/** One request at a time; the others wait in a manual queue until its transfer is free. */
class Driver extends CancelableRingDriver {
  protected override readonly transfersMax = 1;

  override *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    const status = yield* super.addDevice(deviceInit);
    if (NT_SUCCESS(status)) this.queue.readyNotify(() => this.startWaiting());
    return status;
  }

  protected override queueConfig(): IoQueueConfig {
    return { dispatchType: 'manual' };
  }

  protected override *requestDone(transfer: RingTransfer, status: NtStatus): Suspending<void> {
    yield* super.requestDone(transfer, status);
    yield* this.transferFreed();
  }
}

export const driver = driverOf('ring-waiters', Driver);
