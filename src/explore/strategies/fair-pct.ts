import { SeededRandom } from '../../kernel/index.js';
import type { Strategy } from '../../backends/strategy.js';
import { startDraws } from './draws.js';
import { LESSONS } from './lessons.js';
import { Pct } from './pct.js';

/**
 * PCT (Burckhardt et al., ASPLOS 2010) for a random prefix of the execution and a random walk after it, which is
 * fair (Musuvathi, Qadeer, PLDI 2008): strict priorities find orders a walk does not, but starve whoever
 * is low. The prefix ends at a random choice within the longest of the lessons.
 */
export class FairPct implements Strategy {
  readonly name = 'fair-pct';
  readonly isSample = true;
  readonly isIndependent = true;
  readonly lessons = LESSONS;
  readonly #pct: Pct;
  readonly #random = new SeededRandom(0);
  #choices = 0;
  #prefix = 0;

  /** `depth` of the prefix's PCT, default 3. */
  constructor(depth: number = 3) {
    this.#pct = new Pct(depth);
  }

  newExecution(seed: number): boolean {
    // Bits inverted, so that the walk does not repeat PCT's draws.
    startDraws(this.#random, ~seed);
    this.#choices = 0;
    this.#prefix = 1 + this.#random.below(this.#pct.length);
    return this.#pct.newExecution(seed);
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    this.#choices++;
    if (this.#choices <= this.#prefix) return this.#pct.pick(enabled, count, current);
    return this.#random.below(count);
  }

  executed(): void {}

  finished(): void {
    this.#pct.learn(this.#choices);
  }
}
