import { PostedWrites, RegisterAccessError, type DeviceView, type RegisterWidth } from '../hardware/index.js';
import { EventKind, type Kernel } from '../kernel/index.js';
import type { RegisterPort } from '../wdf/index.js';

/**
 * A device's registers as the driver's bus: what the block refuses becomes a finding about the driver. Where the machine
 * posts writes they arrive later, at the latest with the next read.
 */
export class DeviceRegisterPort implements RegisterPort {
  readonly objectId: number;
  readonly lengthBytes: number;
  /** Writes on their way; null where each arrives at once. */
  readonly posted: PostedWrites | null;
  /** What the device writes may still be on its way to memory. */
  readonly #ordersWrites: boolean;

  constructor(
    private readonly kernel: Kernel,
    readonly view: DeviceView,
    /** Called after each write: somebody else works with these registers, too. Null: nobody does. */
    private readonly afterWrite: (() => void) | null = null,
  ) {
    this.objectId = view.objectId;
    this.lengthBytes = view.registers.table.lengthBytes;
    this.#ordersWrites = view.dataWrites !== null || view.writeBacks !== null;
    const { postedWrites } = view.placement;
    this.posted =
      postedWrites === 0
        ? null
        : new PostedWrites(view.memory, postedWrites, (offset, width, value) => this.#arrived(offset, width, value));
  }

  get fetchesBlocks(): boolean {
    return this.view.model.fetchesBlocks === true;
  }

  registerName(offset: number): string {
    const word = this.view.registers.table.words.find((candidate) => candidate.offset === offset);
    return `${word?.name ?? `register 0x${offset.toString(16)}`} of ${this.view.name}`;
  }

  keptBits(offset: number): number {
    const { readable, writable, commands } = this.view.registers.table;
    return readable[offset / 4]! & writable[offset / 4]! & ~commands[offset / 4]!;
  }

  readRegister(offset: number, widthBytes: RegisterWidth): number {
    try {
      if (this.posted !== null) this.posted.flush();
      const value = this.view.readRegister(offset, widthBytes);
      if (this.#ordersWrites) this.view.pushAheadOfRead(offset);
      return value;
    } catch (error) {
      throw this.#asFinding(error);
    }
  }

  writeRegister(offset: number, widthBytes: RegisterWidth, value: number): void {
    try {
      if (this.posted === null) {
        this.view.writeRegister(offset, widthBytes, value);
        this.afterWrite?.();
      } else {
        // Nobody looks at an offset where nobody answers.
        if (this.view.answers) this.view.registers.check(offset, widthBytes);
        this.posted.post(offset, widthBytes, value);
        if (this.kernel.races !== null) this.kernel.races.writePosted(this.objectId);
      }
    } catch (error) {
      throw this.#asFinding(error);
    }
  }

  /** An access to configuration space goes behind what is on its way in both directions. */
  settle(): void {
    if (this.posted !== null) this.posted.flush();
    if (this.#ordersWrites) this.view.pushWrites();
  }

  #arrived(offset: number, widthBytes: RegisterWidth, value: number): void {
    this.kernel.emit(EventKind.RegisterArrive, this.objectId, offset, value);
    if (this.kernel.races !== null) this.kernel.races.writeArrived(this.objectId);
    this.view.writeRegister(offset, widthBytes, value);
    this.afterWrite?.();
  }

  #asFinding(error: unknown): unknown {
    if (!(error instanceof RegisterAccessError)) return error;
    this.kernel.violation({ rule: 'L-REGISTER', severity: 'crash', object: `${this.view.name}#${this.objectId}`, message: error.message });
    return error;
  }
}
