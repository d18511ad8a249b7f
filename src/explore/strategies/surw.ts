import { opObject, SeededRandom, type Op } from '../../kernel/index.js';
import type { Strategy } from '../../backends/strategy.js';
import { startDraws } from './draws.js';
import { LESSONS } from './lessons.js';

/** Objects and strands that are counted; operations beyond are scheduled and never selected. */
const OBJECTS_MAX = 4096;
const STRANDS_MAX = 64;
const NONE = -1;

/**
 * Selectively uniform random walk (Zhao, Wolff, Mathur, Roychoudhury, ASPLOS 2025): each execution selects one object,
 * and the order of the operations on it is sampled uniformly by giving each strand a chance in proportion to
 * how many of them it has left. How many it will have is what the lessons had on average. Everything else
 * goes in random order and waits for nobody.
 */
export class Surw implements Strategy {
  readonly name = 'surw';
  readonly isSample = true;
  readonly isIndependent = true;
  readonly lessons = LESSONS;
  readonly #random = new SeededRandom(0);
  /** Operations of the lessons by object and strand. */
  readonly #counts = new Int32Array(OBJECTS_MAX * STRANDS_MAX);
  /** Objects that were counted, so that drawing looks at no others. */
  readonly #touched = new Int32Array(OBJECTS_MAX);
  #touchedCount = 0;
  readonly #isTouched = new Uint8Array(OBJECTS_MAX);
  /** Counted objects that two strands or more operate on. */
  readonly #shared = new Int32Array(OBJECTS_MAX);
  #sharedCount = 0;
  #learnt = 0;
  readonly #left = new Int32Array(STRANDS_MAX);
  #selected = NONE;
  /** The strand that shall perform the next selected operation. */
  #intended = NONE;

  newExecution(seed: number): boolean {
    startDraws(this.#random, seed);
    this.#selected = this.#sharedCount === 0 ? NONE : this.#shared[this.#random.below(this.#sharedCount)]!;
    this.#left.fill(0);
    if (this.#selected !== NONE) for (let i = 0; i < STRANDS_MAX; i++) this.#left[i] = this.#expected(this.#selected, i);
    this.#intended = this.#drawStrand();
    return true;
  }

  /** Operations on `object` that the strand has in an execution, on average; who came there at all has one. */
  #expected(object: number, strand: number): number {
    return Math.ceil(this.#counts[object * STRANDS_MAX + strand]! / this.#learnt);
  }

  /** A strand, as likely as it has selected operations left. */
  #drawStrand(): number {
    const left = this.#left;
    let total = 0;
    for (let i = 0; i < STRANDS_MAX; i++) total += left[i]!;
    if (total === 0) return NONE;
    let at = this.#random.below(total);
    for (let i = 0; i < STRANDS_MAX; i++) {
      at -= left[i]!;
      if (at < 0) return i;
    }
    return NONE;
  }

  pick(enabled: Int32Array, count: number, _current: number, ops: Int32Array): number {
    let free = 0;
    for (let i = 0; i < count; i++) if (this.#mayRun(enabled[i]!, ops[i]!)) free++;
    // All stand before selected operations and the intended strand is not among them: the profile was wrong here.
    if (free === 0) return this.#random.below(count);
    let at = this.#random.below(free);
    for (let i = 0; i < count; i++) if (this.#mayRun(enabled[i]!, ops[i]!) && at-- === 0) return i;
    return 0;
  }

  #mayRun(strand: number, op: Op): boolean {
    return this.#intended === NONE || strand === this.#intended || opObject(op) !== this.#selected;
  }

  executed(strand: number, op: Op): void {
    const object = opObject(op);
    if (strand >= STRANDS_MAX || object < 0 || object >= OBJECTS_MAX) return;
    if (this.#learnt < LESSONS) this.#count(object, strand);
    if (object !== this.#selected) return;
    if (this.#left[strand]! > 0) this.#left[strand]!--;
    this.#intended = this.#drawStrand();
  }

  #count(object: number, strand: number): void {
    if (this.#isTouched[object] === 0) {
      this.#isTouched[object] = 1;
      this.#touched[this.#touchedCount++] = object;
    }
    this.#counts[object * STRANDS_MAX + strand]!++;
  }

  finished(): void {
    if (this.#learnt === LESSONS) return;
    this.#learnt++;
    this.#sharedCount = 0;
    for (let i = 0; i < this.#touchedCount; i++) {
      const object = this.#touched[i]!;
      let users = 0;
      for (let strand = 0; strand < STRANDS_MAX; strand++) if (this.#expected(object, strand) > 0) users++;
      if (users > 1) this.#shared[this.#sharedCount++] = object;
    }
  }
}
