import { SeededRandom } from '../../kernel/index.js';
import type { Strategy } from '../../backends/strategy.js';
import { startDraws } from './draws.js';
import { LESSONS } from './lessons.js';
import { STRANDS_AT_FIRST, withRoomFor } from './strand-words.js';

/** Choices an execution is taken to have before one has been seen. */
const FIRST_LENGTH = 16;

/** No priority drawn yet. */
const UNKNOWN = -1;

/**
 * Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): every strand gets a
 * random priority, the highest that is enabled runs, and at `depth - 1` randomly placed choices the strand that runs
 * drops below all others. A bug that needs `depth` ordering constraints is found with probability at least
 * 1 / (n k^(depth-1)) for n strands and k choices. k is the longest of the lessons.
 */
export class Pct implements Strategy {
  readonly name: string;
  readonly isSample = true;
  readonly isIndependent = true;
  readonly lessons = LESSONS;
  readonly #random = new SeededRandom(0);
  readonly #changes: Int32Array;
  #priorities = new Int32Array(STRANDS_AT_FIRST).fill(UNKNOWN);
  /** Strands 0..n-1 have been seen. */
  #strands = 0;
  #choices = 0;
  #length = FIRST_LENGTH;
  #learnt = 0;

  /** `depth` default 3: two changes of priority. */
  constructor(depth: number = 3, name: string = 'pct') {
    this.name = name;
    this.#changes = new Int32Array(depth - 1);
  }

  newExecution(seed: number): boolean {
    startDraws(this.#random, seed);
    for (let strand = 0; strand < this.#strands; strand++) this.#priorities[strand] = UNKNOWN;
    this.#choices = 0;
    for (let i = 0; i < this.#changes.length; i++) this.#changes[i] = 1 + this.#random.below(this.#length);
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    const choice = ++this.#choices;
    if (current >= 0) this.#lowerAt(choice, current);
    let best = 0;
    let bestPriority = this.#priorityOf(enabled[0]!);
    for (let i = 1; i < count; i++) {
      const priority = this.#priorityOf(enabled[i]!);
      if (priority <= bestPriority) continue;
      best = i;
      bestPriority = priority;
    }
    return best;
  }

  /** The i-th change point gives priority i, below every initial one, so later changes do not undo earlier ones. */
  #lowerAt(choice: number, strand: number): void {
    const changes = this.#changes;
    for (let i = 0; i < changes.length; i++) {
      if (changes[i] !== choice) continue;
      if (strand >= this.#strands) this.#see(strand);
      this.#priorities[strand] = i;
    }
  }

  /** Drawn when a strand is first seen, above all change priorities. */
  #priorityOf(strand: number): number {
    if (strand >= this.#strands) this.#see(strand);
    const known = this.#priorities[strand]!;
    if (known !== UNKNOWN) return known;
    return (this.#priorities[strand] = this.#changes.length + this.#random.below(0x4000_0000));
  }

  #see(strand: number): void {
    this.#strands = strand + 1;
    const from = this.#priorities.length;
    if (strand >= from) this.#priorities = withRoomFor(this.#priorities, strand).fill(UNKNOWN, from);
  }

  executed(): void {}

  /** Choices of the longest execution it has learnt of. */
  get length(): number {
    return this.#length;
  }

  finished(): void {
    this.learn(this.#choices);
  }

  /** An execution had so many choices. */
  learn(choices: number): void {
    if (this.#learnt === LESSONS) return;
    this.#learnt++;
    this.#length = Math.max(this.#length, choices);
  }
}
