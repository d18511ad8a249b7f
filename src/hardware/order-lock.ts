import { CACHE_LINE_BYTES, atomics, struct, type LayoutBuilder, type MachineMemory } from '../memory/index.js';

/**
 * The order of a recorded run: whoever performs a visible operation - a device step, or the main thread's code between
 * two scheduling points - holds this lock meanwhile, so that all operations stand in one order.
 *
 *     line 0  owner: 0 free, else a party; number of sleepers on it
 *     line 1  wanted: one bit a party that waits for the lock; open: devices may step
 *     line 2  signal: counts what the waiting main thread should see; main waits
 *     line 3  written: steps appended, free-running; limit: `written` stops there until the main thread has read
 *     then    ring of steps: device index, operation
 *
 * It is biased: the holder keeps it from operation to operation as long as nobody else wants it, which costs one load
 * each. A waiter raises its bit; a coin decides at each operation whether the holder gives way, so that recordings
 * differ where the waiters come at the same moments. It is no ticket lock: a queue of waiters, one of which has no
 * core, would stop everybody.
 */
const Word = struct('OrderLock', 128, {
  Owner: 0,
  Sleepers: 1,
  Wanted: 32,
  Open: 33,
  Signal: 64,
  MainWaits: 65,
  Written: 96,
  Limit: 97,
});
const HEAD_WORDS = 128;
const ENTRY_WORDS = 2;
/** Steps kept until the main thread reads them; a power of two. */
export const ORDER_SLOTS = 4096;

/** The main thread's place among the parties; engine host i is party i + 1. */
export const MAIN_PARTY = 0;
/** Parties have a bit each. */
export const ORDER_PARTIES_MAX = 31;

/** Looks at the lock before going to sleep, when there are cores to spare for spinning. */
const TAKE_SPINS = 4000;
/** Looks that a releaser leaves to those who want the lock before it may take it again. */
const LINGER_SPINS = 200;
/** Times in a row that nobody came although somebody wanted it: then the waiter has no core, and is left this one. */
const MISSES_MAX = 16;
const LEAVE_CORE_MS = 0.05;
/** Looks at the signal before going to sleep. */
const SIGNAL_SPINS = 4000;

/** Reserves the lock and returns its byte offset. */
export function planOrderLock(layout: LayoutBuilder): number {
  const lengthBytes = (HEAD_WORDS + ORDER_SLOTS * ENTRY_WORDS) * 4;
  return layout.reserve('order-lock', lengthBytes, { align: CACHE_LINE_BYTES, hashed: false });
}

/** The lock as one party sees it. */
export class OrderLock {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #ring: number;
  readonly #owner: number;
  readonly #bit: number;
  readonly #spins: boolean;
  #coin: number;
  #misses = 0;

  /** `at` is the byte offset from `planOrderLock`; `spins` is false on a machine without a core to spare. */
  constructor(memory: MachineMemory, at: number, party: number, spins: boolean) {
    this.#words = memory.i32;
    this.#at = at >> 2;
    this.#ring = this.#at + HEAD_WORDS;
    this.#owner = party + 1;
    this.#bit = 1 << party;
    this.#spins = spins;
    this.#coin = party;
  }

  /** Fixes the falls of this party's coin from here on. */
  reseed(seed: number): void {
    this.#coin = seed | 0;
  }

  // ---- The lock

