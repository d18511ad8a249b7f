import type { Device, DmaEnabler, Suspending } from '../../../index.js';
import { DemandTransfer } from '../../samples/systemdma-demand.js';
import { SystemDmaDriver } from '../../samples/systemdma-driver.js';

/** Stops the controller; called with the lock held, by whoever gives the transfer up. */
class Transfer extends DemandTransfer {
  protected override *stopController(): Suspending<void> {
    if (this.isStopIssued) return;
    this.isStopIssued = true;
    yield* this.transaction.stopSystemTransfer();
  }
}

class Driver extends SystemDmaDriver {
  protected override createTransfer(device: Device, enabler: DmaEnabler, line: number): DemandTransfer {
    return new Transfer(device, enabler, line, 600);
  }
}

export const driver = new Driver('port-stop', {});
