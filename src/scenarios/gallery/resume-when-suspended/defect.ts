import type { Suspending } from '../../../index.js';
import * as csr from '../../samples/pcidrv-registers.js';
import { NetDriver, NetRing } from '../kit/net-driver.js';

/** A frame is appended behind the block at which the command unit is to suspend, and the unit resumed. */
class Ring extends NetRing {
  protected override *resume(): Suspending<void> {
    const scb = yield* this.registers.read32(csr.SCB);
    const isActive = ((scb >>> csr.CUS_SHIFT) & 3) === csr.CUS_ACTIVE;
    if (!isActive) yield* super.resume();
  }
}

export const driver = new NetDriver('net-resume', { Ring });
