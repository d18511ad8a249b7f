import { SeededRandom } from '../kernel/index.js';
import type { Strategy } from '../backends/strategy.js';
import { startDraws } from './strategies/draws.js';
import { placeAtOrAfter } from './strategies/systematic.js';

/**
 * Samples what `PreemptionBounded` enumerates: at most so many preemptions, at places drawn among the choices of an execution of
 * known length. Whoever cannot go on gives way to the next in turn or to anybody, as likely. Depth first, an enumeration
 * varies the end of a schedule alone for thousands of executions; a sample reaches its beginning at once.
 */
export class FewPreemptions implements Strategy {
  readonly name = 'few-preemptions';
  readonly #random = new SeededRandom(0);
  readonly #places: Int32Array;
  #choice = 0;

  /** `length`: choices of the executions to be expected. */
  constructor(
    preemptions: number,
    private readonly length: number,
  ) {
    this.#places = new Int32Array(preemptions);
  }

  newExecution(seed: number): boolean {
    startDraws(this.#random, seed);
    this.#choice = 0;
    for (let i = 0; i < this.#places.length; i++) this.#places[i] = this.#random.below(this.length);
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    const choice = this.#choice++;
    const straight = placeAtOrAfter(enabled, count, current);
    if (enabled[straight] === current) return this.#places.includes(choice) ? this.#random.below(count) : straight;
    return this.#random.chance(1, 2) ? straight : this.#random.below(count);
  }

  executed(): void {}
  finished(): void {}
}
