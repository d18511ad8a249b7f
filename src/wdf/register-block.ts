import { COMPLETED, EventKind, completed, makeOp, OpKind, type Kernel, type Op, type RaceWatch, type Suspending } from '../kernel/index.js';
import type { RegisterPort } from './hardware-resources.js';

/**
 * A mapped register window: READ_REGISTER_ULONG and its kin. Every access is a scheduling point of its own,
 * because the device and other virtual CPUs see it.
 */
export class RegisterBlock {
  readonly objectId: number;
  readonly #readOp: Op;
  readonly #writeOp: Op;

  constructor(
    private readonly kernel: Kernel,
    private readonly port: RegisterPort,
  ) {
    this.objectId = port.objectId;
    this.#readOp = makeOp(this.objectId, OpKind.Read);
    this.#writeOp = makeOp(this.objectId, OpKind.Update);
  }

  read32(offset: number): Suspending<number> {
    return this.#read(offset, 4);
  }

  read16(offset: number): Suspending<number> {
    return this.#read(offset, 2);
  }

  read8(offset: number): Suspending<number> {
    return this.#read(offset, 1);
  }

  write32(offset: number, value: number): Suspending<void> {
    return this.#write(offset, 4, value);
  }

  write16(offset: number, value: number): Suspending<void> {
    return this.#write(offset, 2, value);
  }

  write8(offset: number, value: number): Suspending<void> {
    return this.#write(offset, 1, value);
  }

  /** As most accesses are not suspended, they do without a generator. */
  #read(offset: number, widthBytes: 1 | 2 | 4): Suspending<number> {
    if (this.kernel.at(this.#readOp)) return this.#readLater(offset, widthBytes);
    return completed(this.#readNow(offset, widthBytes));
  }

  *#readLater(offset: number, widthBytes: 1 | 2 | 4): Suspending<number> {
    yield this.#readOp;
    return this.#readNow(offset, widthBytes);
  }

  #readNow(offset: number, widthBytes: 1 | 2 | 4): number {
    const value = this.port.readRegister(offset, widthBytes);
    this.kernel.emit(EventKind.RegisterRead, this.objectId, offset, value);
    if (this.kernel.races !== null) this.#watch(this.kernel.races, offset, widthBytes, false);
    return value;
  }

  #write(offset: number, widthBytes: 1 | 2 | 4, value: number): Suspending<void> {
    if (this.kernel.at(this.#writeOp)) return this.#writeLater(offset, widthBytes, value);
    this.#writeNow(offset, widthBytes, value);
    return COMPLETED;
  }

  *#writeLater(offset: number, widthBytes: 1 | 2 | 4, value: number): Suspending<void> {
    yield this.#writeOp;
    this.#writeNow(offset, widthBytes, value);
  }

  #writeNow(offset: number, widthBytes: 1 | 2 | 4, value: number): void {
    this.kernel.emit(EventKind.RegisterWrite, this.objectId, offset, value);
    this.port.writeRegister(offset, widthBytes, value);
    if (this.kernel.races !== null) this.#watch(this.kernel.races, offset, widthBytes, true);
  }

  /** Only bits that keep what is written can be lost between a read and the write that gives it back. */
  #watch(races: RaceWatch, offset: number, widthBytes: number, isWrite: boolean): void {
    const word = offset & ~3;
    const lanes = (widthBytes === 4 ? -1 : (1 << (8 * widthBytes)) - 1) << (8 * (offset & 3));
    if (((this.port.keptBits?.(word) ?? 0) & lanes) === 0) return;
    if (isWrite) races.registerWritten(this.objectId, word, lanes, this.port);
    else races.registerRead(this.objectId, word, lanes, this.port);
  }
}
