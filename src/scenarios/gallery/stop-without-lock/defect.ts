import type { Device, DmaEnabler, NtStatus, Suspending } from '../../../index.js';
import { DeadlineTransfer } from '../../samples/systemdma-deadline.js';
import { SystemDmaDriver } from '../../samples/systemdma-driver.js';

/** Given up by the cancel callback or the timer, whoever comes first. */
class Transfer extends DeadlineTransfer {
  protected override *stop(status: NtStatus): Suspending<void> {
    const isWithdrawn = yield* this.giveUp(status);
    yield* this.givenUp(status, isWithdrawn);
  }
}

class Driver extends SystemDmaDriver {
  protected override createTransfer(device: Device, enabler: DmaEnabler, line: number): DeadlineTransfer {
    return new Transfer(device, enabler, line);
  }
}

export const driver = new Driver('port-deadline', {});
