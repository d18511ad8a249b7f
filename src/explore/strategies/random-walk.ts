import { SeededRandom } from '../../kernel/index.js';
import type { Strategy } from '../../backends/strategy.js';

/** Every enabled strand is as likely as every other, at every point. Simple, and blind to how deep a race lies. */
export class RandomWalk implements Strategy {
  readonly name = 'random';
  readonly isSample = true;
  readonly isIndependent = true;
  readonly #random = new SeededRandom(0);

  newExecution(seed: number): boolean {
    this.#random.reseed(seed);
    return true;
  }

  pick(_enabled: Int32Array, count: number): number {
    return this.#random.below(count);
  }

  executed(): void {}
  finished(): void {}
}
