import { atomics, type MachineMemory } from '../memory/index.js';
import type { RegisterTable } from './register-table.js';

/** What is wrong with an access; the bus layer turns it into a finding. */
export const RegisterAccessFault = {
  /** Not 8, 16 or 32 bits wide. */
  Width: 'REGISTER_WIDTH',
  /** Not a multiple of its width. */
  Alignment: 'REGISTER_ALIGNMENT',
  /** Beyond the end of the block. */
  Range: 'REGISTER_RANGE',
  /** No register stands there. */
  Undefined: 'REGISTER_UNDEFINED',
} as const;
export type RegisterAccessFault = (typeof RegisterAccessFault)[keyof typeof RegisterAccessFault];

/** The driver's access does not fit the register block. A defect of the code under test, not of the lab. */
export class RegisterAccessError extends Error {
  override readonly name = 'RegisterAccessError';
  constructor(
    readonly code: RegisterAccessFault,
    /** Name of the block, such as `plx9656`. */
    readonly block: string,
    readonly offset: number,
    readonly widthBytes: number,
    message: string,
  ) {
    super(message);
  }
}

/** Bytes a driver may access at once. */
export type RegisterWidth = 1 | 2 | 4;

const laneMask = (offset: number, widthBytes: number): number =>
  widthBytes === 4 ? -1 : ((1 << (widthBytes * 8)) - 1) << ((offset & 3) * 8);

/**
 * The registers of one device, in machine memory.
 *
 *     registers   +0x00 | word 0 | word 1 | ...      what a read gives
 *     latches     +0x00 | commands of word a | ...   command bits written and not yet taken by step()
 *
 * Driver and device work on one word at the same time from two threads. Nobody locks: a driver's write is one
 * compare-exchange over the whole word, which keeps its RW bits, clears its W1C bits and leaves alone what the device
 * set meanwhile; the device sets and clears bits with atomic or / and. So no W1C bit is ever lost to a
 * read-modify-write of its neighbours (rules D20, D21 then speak of the driver's own copies only).
 */
export class RegisterBlock {
  readonly #words: Int32Array;
  /** Index in `memory.i32` of the word at offset 0, and of latch 0: device models that look at them in every step compute from these. */
  readonly firstWord: number;
  readonly firstLatch: number;

  constructor(
    readonly table: RegisterTable,
    memory: MachineMemory,
    registersOffset: number,
    latchesOffset: number,
  ) {
    this.#words = memory.i32;
    this.firstWord = registersOffset >> 2;
    this.firstLatch = latchesOffset >> 2;
  }

  /** Index of a register's word in `memory.i32`, for device models that look at it in every step. */
  wordIndex(offset: number): number {
    return this.firstWord + (offset >> 2);
  }

  /** Index of the latch word of the command register at `offset`. */
  latchWordIndex(offset: number): number {
    return this.firstLatch + this.table.latchIndex[offset >> 2]!;
  }

  // ---- The driver's side

  /** Reads 8, 16 or 32 bits as an unsigned number. Throws RegisterAccessError. */
  read(offset: number, widthBytes: RegisterWidth): number {
    const index = this.#check(offset, widthBytes);
    const value = atomics.load(this.#words, this.firstWord + index) & this.table.readable[index]!;
    return widthBytes === 4 ? value >>> 0 : (value & laneMask(offset, widthBytes)) >>> ((offset & 3) * 8);
  }

  /**
   * Writes 8, 16 or 32 bits with the effect of each field's access, and returns the command bits written. They are
   * latched by `commit`, after everything else the write does: the step that takes a command sees it all, and what the
   * device does about it cannot be undone by the rest of the write. Throws RegisterAccessError.
   */
  write(offset: number, widthBytes: RegisterWidth, value: number): number {
    const index = this.#check(offset, widthBytes);
    const { table } = this;
    const lane = laneMask(offset, widthBytes);
    const written = (value << ((offset & 3) * 8)) & lane;
    const keep = table.writable[index]! & lane;
    const clear = table.clearable[index]! & written;
    if ((keep | clear) !== 0) this.#merge(this.firstWord + index, keep, written, clear);
    return table.commands[index]! & written;
  }

  /** Latches command bits of the register at `offset`, as `write` returned them. */
  commit(offset: number, commands: number): void {
    if (commands !== 0) atomics.or(this.#words, this.latchWordIndex(offset), commands);
  }

  #merge(at: number, keep: number, written: number, clear: number): void {
    const words = this.#words;
    if (keep === -1) {
      atomics.store(words, at, written);
      return;
    }
    // A loop that ends: it repeats only when the other side changed the word, which each side does boundedly often.
    for (let old = words[at]!; ;) {
      const seen = atomics.compareExchange(words, at, old, ((old & ~keep) | (written & keep)) & ~clear);
      if (seen === old) return;
      old = seen;
    }
  }

  /** Throws RegisterAccessError for an access that fits no register. */
  check(offset: number, widthBytes: number): void {
    this.#check(offset, widthBytes);
  }

  #check(offset: number, widthBytes: number): number {
    const index = offset >> 2;
    const fits = (offset | 0) === offset && (widthBytes === 4 || widthBytes === 2 || widthBytes === 1) && (offset & (widthBytes - 1)) === 0;
    if (fits && this.table.defined[index] === 1) return index;
    throw this.#refuse(offset, widthBytes);
  }

