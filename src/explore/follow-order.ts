import type { Strategy } from '../backends/strategy.js';
import type { Divergence } from './strategies/replay.js';

/**
 * Follows the order of a recorded execution, in which every operation stands and not only the choices. Remembers the
 * first operation that was another strand's; from there on it takes the first enabled strand.
 */
export class FollowOrder implements Strategy {
  readonly name = 'recorded';
  #position = 0;
  #divergence: Divergence | null = null;

  constructor(private order: ArrayLike<number>) {}

  /** Takes another order, for the next execution. */
  follow(order: ArrayLike<number>): void {
    this.order = order;
  }

  newExecution(): boolean {
    this.#position = 0;
    this.#divergence = null;
    return true;
  }

  pick(enabled: Int32Array, count: number): number {
    if (this.#divergence !== null) return 0;
    const wanted = this.order[this.#position];
    for (let i = 0; i < count; i++) if (enabled[i] === wanted) return i;
    this.#diverge(`a choice among strands ${Array.from(enabled.subarray(0, count)).join(', ')}`);
    return 0;
  }

  executed(strand: number): void {
    if (this.#divergence === null && this.order[this.#position] !== strand) this.#diverge(`strand ${strand}`);
    this.#position++;
  }

  finished(): void {}

  #diverge(found: string): void {
    const wanted = this.order[this.#position];
    this.#divergence = { choice: this.#position, expected: wanted === undefined ? 'the end of the order' : `strand ${wanted}`, found };
  }

  /** Null when the execution followed the order to its end; `choice` counts operations. */
  divergence(): Divergence | null {
    if (this.#divergence !== null) return this.#divergence;
    if (this.#position >= this.order.length) return null;
    return { choice: this.#position, expected: `strand ${this.order[this.#position]!}`, found: 'the end of the execution' };
  }
}
