import { struct, type LayoutBuilder, type MachineMemory } from '../memory/index.js';
import type { RegisterWidth } from './register-block.js';

/** Writes that bridges hold back for one device; the next one pushes the oldest out. */
export const POSTED_WRITES_MAX = 8;

/** Both free-running. */
const Head = struct('PostedWrites', 4, { Posted: 0, Arrived: 1 });
const HEAD_WORDS = 4;
const Entry = struct('PostedWrite', 4, { Offset: 0, WidthBytes: 1, Value: 2 });
const ENTRY_WORDS = 4;

/** Reserves the buffer of a device's register writes. */
export function planPostedWrites(layout: LayoutBuilder, name: string): number {
  return layout.reserve(`${name}.posted`, (HEAD_WORDS + POSTED_WRITES_MAX * ENTRY_WORDS) * 4);
}

/** Takes a write that has arrived at its device. */
export type WriteArrival = (offset: number, widthBytes: RegisterWidth, value: number) => void;

/**
 * Register writes on their way from the processors to one device: they arrive in the order in which they were issued,
 * some time later, and at the latest before a read of the device is answered (hal.md, ordering).
 *
 *     head     | posted | arrived |                 free-running; the difference is what is on its way
 *     entry i  | offset | width | value |           at index & (POSTED_WRITES_MAX - 1)
 *
 * Main thread only; the words lie in machine memory, so that a reset undoes them and a hash covers them.
 */
export class PostedWrites {
  readonly #words: Int32Array;
  readonly #head: number;
  readonly #arrive: WriteArrival;

  constructor(memory: MachineMemory, offset: number, arrive: WriteArrival) {
    this.#words = memory.i32;
    this.#head = offset >> 2;
    this.#arrive = arrive;
  }

  /** Writes on their way. */
  get count(): number {
    return (this.#words[this.#head + Head.Posted]! - this.#words[this.#head + Head.Arrived]!) | 0;
  }

  /** Sends a write off. With POSTED_WRITES_MAX on their way the oldest arrives first. */
  post(offset: number, widthBytes: RegisterWidth, value: number): void {
    if (this.count === POSTED_WRITES_MAX) this.arriveOne();
    const words = this.#words;
    const at = this.#entry(words[this.#head + Head.Posted]!);
    words[at + Entry.Offset] = offset;
    words[at + Entry.WidthBytes] = widthBytes;
    words[at + Entry.Value] = value;
    words[this.#head + Head.Posted] = (words[this.#head + Head.Posted]! + 1) | 0;
  }

  /** The oldest arrives; there must be one. */
  arriveOne(): void {
    const words = this.#words;
    const at = this.#entry(words[this.#head + Head.Arrived]!);
    words[this.#head + Head.Arrived] = (words[this.#head + Head.Arrived]! + 1) | 0;
    this.#arrive(words[at + Entry.Offset]!, words[at + Entry.WidthBytes]! as RegisterWidth, words[at + Entry.Value]!);
  }

  /** All arrive, the oldest first: what a read of the device does before it is answered. */
  flush(): void {
    for (let left = this.count; left > 0; left--) this.arriveOne();
  }

  #entry(index: number): number {
    return this.#head + HEAD_WORDS + (index & (POSTED_WRITES_MAX - 1)) * ENTRY_WORDS;
  }
}
