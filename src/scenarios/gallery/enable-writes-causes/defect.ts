import { STATUS_SUCCESS, type NtStatus, type ScatterGatherList, type Suspending } from '../../../index.js';
import * as amcc from '../../samples/amcc5933-registers.js';
import { AmccDriver, type AmccHalf } from '../kit/amcc-driver.js';
import { driverOf } from '../kit/plx-driver.js';

/** The interrupt of a direction is enabled when the direction is used for the first time. */
class Driver extends AmccDriver {
  protected override *setInterrupts(): Suspending<NtStatus> {
    yield* this.registers.write32(amcc.INTCSR, 0);
    return STATUS_SUCCESS;
  }

  protected override *start(half: AmccHalf, list: ScatterGatherList): Suspending<void> {
    const intcsr = yield* this.registers.read32(amcc.INTCSR);
    yield* this.registers.write32(amcc.INTCSR, intcsr | amcc.INTCSR_ENABLE[half.direction]);
    yield* super.start(half, list);
  }
}

export const driver = driverOf('amcc-enable', Driver);
