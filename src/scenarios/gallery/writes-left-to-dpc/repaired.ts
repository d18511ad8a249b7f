import type { Suspending } from '../../../index.js';
import { PcidrvAdapter } from '../../samples/pcidrv-adapter.js';
import { NetDriver } from '../kit/net-driver.js';

/** A frame that finds the ring full waits in a queue; the DPC, which makes room, looks there. */
class Adapter extends PcidrvAdapter {
  protected override *wroteToPendingQueue(): Suspending<void> {
    yield* this.retryPendingWrites();
  }
}

export const driver = new NetDriver('net-pending', { Adapter });
