import { assertInternal } from '../nt/index.js';
import { CACHE_LINE_BYTES, atomics, struct, zeroWords, type LayoutBuilder, type MachineMemory, type WaitResult } from '../memory/index.js';
import type { FaultSink } from './iommu.js';

/** Vectors whose pending bits stand in one word. */
const VECTORS_PER_GROUP = 32;
const GROUPS_MAX = 31;
export const VECTORS_MAX = VECTORS_PER_GROUP * GROUPS_MAX;
/** Bit of the summary that says: some device's fault record is filled. */
const FAULT_BIT = 1 << 31;

/** Shared words, a cache line of their own in front; the groups follow at GROUP_WORDS. */
const Head = struct('InterruptController', 32, { Summary: 0 });
const GROUP_WORDS = 32;
const Wake = struct('WakeWords', 64, { Armed: 0, Counter: 32 });
const Count = struct('VectorCounters', 4, { Messages: 0, Coalesced: 1, Taken: 2, LineChanges: 3 });

/** Where the controller lies; plain data that travels to workers. */
export interface InterruptControllerPlacement {
  readonly state: number;
  readonly counters: number;
  readonly wake: number;
  readonly vectors: number;
}

/** Something that can hold a level line: the OR of all sources of a vector is its level. */
export interface LineSource {
  lineAsserted(): boolean;
}

export interface VectorStatistics {
  /** Messages that set the pending bit. */
  readonly messages: number;
  /** Messages that found it set already: the interrupt they announce is the pending one. */
  readonly coalesced: number;
  /** Messages the processor took. */
  readonly taken: number;
  /** Times a device said that its level may have changed. */
  readonly lineChanges: number;
}

/** Reserves the controller for `vectors` vectors (1 to VECTORS_MAX). Vector n's pending bit is bit n % 32 of group n / 32. */
export function planInterruptController(layout: LayoutBuilder, vectors = VECTORS_PER_GROUP): InterruptControllerPlacement {
  assertInternal(vectors >= 1 && vectors <= VECTORS_MAX, 'VECTORS', `${vectors} vectors; 1 to ${VECTORS_MAX} are possible`);
  const groups = Math.ceil(vectors / VECTORS_PER_GROUP);
  return {
    state: layout.reserve('interrupts.state', (GROUP_WORDS + groups) * 4, { align: CACHE_LINE_BYTES }),
    counters: layout.reserve('interrupts.counters', vectors * 16, { align: CACHE_LINE_BYTES }),
    wake: layout.reserve('interrupts.wake', 2 * CACHE_LINE_BYTES, { align: CACHE_LINE_BYTES, hashed: false }),
    vectors,
  };
}

/**
 * Interrupts on their way from devices (any thread) to the processor (main thread).
 *
 *     summary   | fault | ... | group 1 | group 0 |     one plain load tells whether there is anything to look at
 *     group g   | vector 32g+31 | ... | vector 32g |
 *
 * A message (MSI) sets its vector's bit, which stays until the processor takes it: messages meanwhile coalesce. For a
 * level line the bit only means "look": the level itself is always worked out from the devices' registers, so a line
 * can neither get lost nor stay up by mistake. Order: a device publishes data, then status, then the bit.
 */
export class InterruptController implements FaultSink {
  readonly vectors: number;
  readonly #words: Int32Array;
  readonly #summary: number;
  readonly #groups: number;
  readonly #counters: number;
  readonly #armed: number;
  readonly #wake: number;
  /** Main side only: devices on each level vector. */
  readonly #lines = new Map<number, LineSource[]>();

  constructor(memory: MachineMemory, placement: InterruptControllerPlacement) {
    this.vectors = placement.vectors;
    this.#words = memory.i32;
    this.#summary = (placement.state >> 2) + Head.Summary;
    this.#groups = (placement.state >> 2) + GROUP_WORDS;
    this.#counters = placement.counters >> 2;
    this.#armed = (placement.wake >> 2) + Wake.Armed;
    this.#wake = (placement.wake >> 2) + Wake.Counter;
  }

  // ---- The devices' side, any thread

