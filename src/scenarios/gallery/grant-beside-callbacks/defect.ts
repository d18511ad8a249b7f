import type { DeviceInit, ScatterGatherList, Suspending } from '../../../index.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** The framework serializes the request handlers and the DPC with the lock of the device. */
class Driver extends RingDriver {
  protected override readonly isSerialized = true;

  protected override configure(deviceInit: DeviceInit): void {
    deviceInit.setSynchronizationScope('device');
  }

  /** Called inside of Execute or of DmaCompleted. */
  protected override *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    yield* this.submit(transfer, list);
    return true;
  }
}

export const driver = driverOf('ring-serialized', Driver);
