import { driverOf } from '../kit/plx-driver.js';
import { SavingPlxDriver } from '../kit/saving-plx-driver.js';

/** The ISR queues the DPC and saves for it which channels were active. */
class Driver extends SavingPlxDriver {
  protected override save(causes: number): void {
    if (this.interrupt.queueDpcForIsr()) this.savedCauses |= causes;
  }
}

export const driver = driverOf('plx-queued', Driver);
