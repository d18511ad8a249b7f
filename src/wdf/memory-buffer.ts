import { assertInternal } from '../nt/index.js';
import type { MachineMemory } from '../memory/index.js';
import type { Kernel } from '../kernel/index.js';
import type { Mdl } from '../hal/index.js';

/** Where bytes are kept; offsets have been checked. */
export interface ByteStore {
  read8(offset: number): number;
  write8(offset: number, value: number): void;
}

/** Bytes of the driver's own, which no device can reach. */
export class ArrayStore implements ByteStore {
  constructor(private readonly bytes: Uint8Array) {}

  read8(offset: number): number {
    return this.bytes[offset]!;
  }

  write8(offset: number, value: number): void {
    this.bytes[offset] = value;
  }
}

/** Pages of the machine under a chain of MDLs, as MmGetSystemAddressForMdlSafe maps them. */
export class MdlStore implements ByteStore {
  constructor(
    private readonly memory: MachineMemory | null,
    private readonly first: Mdl,
  ) {}

  read8(offset: number): number {
    return this.#memory().u8[this.#physicalAddress(offset)]!;
  }

  write8(offset: number, value: number): void {
    this.#memory().u8[this.#physicalAddress(offset)] = value;
  }

  #memory(): MachineMemory {
    assertInternal(this.memory !== null, 'MEMORY_ABSENT', 'a buffer is looked into on a platform without machine memory');
    return this.memory;
  }

  #physicalAddress(offset: number): number {
    this.#memory().driverAccesses++;
    let mdl: Mdl | null = this.first;
    let rest = offset;
    while (mdl !== null && rest >= mdl.byteCount) {
      rest -= mdl.byteCount;
      mdl = mdl.next;
    }
    assertInternal(mdl !== null, 'MDL_SHORT', `offset ${offset} lies behind the end of its MDLs`);
    return mdl.physicalAddress(rest);
  }
}

/** Says whether a buffer may be touched now; called before every access. */
export interface BufferGuard {
  /** What the buffer belongs to, as findings print it. */
  readonly label: string;
  checkAccess(): void;
}

/**
 * What a `PVOID Buffer` and its length are for a driver in C: the bytes of a WDFMEMORY or of a request. It outlives
 * its owner as a pointer does, and finds out when it is used then (rules B05, C09). Rule L-BUFFER-BOUNDS: an access
 * outside of it.
 */
export class MemoryBuffer {
  constructor(
    private readonly kernel: Kernel,
    private readonly guard: BufferGuard,
    private readonly store: ByteStore,
    readonly lengthBytes: number,
  ) {}

  read8(offset: number): number {
    this.#check(offset, 1);
    return this.store.read8(offset);
  }

  write8(offset: number, value: number): void {
    this.#check(offset, 1);
    this.store.write8(offset, value);
  }

  /** Four bytes, least significant first, at any offset; 0 to 2^32-1. */
  read32(offset: number): number {
    this.#check(offset, 4);
    const { store } = this;
    return (
      store.read8(offset) + store.read8(offset + 1) * 0x100 + store.read8(offset + 2) * 0x1_0000 + store.read8(offset + 3) * 0x100_0000
    );
  }

  write32(offset: number, value: number): void {
    this.#check(offset, 4);
    for (let i = 0, rest = value >>> 0; i < 4; i++, rest = Math.floor(rest / 0x100)) this.store.write8(offset + i, rest % 0x100);
  }

  /** Copies `lengthBytes` from `offset` on into the beginning of `target`. */
  copyTo(offset: number, target: Uint8Array, lengthBytes: number): void {
    this.#check(offset, lengthBytes);
    this.#checkArray(target, lengthBytes);
    for (let i = 0; i < lengthBytes; i++) target[i] = this.store.read8(offset + i);
  }

  /** Copies the first `lengthBytes` of `source` to `offset`. */
  copyFrom(offset: number, source: Uint8Array, lengthBytes: number): void {
    this.#check(offset, lengthBytes);
    this.#checkArray(source, lengthBytes);
    for (let i = 0; i < lengthBytes; i++) this.store.write8(offset + i, source[i]!);
  }

  #check(offset: number, bytes: number): void {
    this.guard.checkAccess();
    if (offset >= 0 && offset + bytes <= this.lengthBytes) return;
    this.#outside(
      `${bytes} bytes at offset ${offset} of a buffer of ${this.guard.label} are accessed, which has ${this.lengthBytes} bytes`,
    );
  }

  #checkArray(array: Uint8Array, bytes: number): void {
    if (bytes <= array.length) return;
    this.#outside(`${bytes} bytes are copied between ${this.guard.label} and a buffer of the driver's, which has ${array.length} bytes`);
  }

  #outside(message: string): void {
    this.kernel.violation({ rule: 'L-BUFFER-BOUNDS', severity: 'crash', object: this.guard.label, message });
  }
}