  #refuse(offset: number, widthBytes: number): RegisterAccessError {
    const { name, lengthBytes } = this.table;
    const at = `0x${offset.toString(16)}`;
    const error = (code: RegisterAccessFault, why: string): RegisterAccessError =>
      new RegisterAccessError(code, name, offset, widthBytes, `${name}: an access of ${widthBytes} bytes at register offset ${at} ${why}`);
    if (widthBytes !== 1 && widthBytes !== 2 && widthBytes !== 4)
      return error(RegisterAccessFault.Width, 'is neither 1, 2 nor 4 bytes wide');
    if (!Number.isInteger(offset) || offset < 0 || offset + widthBytes > lengthBytes)
      return error(RegisterAccessFault.Range, `lies outside the block of 0x${lengthBytes.toString(16)} bytes`);
    if (offset % widthBytes !== 0) return error(RegisterAccessFault.Alignment, 'is not aligned to its width');
    return error(RegisterAccessFault.Undefined, 'hits no register');
  }

  // ---- The device's side; `offset` is the offset of the 32-bit word

  /** Sets bits; returns what the word held before. Data stored before it is visible to whoever sees the bits. */
  raise(offset: number, bits: number): number {
    return atomics.or(this.#words, this.firstWord + (offset >> 2), bits);
  }

  /** Clears bits; returns what the word held before. */
  lower(offset: number, bits: number): number {
    return atomics.and(this.#words, this.firstWord + (offset >> 2), ~bits);
  }

  /** Stores a whole word that the driver does not write meanwhile. */
  put(offset: number, value: number): void {
    atomics.store(this.#words, this.firstWord + (offset >> 2), value);
  }

  /** Stores a whole word that the driver may write meanwhile, unless it did: false, and what the driver wrote stands. Releasing. */
  replace(offset: number, expected: number, value: number): boolean {
    return atomics.compareExchange(this.#words, this.firstWord + (offset >> 2), expected, value) === expected;
  }

  /** The word as it is, with all its bits, acquiring. */
  get(offset: number): number {
    return atomics.load(this.#words, this.firstWord + (offset >> 2));
  }

  /** Command bits waiting in the latch of the register at `offset`, by a plain load. */
  peekCommands(offset: number): number {
    return this.#words[this.latchWordIndex(offset)]!;
  }

  /** Takes the command bits of `mask` out of the latch and returns those that were there. */
  take(offset: number, mask: number): number {
    return atomics.and(this.#words, this.latchWordIndex(offset), ~mask) & mask;
  }

  /** Reset values everywhere, no command latched. Nobody looks meanwhile: plain stores, which the one that lets the device act again releases. */
  reset(): void {
    const words = this.#words;
    const { resetValues, latchCount } = this.table;
    for (let index = 0; index < resetValues.length; index++) words[this.firstWord + index] = resetValues[index]!;
    for (let latch = 0; latch < latchCount; latch++) words[this.firstLatch + latch] = 0;
  }

  /** Every register by name with its value, for reports. */
  describe(): { name: string; offset: number; value: number }[] {
    return this.table.words.map(({ name, offset }) => ({ name, offset, value: this.get(offset) >>> 0 }));
  }
}
