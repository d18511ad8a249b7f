import { driverOf } from '../kit/plx-driver.js';
import { SavingPlxDriver } from '../kit/saving-plx-driver.js';

/** The ISR saves which channels were active for the DPC. */
class Driver extends SavingPlxDriver {
  protected override save(causes: number): void {
    this.savedCauses |= causes;
    this.interrupt.queueDpcForIsr();
  }
}

export const driver = driverOf('plx-causes', Driver);
