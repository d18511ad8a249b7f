import * as atomics from '../../memory/atomics.js';

/** Schedules of one block: what a thread takes at a time. Small, so that what is lost with a thread is little. */
export const BLOCK_SCHEDULES = 16;

/** No schedule has found anything. */
export const NO_BOUND = 0x7fff_ffff;

/*
 *     word 0            1       2       3      | 4 + 3t       5 + 3t     6 + 3t
 *     blocks taken    | bound | ending | abort | beat      | schedule  | executed      of thread t
 */
const BLOCKS = 0;
const BOUND = 1;
const ENDING = 2;
const ABORT = 3;
const THREADS = 4;
const WORDS_PER_THREAD = 3;

/**
 * What the threads of one search tell each other, in shared words. Blocks are dealt in order, and a finding at schedule
 * k bounds the search: whoever is below goes on up to k, so the lowest one is found whoever is faster.
 */
export class SearchControl {
  readonly #words: Int32Array;

  /** Over `shared`, which another `SearchControl` has made, or over new words for `threads` threads. */
  constructor(readonly shared: SharedArrayBuffer) {
    this.#words = new Int32Array(shared);
  }

  static forThreads(threads: number): SearchControl {
    const control = new SearchControl(new SharedArrayBuffer((THREADS + threads * WORDS_PER_THREAD) * Int32Array.BYTES_PER_ELEMENT));
    atomics.store(control.#words, BOUND, NO_BOUND);
    return control;
  }

  /** Number of the first schedule of the next block. */
  takeBlock(): number {
    return atomics.add(this.#words, BLOCKS, 1) * BLOCK_SCHEDULES;
  }

  /** Lowest schedule that has found something, `NO_BOUND` at first. */
  get bound(): number {
    return atomics.load(this.#words, BOUND);
  }

  lowerBound(schedule: number): void {
    let seen = this.bound;
    // Each failed exchange means that another thread lowered the bound: as many times as there are threads.
    while (schedule < seen) {
      const found = atomics.compareExchange(this.#words, BOUND, seen, schedule);
      if (found === seen) return;
      seen = found;
    }
  }

  /** No more blocks are begun, those begun are finished: time is up. */
  end(): void {
    atomics.store(this.#words, ENDING, 1);
  }

  get isEnding(): boolean {
    return atomics.load(this.#words, ENDING) !== 0;
  }

  /** Everybody stops behind the schedule under way. */
  abort(): void {
    this.end();
    atomics.store(this.#words, ABORT, 1);
  }

  get isAborted(): boolean {
    return atomics.load(this.#words, ABORT) !== 0;
  }

  /** Thread `thread` is alive and gets on. */
  beat(thread: number): void {
    atomics.add(this.#words, THREADS + thread * WORDS_PER_THREAD, 1);
  }

  beats(thread: number): number {
    return atomics.load(this.#words, THREADS + thread * WORDS_PER_THREAD);
  }

  begin(thread: number, schedule: number): void {
    this.beat(thread);
    atomics.store(this.#words, THREADS + thread * WORDS_PER_THREAD + 1, schedule + 1);
  }

  /** The schedule under way has ended; it was a lesson, which another thread counts. */
  learnt(thread: number): void {
    atomics.store(this.#words, THREADS + thread * WORDS_PER_THREAD + 1, 0);
  }

  executed(thread: number): void {
    this.learnt(thread);
    atomics.add(this.#words, THREADS + thread * WORDS_PER_THREAD + 2, 1);
  }

  /** The schedule that thread `thread` is in, -1 when in none. */
  scheduleOf(thread: number): number {
    return atomics.load(this.#words, THREADS + thread * WORDS_PER_THREAD + 1) - 1;
  }

  /** Schedules that `threads` threads have executed, for progress. */
  executedBy(threads: number): number {
    let sum = 0;
    for (let thread = 0; thread < threads; thread++) sum += atomics.load(this.#words, THREADS + thread * WORDS_PER_THREAD + 2);
    return sum;
  }
}
