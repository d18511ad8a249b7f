import { STATUS_IO_TIMEOUT, type Device, type DmaEnabler, type DriverConfig, type NtStatus, type Suspending } from '../../index.js';
import { DemandTransfer } from './systemdma-demand.js';
import { SystemDmaDriver } from './systemdma-driver.js';

/** A transfer that still runs when its timer expires has taken too long, as the documented pattern has it. */
export class DeadlineTransfer extends DemandTransfer {
  constructor(device: Device, enabler: DmaEnabler, line: number) {
    super(device, enabler, line, 0);
  }

  protected override *look(): Suspending<void> {}

  protected override verdict(isRunning: boolean): NtStatus | null {
    return isRunning ? STATUS_IO_TIMEOUT : null;
  }
}

class DeadlineDriver extends SystemDmaDriver {
  protected override createTransfer(device: Device, enabler: DmaEnabler, line: number): DeadlineTransfer {
    return new DeadlineTransfer(device, enabler, line);
  }
}

/** One request line, demand mode; the timer does not look at the counter. */
export const systemDmaDeadlineDriver: DriverConfig = new DeadlineDriver('systemdma-cancel', {});
