import type { Suspending } from '../../../index.js';
import { NetDriver, NetRing } from '../kit/net-driver.js';

/** A frame is appended behind the block at which the command unit is to suspend, and the unit resumed. */
class Ring extends NetRing {
  protected override *resume(): Suspending<void> {
    yield* super.resume();
  }
}

export const driver = new NetDriver('net-resume', { Ring });
