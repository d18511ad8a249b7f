import type { Interrupt, Suspending } from '../../../index.js';
import { PcidrvAdapter } from '../../samples/pcidrv-adapter.js';
import * as csr from '../../samples/pcidrv-registers.js';
import { NetDriver } from '../kit/net-driver.js';

/** While the DPC works, more causes come in; it looks after them itself and clears them, which saves an interrupt. */
class Adapter extends PcidrvAdapter {
  override *evtInterruptDpc(interrupt: Interrupt): Suspending<void> {
    yield* super.evtInterruptDpc(interrupt);
  }

  protected override *unmask(): Suspending<boolean> {
    yield* this.registers.write8(csr.SCB_ACK, csr.SCB_CAUSES >>> 8);
    return yield* super.unmask();
  }
}

export const driver = new NetDriver('net-causes', { Adapter });
