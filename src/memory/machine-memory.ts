import { InternalError } from '../nt/index.js';
import { createCopyModule, createWasmMemory, HASH_BLOCK_BYTES, type CopyModule, type WasmMemory } from './wasm-copy.js';

export const PAGE_SIZE = 4096;
export const PAGE_SHIFT = 12;

/** Each index that one side writes and the other reads stands on a line of its own: false sharing costs up to four times. */
export const CACHE_LINE_BYTES = 128;

/** Zeroes a few words, [from, end): calling `fill` of a typed array takes longer than a hundred of them. */
export function zeroWords(words: Int32Array, from: number, end: number): void {
  for (let at = from; at < end; at++) words[at] = 0;
}

/**
 * The machine's memory and the views every part of the lab reads it through.
 *
 * A byte offset into the buffer *is* the physical address: page frame n lies at `n * PAGE_SIZE`. Control structures
 * (device windows, tables) lie below the first RAM frame, see `layout.ts`.
 *
 * `shared` memory travels to workers as its `wasm` object; private memory is for the controlled backend, where the
 * same code runs without other threads.
 */
export class MachineMemory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly i64: BigInt64Array;
  readonly f64: Float64Array;
  readonly lengthBytes: number;
  /** Accesses by drivers' code to buffers it shares with devices: of these there are no events. */
  driverAccesses = 0;
  readonly #module: CopyModule;
  /** One byte a page: written since it was cleared. Null where other threads write, too, and nobody can keep count. */
  readonly #touched: Uint8Array | null;
  /** Those pages, in the order they were touched. */
  readonly #touchedPages: Int32Array;
  #touchedCount = 0;

  constructor(readonly wasm: WasmMemory) {
    const { buffer } = wasm;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.i64 = new BigInt64Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.lengthBytes = buffer.byteLength;
    this.#module = createCopyModule(wasm);
    this.#touched = buffer instanceof ArrayBuffer ? new Uint8Array(Math.ceil(this.lengthBytes / PAGE_SIZE)) : null;
    this.#touchedPages = new Int32Array(this.#touched?.length ?? 0);
  }

  static create(lengthBytes: number, shared: boolean): MachineMemory {
    return new MachineMemory(createWasmMemory(lengthBytes, shared));
  }

  /** Copies bytes, overlap allowed. The call into the module beats a loop over words from 16 bytes on, so there is no short path. */
  copy(to: number, from: number, lengthBytes: number): void {
    this.#check(to, lengthBytes);
    this.#check(from, lengthBytes);
    this.#module.copy(to, from, lengthBytes);
    this.touch(to, lengthBytes);
  }

  fill(to: number, value: number, lengthBytes: number): void {
    this.#check(to, lengthBytes);
    this.#module.fill(to, value, lengthBytes);
    this.touch(to, lengthBytes);
  }

  /** Zeroes without a trace. */
  clear(at: number, lengthBytes: number): void {
    this.#check(at, lengthBytes);
    this.#module.fill(at, 0, lengthBytes);
  }

  /** Somebody is about to write these bytes through a view: their pages belong to what a reset clears. */
  touch(address: number, lengthBytes: number): void {
    const touched = this.#touched;
    if (touched === null || lengthBytes === 0) return;
    const last = (address + lengthBytes - 1) >>> PAGE_SHIFT;
    for (let page = address >>> PAGE_SHIFT; page <= last; page++) {
      if (touched[page] !== 0) continue;
      touched[page] = 1;
      this.#touchedPages[this.#touchedCount++] = page;
    }
  }

  /** Whether the page at `address` may hold anything: always, where nobody keeps count. */
  isTouched(address: number): boolean {
    return this.#touched === null || this.#touched[address >>> PAGE_SHIFT] !== 0;
  }

  /** Zeroes the pages of these ranges that may hold anything, and forgets what was touched. */
  clearTouched(ranges: readonly { readonly offset: number; readonly lengthBytes: number }[]): void {
    if (this.#touched === null) {
      for (const { offset, lengthBytes } of ranges) this.clear(offset, lengthBytes);
      return;
    }
    for (let i = 0; i < this.#touchedCount; i++) {
      const page = this.#touchedPages[i]!;
      this.#touched[page] = 0;
      const address = page * PAGE_SIZE;
      for (const { offset, lengthBytes } of ranges) if (address >= offset && address < offset + lengthBytes) this.clear(address, PAGE_SIZE);
    }
    this.#touchedCount = 0;
  }

  /** Offset of the first byte in which two ranges differ, -1 when they are equal. */
  firstDifference(a: number, b: number, lengthBytes: number): number {
    this.#check(a, lengthBytes);
    this.#check(b, lengthBytes);
    return this.#module.firstDifference(a, b, lengthBytes);
  }

  /** The module takes addresses modulo 2^32 and typed arrays drop stray stores: both would hide a wild address, so it stops here. NaN does not pass. */
  #check(address: number, lengthBytes: number): void {
    if (address >= 0 && lengthBytes >= 0 && address + lengthBytes <= this.lengthBytes) return;
    throw new InternalError(
      'MEMORY_BOUNDS',
      `${lengthBytes} bytes at 0x${address.toString(16)} lie outside the ${this.lengthBytes} bytes of the machine`,
    );
  }

  /** Chains 32-byte blocks of a range into a 64-bit hash; `lengthBytes` is a multiple of HASH_BLOCK_BYTES. */
  hash(from: number, lengthBytes: number, seed: bigint): bigint {
    this.#check(from, lengthBytes);
    if (lengthBytes % HASH_BLOCK_BYTES !== 0) throw new InternalError('MEMORY_HASH', `${lengthBytes} bytes are no whole blocks to hash`);
    return this.#module.hash(from, lengthBytes, seed);
  }
}