  tryTake(): boolean {
    return atomics.compareExchange(this.#words, this.#at + Word.Owner, 0, this.#owner) === 0;
  }

  /** Takes the lock; false when it was not to be had for about `timeoutMs`: the caller looks after its other duties and comes again. */
  take(timeoutMs: number): boolean {
    if (this.tryTake()) return true;
    const words = this.#words;
    atomics.or(words, this.#at + Word.Wanted, this.#bit);
    const taken = this.#spinForLock() || this.#sleepForLock(timeoutMs);
    atomics.and(words, this.#at + Word.Wanted, ~this.#bit);
    return taken;
  }

  #spinForLock(): boolean {
    const owner = this.#at + Word.Owner;
    if (this.#spins) for (let i = 0; i < TAKE_SPINS; i++) if (atomics.load(this.#words, owner) === 0 && this.tryTake()) return true;
    return false;
  }

  #sleepForLock(timeoutMs: number): boolean {
    const words = this.#words;
    const owner = this.#at + Word.Owner;
    atomics.add(words, this.#at + Word.Sleepers, 1);
    const seen = atomics.load(words, owner);
    if (seen !== 0) atomics.waitBlocking(words, owner, seen, timeoutMs);
    atomics.add(words, this.#at + Word.Sleepers, -1);
    return this.tryTake();
  }

  release(): void {
    const words = this.#words;
    atomics.store(words, this.#at + Word.Owner, 0);
    if (atomics.load(words, this.#at + Word.Sleepers) > 0) atomics.notify(words, this.#at + Word.Owner);
  }

  /** The holder should let others go first, now: somebody wants the lock, and the coin is for it. One plain load: seen an operation later, it is early enough. */
  mustGiveWay(): boolean {
    if ((this.#words[this.#at + Word.Wanted]! & ~this.#bit) === 0) return false;
    this.#coin = (Math.imul(this.#coin, 1_664_525) + 1_013_904_223) | 0;
    return this.#coin < 0;
  }

  /** Releases the lock and leaves a moment to those who want it. */
  giveWay(): void {
    this.release();
    const words = this.#words;
    for (let i = 0; i < LINGER_SPINS; i++) {
      const isWanted = (atomics.load(words, this.#at + Word.Wanted) & ~this.#bit) !== 0;
      if (!isWanted || atomics.load(words, this.#at + Word.Owner) !== 0) {
        this.#misses = 0;
        return;
      }
    }
    if (++this.#misses < MISSES_MAX) return;
    this.#misses = 0;
    atomics.add(words, this.#at + Word.Sleepers, 1);
    atomics.waitBlocking(words, this.#at + Word.Owner, 0, LEAVE_CORE_MS);
    atomics.add(words, this.#at + Word.Sleepers, -1);
  }

  /** Takes the lock whoever holds it: its holder's thread is lost. The order is worth nothing from here on. */
  seize(): void {
    atomics.store(this.#words, this.#at + Word.Owner, this.#owner);
  }

  // ---- The hosts' side

  /** Devices may step: an execution's traffic is under way. By a plain load; sure only while the lock is held, as `isFull` is. */
  get isOpen(): boolean {
    return this.#words[this.#at + Word.Open] !== 0;
  }

  /** The main thread must read, or look at a fault, before another step. */
  get isFull(): boolean {
    return this.#words[this.#at + Word.Written] === this.#words[this.#at + Word.Limit];
  }

  /** Adds a step to the order; the holder only, and only while not full. */
  append(device: number, op: number): void {
    const words = this.#words;
    const written = words[this.#at + Word.Written]!;
    const slot = this.#ring + (written & (ORDER_SLOTS - 1)) * ENTRY_WORDS;
    words[slot] = device;
    words[slot + 1] = op;
    words[this.#at + Word.Written] = (written + 1) | 0;
  }

  /** No further step until the main thread has looked; the holder only. */
  stopHere(): void {
    const words = this.#words;
    words[this.#at + Word.Limit] = words[this.#at + Word.Written]!;
  }

  /** Wakes the main thread if it waits. */
  signal(): void {
    const words = this.#words;
    if (atomics.load(words, this.#at + Word.MainWaits) === 0) return;
    atomics.add(words, this.#at + Word.Signal, 1);
    atomics.notify(words, this.#at + Word.Signal);
  }

  // ---- The main thread's side; it holds the lock unless said otherwise

  /** Steps appended so far, free-running. */
  get written(): number {
    return this.#words[this.#at + Word.Written]!;
  }

  /** Device of the step that was appended as number `position`. */
  deviceAt(position: number): number {
    return this.#words[this.#ring + (position & (ORDER_SLOTS - 1)) * ENTRY_WORDS]!;
  }

  opAt(position: number): number {
    return this.#words[this.#ring + (position & (ORDER_SLOTS - 1)) * ENTRY_WORDS + 1]!;
  }

  /** Everything up to `position` has been read; hosts may append `room` more steps, and at most what the ring holds. */
  setRead(position: number, room: number): void {
    this.#words[this.#at + Word.Limit] = (position + Math.min(room, ORDER_SLOTS)) | 0;
  }

  setOpen(open: boolean): void {
    atomics.store(this.#words, this.#at + Word.Open, open ? 1 : 0);
  }

  /** Announces that the main thread will wait, before it releases the lock; the result is for `await`. */
  beginWait(): number {
    const seen = atomics.load(this.#words, this.#at + Word.Signal);
    atomics.store(this.#words, this.#at + Word.MainWaits, 1);
    return seen;
  }

  /** Waits for a signal, at most `timeoutMs`; without the lock. True when there was one. */
  await(seen: number, timeoutMs: number): boolean {
    const words = this.#words;
    const signal = this.#at + Word.Signal;
    if (this.#spins) for (let i = 0; i < SIGNAL_SPINS; i++) if (atomics.load(words, signal) !== seen) return true;
    return atomics.waitBlocking(words, signal, seen, timeoutMs) !== 'timed-out';
  }

  endWait(): void {
    atomics.store(this.#words, this.#at + Word.MainWaits, 0);
  }
}