  /** Sends the message of `vector`; while it is pending, further ones coalesce with it. */
  message(vector: number): void {
    const words = this.#words;
    const group = vector >> 5;
    const bit = 1 << (vector & 31);
    const before = atomics.or(words, this.#groups + group, bit);
    const counter = this.#counters + vector * 4 + ((before & bit) === 0 ? Count.Messages : Count.Coalesced);
    atomics.add(words, counter, 1);
    if ((before & bit) === 0) this.#publish(1 << group);
  }

  /** The level of `vector` may have changed: the processor works it out anew. */
  lineChanged(vector: number): void {
    const group = vector >> 5;
    atomics.or(this.#words, this.#groups + group, 1 << (vector & 31));
    atomics.add(this.#words, this.#counters + vector * 4 + Count.LineChanges, 1);
    this.#publish(1 << group);
  }

  /** A device's fault record was filled. */
  faultRaised(): void {
    this.#publish(FAULT_BIT);
  }

  #publish(summaryBit: number): void {
    atomics.or(this.#words, this.#summary, summaryBit);
    this.wakeMain();
  }

  /** Wakes the main thread if it sleeps; an armed sleeper is woken once. */
  wakeMain(): void {
    const words = this.#words;
    if (atomics.load(words, this.#armed) !== 0 && atomics.exchange(words, this.#armed, 0) !== 0) {
      atomics.add(words, this.#wake, 1);
      atomics.notify(words, this.#wake);
    }
  }

  // ---- The processor's side, main thread

  /** Anything to look at: a vector or a fault. One plain load, for every scheduling point. */
  hasAttention(): boolean {
    return this.#words[this.#summary] !== 0;
  }

  /** A device's fault record waits to be looked at; the attention bit is taken by `takeFaultAttention`. */
  hasFault(): boolean {
    return (this.#words[this.#summary]! & FAULT_BIT) !== 0;
  }

  /** Pending bits of 32 vectors from `32 * group`, by one plain load. */
  pendingBits(group = 0): number {
    return this.#words[this.#groups + group]!;
  }

  /** True when a message is pending or a line must be looked at. */
  isPending(vector: number): boolean {
    return (this.#words[this.#groups + (vector >> 5)]! & (1 << (vector & 31))) !== 0;
  }

  /** Takes the pending message: true for exactly one taker a message. What the device stored before it is visible then. */
  takeMessage(vector: number): boolean {
    if (!this.#clearPending(vector)) return false;
    atomics.add(this.#words, this.#counters + vector * 4 + Count.Taken, 1);
    return true;
  }

  /** Forgets a message that nobody will take: its device is gone. */
  discard(vector: number): void {
    this.#clearPending(vector);
  }

  #clearPending(vector: number): boolean {
    const words = this.#words;
    const group = vector >> 5;
    const bit = 1 << (vector & 31);
    if ((atomics.and(words, this.#groups + group, ~bit) & bit) === 0) return false;
    // The summary bit goes last and comes back if a device was quicker: it sets group first, summary second.
    if (atomics.load(words, this.#groups + group) === 0) {
      atomics.and(words, this.#summary, ~(1 << group));
      if (atomics.load(words, this.#groups + group) !== 0) atomics.or(words, this.#summary, 1 << group);
    }
    return true;
  }

  /** Puts a device on a level vector. */
  connectLine(vector: number, source: LineSource): void {
    const sources = this.#lines.get(vector) ?? [];
    sources.push(source);
    this.#lines.set(vector, sources);
  }

  /** True when the vector is a level line. */
  isLine(vector: number): boolean {
    return this.#lines.has(vector);
  }

  /** The level of a line now. As long as it is asserted the vector stays pending; a low line is forgotten until `lineChanged`. */
  isAsserted(vector: number): boolean {
    if (this.#level(vector)) return true;
    if (!this.#clearPending(vector)) return false;
    // A device may have asserted between the look and the clearing; its attention was just thrown away with ours.
    if (!this.#level(vector)) return false;
    atomics.or(this.#words, this.#groups + (vector >> 5), 1 << (vector & 31));
    atomics.or(this.#words, this.#summary, 1 << (vector >> 5));
    return true;
  }

  #level(vector: number): boolean {
    const sources = this.#lines.get(vector);
    if (sources === undefined) return false;
    for (let i = 0; i < sources.length; i++) if (sources[i]!.lineAsserted()) return true;
    return false;
  }

  /** True once after faults were raised; the caller then asks every device's domain. */
  takeFaultAttention(): boolean {
    if ((this.#words[this.#summary]! & FAULT_BIT) === 0) return false;
    return (atomics.and(this.#words, this.#summary, ~FAULT_BIT) & FAULT_BIT) !== 0;
  }

  statistics(vector: number): VectorStatistics {
    const at = this.#counters + vector * 4;
    const count = (field: number): number => atomics.load(this.#words, at + field) >>> 0;
    return {
      messages: count(Count.Messages),
      coalesced: count(Count.Coalesced),
      taken: count(Count.Taken),
      lineChanges: count(Count.LineChanges),
    };
  }

  /**
   * Sleeps until a device publishes something, blocking the event loop: at most `timeoutMs`. Returns 'not-equal' at
   * once when something is pending already. The wake word is read *before* arming, so no publication falls between.
   */
  waitBlocking(timeoutMs: number): WaitResult {
    const seen = this.#arm();
    if (seen === null) return 'not-equal';
    const result = atomics.waitBlocking(this.#words, this.#wake, seen, timeoutMs);
    atomics.store(this.#words, this.#armed, 0);
    return result;
  }

  /** As `waitBlocking`, but leaves the event loop running; keep one such wait outstanding, not several. */
  async waitOnLoop(timeoutMs: number): Promise<WaitResult> {
    const seen = this.#arm();
    if (seen === null) return 'not-equal';
    const result = await atomics.waitOnLoop(this.#words, this.#wake, seen, timeoutMs);
    atomics.store(this.#words, this.#armed, 0);
    return result;
  }

  #arm(): number | null {
    const words = this.#words;
    const seen = atomics.load(words, this.#wake);
    atomics.store(words, this.#armed, 1);
    if (atomics.load(words, this.#summary) === 0) return seen;
    atomics.store(words, this.#armed, 0);
    return null;
  }

  /** Nothing pending, all counters 0, nobody armed. Connected lines stay. */
  reset(): void {
    const words = this.#words;
    zeroWords(words, this.#summary, this.#groups + Math.ceil(this.vectors / VECTORS_PER_GROUP));
    zeroWords(words, this.#counters, this.#counters + this.vectors * 4);
    atomics.store(words, this.#armed, 0);
  }
}
