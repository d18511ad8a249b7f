import { RegisterBlock } from '../../../index.js';
import { PcidrvAdapter, type AdapterParts } from '../../samples/pcidrv-adapter.js';
import { PcidrvDriver } from '../../samples/pcidrv-driver.js';
import { ReceiveList } from '../../samples/pcidrv-receive.js';
import { TransmitRing } from '../../samples/pcidrv-transmit.js';

/** The ring without a watchdog, which would find a frame that stands still and reset the device. */
export class NetRing extends TransmitRing {
  protected readonly registers: RegisterBlock;

  constructor(...parts: ConstructorParameters<typeof TransmitRing>) {
    super(...parts);
    const [device] = parts;
    this.registers = new RegisterBlock(device.kernel, device.resources.registers);
  }

  protected override watch(): void {}
}

interface NetParts {
  readonly Adapter?: new (parts: AdapterParts) => PcidrvAdapter;
  readonly Ring?: new (...parts: ConstructorParameters<typeof TransmitRing>) => TransmitRing;
  /** Receive descriptors; 4 unless a driver says otherwise. */
  readonly receiveFrames?: number;
  readonly Receive?: new (...parts: ConstructorParameters<typeof ReceiveList>) => ReceiveList;
}

/** The network driver with a short receive list, right as it stands; a driver of the gallery brings the parts that it is about. */
export class NetDriver extends PcidrvDriver {
  readonly #parts: NetParts;

  constructor(name: string, parts: NetParts) {
    super(name);
    this.#parts = parts;
  }

  protected override get receiveFrames(): number {
    return this.#parts.receiveFrames ?? 4;
  }

  protected override createAdapter(parts: AdapterParts): PcidrvAdapter {
    const { Adapter = PcidrvAdapter } = this.#parts;
    return new Adapter(parts);
  }

  protected override createTransmitRing(...parts: ConstructorParameters<typeof TransmitRing>): TransmitRing {
    const { Ring = NetRing } = this.#parts;
    return new Ring(...parts);
  }

  protected override createReceiveList(...parts: ConstructorParameters<typeof ReceiveList>): ReceiveList {
    const { Receive = ReceiveList } = this.#parts;
    return new Receive(...parts);
  }
}
