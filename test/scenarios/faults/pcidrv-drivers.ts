import { RegisterBlock, type Suspending } from '../../../src/index.js';
import { PcidrvAdapter, type AdapterParts } from '../../../src/scenarios/samples/pcidrv-adapter.js';
import { PcidrvDriver } from '../../../src/scenarios/samples/pcidrv-driver.js';
import { CUS_ACTIVE, CUS_SHIFT, SCB } from '../../../src/scenarios/samples/pcidrv-registers.js';
import { TransmitRing, type SendTransaction } from '../../../src/scenarios/samples/pcidrv-transmit.js';

/* The driver for the network controller, each time with one fault. */

/** Resumes the command unit only when it does not look active: it may have read the suspend bit already (D32). */
class HesitantRing extends TransmitRing {
  readonly #registers: RegisterBlock;

  constructor(...parts: ConstructorParameters<typeof TransmitRing>) {
    super(...parts);
    const [device] = parts;
    this.#registers = new RegisterBlock(device.kernel, device.resources.registers);
  }

  protected override *resume(): Suspending<void> {
    const scb = yield* this.#registers.read32(SCB);
    if (((scb >>> CUS_SHIFT) & 3) !== CUS_ACTIVE) yield* super.resume();
  }

  /** No watchdog that would find the frame later and reset the device. */
  protected override watch(): void {}
}

export class ResumesWhenNotActive extends PcidrvDriver {
  protected override createTransmitRing(...parts: ConstructorParameters<typeof TransmitRing>): TransmitRing {
    return new HesitantRing(...parts);
  }
}

/** The same without the fault: what is found is not the missing watchdog. */
class UnwatchedRing extends TransmitRing {
  protected override watch(): void {}
}

export class HasNoWatchdog extends PcidrvDriver {
  protected override createTransmitRing(...parts: ConstructorParameters<typeof TransmitRing>): TransmitRing {
    return new UnwatchedRing(...parts);
  }
}

class DeletingAdapter extends PcidrvAdapter {
  protected override *endLost(transaction: SendTransaction): Suspending<void> {
    yield* transaction.delete();
  }
}

/** The reset deletes transactions in the middle of their transfer (B18). */
export class DeletesLiveTransactions extends PcidrvDriver {
  protected override createAdapter(parts: AdapterParts): PcidrvAdapter {
    return new DeletingAdapter(parts);
  }
}

class ForgetfulAdapter extends PcidrvAdapter {
  protected override *wroteToPendingQueue(): Suspending<void> {}
}

/** Waiting writes are retried from the DPC only (D34, D35). */
export class RetriesFromDpcOnly extends PcidrvDriver {
  protected override createAdapter(parts: AdapterParts): PcidrvAdapter {
    return new ForgetfulAdapter(parts);
  }
}
