import { assertInternal } from '../nt/index.js';
import { PAGE_SIZE, atomics, struct, type LayoutBuilder, type MachineMemory } from '../memory/index.js';

/** Writes of a device that are held back at a time; the next one pushes the oldest into memory. */
export const DMA_WRITES_MAX = 8;

/** Both free-running. */
const Head = struct('DmaWrites', 4, { Issued: 0, Arrived: 1 });
const HEAD_WORDS = 4;
const Entry = struct('DmaWrite', 4, { Kind: 0, Target: 1, LengthBytes: 2, Value: 3 });
const ENTRY_WORDS = 4;
const ENTRIES_END = HEAD_WORDS + DMA_WRITES_MAX * ENTRY_WORDS;
/** A device's burst never crosses a page. */
const PAYLOAD_BYTES = PAGE_SIZE;

const Kind = { Copy: 0, Store: 1, Or: 2 } as const;

/** Reserves a buffer of writes from a device to memory. */
export function planDmaWrites(layout: LayoutBuilder, name: string): number {
  return layout.reserve(name, ENTRIES_END * 4 + DMA_WRITES_MAX * PAYLOAD_BYTES);
}

/**
 * What a device has written and memory does not show yet, in the order of issue (hal.md, ordering).
 *
 *     head       | issued | arrived |                  free-running; the difference is what is on its way
 *     entry i    | kind | target | length | value |    at index & (DMA_WRITES_MAX - 1)
 *     payload i  | bytes |
 *
 * The device's step puts writes in, on whatever thread performs it; they are let out by the main thread, or by a step that
 * pushes them. No two threads do so at a time: only schedules have such writes, and they take one step after another.
 * The words lie in machine memory, so that a reset undoes them and a hash covers them.
 */
export class DmaWrites {
  readonly #memory: MachineMemory;
  readonly #words: Int32Array;
  readonly #head: number;
  readonly #payloads: number;

  constructor(memory: MachineMemory, offset: number) {
    this.#memory = memory;
    this.#words = memory.i32;
    this.#head = offset >> 2;
    this.#payloads = offset + ENTRIES_END * 4;
  }

  /** Writes on their way. */
  get count(): number {
    return (this.#words[this.#head + Head.Issued]! - this.#words[this.#head + Head.Arrived]!) | 0;
  }

  /** Sends off a copy of `lengthBytes` bytes, a page at most, as they are now. */
  copy(target: number, source: number, lengthBytes: number): void {
    assertInternal(lengthBytes <= PAYLOAD_BYTES, 'DMA_WRITE', `${lengthBytes} bytes are written to memory in one step`);
    const at = this.#issue(Kind.Copy, target, lengthBytes, 0);
    this.#memory.copy(this.#payload(at), source, lengthBytes);
  }

  /** Sends off a store of the word at byte offset `target`. */
  store(target: number, value: number): void {
    this.#issue(Kind.Store, target, 4, value);
  }

  /** Sends off a write that sets bits of the word at byte offset `target` and leaves the others alone. */
  or(target: number, bits: number): void {
    this.#issue(Kind.Or, target, 4, bits);
  }

  /** The oldest arrives in memory; there must be one. */
  arriveOne(): void {
    const words = this.#words;
    const index = words[this.#head + Head.Arrived]!;
    words[this.#head + Head.Arrived] = (index + 1) | 0;
    const at = this.#entry(index);
    const target = words[at + Entry.Target]!;
    const lengthBytes = words[at + Entry.LengthBytes]!;
    switch (words[at + Entry.Kind]) {
      case Kind.Copy:
        this.#memory.copy(target, this.#payload(index), lengthBytes);
        return;
      case Kind.Store:
        this.#memory.touch(target, lengthBytes);
        atomics.store(words, target >> 2, words[at + Entry.Value]!);
        return;
      default:
        this.#memory.touch(target, lengthBytes);
        atomics.or(words, target >> 2, words[at + Entry.Value]!);
    }
  }

  /** All arrive, the oldest first. */
  flush(): void {
    for (let left = this.count; left > 0; left--) this.arriveOne();
  }

  /** Forgets what is on its way. */
  discard(): void {
    this.#words[this.#head + Head.Arrived] = this.#words[this.#head + Head.Issued]!;
  }

  /** Returns the index of the new entry. */
  #issue(kind: number, target: number, lengthBytes: number, value: number): number {
    if (this.count === DMA_WRITES_MAX) this.arriveOne();
    const words = this.#words;
    const index = words[this.#head + Head.Issued]!;
    const at = this.#entry(index);
    words[at + Entry.Kind] = kind;
    words[at + Entry.Target] = target;
    words[at + Entry.LengthBytes] = lengthBytes;
    words[at + Entry.Value] = value;
    words[this.#head + Head.Issued] = (index + 1) | 0;
    return index;
  }

  #entry(index: number): number {
    return this.#head + HEAD_WORDS + (index & (DMA_WRITES_MAX - 1)) * ENTRY_WORDS;
  }

  #payload(index: number): number {
    return this.#payloads + (index & (DMA_WRITES_MAX - 1)) * PAYLOAD_BYTES;
  }
}
