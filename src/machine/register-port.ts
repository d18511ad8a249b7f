import { RegisterAccessError, type DeviceView } from '../hardware/index.js';
import type { Kernel } from '../kernel/index.js';
import type { RegisterPort } from '../wdf/index.js';

/** A device's registers as the driver's bus: what the block refuses becomes a finding about the driver. */
export class DeviceRegisterPort implements RegisterPort {
  readonly objectId: number;
  readonly lengthBytes: number;

  constructor(
    private readonly kernel: Kernel,
    private readonly view: DeviceView,
    /** Called after each write: somebody else works with these registers, too. Null: nobody does. */
    private readonly afterWrite: (() => void) | null = null,
  ) {
    this.objectId = view.objectId;
    this.lengthBytes = view.registers.table.lengthBytes;
  }

  readRegister(offset: number, widthBytes: 1 | 2 | 4): number {
    try {
      return this.view.readRegister(offset, widthBytes);
    } catch (error) {
      throw this.#asFinding(error);
    }
  }

  writeRegister(offset: number, widthBytes: 1 | 2 | 4, value: number): void {
    try {
      this.view.writeRegister(offset, widthBytes, value);
      this.afterWrite?.();
    } catch (error) {
      throw this.#asFinding(error);
    }
  }

  #asFinding(error: unknown): unknown {
    if (!(error instanceof RegisterAccessError)) return error;
    this.kernel.violation({ rule: 'L-REGISTER', severity: 'crash', object: `${this.view.name}#${this.objectId}`, message: error.message });
    return error;
  }
}
