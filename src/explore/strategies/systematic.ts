import { InternalError } from '../../nt/index.js';
import type { Strategy } from '../../backends/strategy.js';

/** What going another way than straight on costs, and how much an execution may cost. */
export interface Budget {
  /**
   * Cost of the option `option` places after the default in the round-robin order: 0 is the strand that ran last, or
   * the next one when that one cannot go on (`isForced`). Never falls as `option` grows.
   */
  readonly cost: (option: number, isForced: boolean) => number;
  /** Executions cost at most 0, then at most 1, and so on up to this. */
  readonly most: number;
}

/** Choices of one execution that are explored; further ones take the default. */
export const BRANCHING_CHOICES_MAX = 10_000;

/**
 * Depth-first enumeration of schedules, from the straight one, in rounds of growing cost. Stateless: it keeps the
 * choices of the last execution, and the next follows them up to the last one that has another option.
 */
export class SystematicSearch implements Strategy {
  readonly #option = new Int32Array(BRANCHING_CHOICES_MAX);
  readonly #options = new Int32Array(BRANCHING_CHOICES_MAX);
  readonly #isForced = new Uint8Array(BRANCHING_CHOICES_MAX);
  /** What the choices before each one have cost. */
  readonly #costBefore = new Int32Array(BRANCHING_CHOICES_MAX + 1);
  #length = 0;
  #position = 0;
  #round = 0;
  #isStarted = false;
  #roundLeftOut = false;
  #tooLong = false;

  constructor(
    readonly name: string,
    private readonly budget: Budget,
  ) {}

  get leftOut(): boolean {
    return this.#roundLeftOut || this.#tooLong;
  }

  newExecution(_seed: number): boolean {
    if (this.#isStarted && !this.#backtrack() && !this.#nextRound()) return false;
    this.#isStarted = true;
    this.#position = 0;
    return true;
  }

  /** Forgets the tail that has been tried out and steps to the next option before it; false when this round is done. */
  #backtrack(): boolean {
    while (this.#length > 0) {
      const at = this.#length - 1;
      const next = this.#option[at]! + 1;
      if (next < this.#options[at]!) {
        const cost = this.#costBefore[at]! + this.budget.cost(next, this.#isForced[at] === 1);
        if (cost <= this.#round) {
          this.#option[at] = next;
          this.#costBefore[at + 1] = cost;
          return true;
        }
        this.#roundLeftOut = true;
      }
      this.#length--;
    }
    return false;
  }

  /** A round that left nothing out was the whole; otherwise the next may cost one more. */
  #nextRound(): boolean {
    if (!this.#roundLeftOut || this.#round >= this.budget.most) return false;
    this.#round++;
    this.#roundLeftOut = false;
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    const start = placeAtOrAfter(enabled, count, current);
    if (this.#position >= BRANCHING_CHOICES_MAX) {
      this.#tooLong = true;
      return start;
    }
    const at = this.#position++;
    if (at === this.#length) this.#extend(at, count, enabled[start] !== current);
    else if (this.#options[at] !== count) {
      throw new InternalError(
        'SEARCH_LOST',
        `choice ${at} had ${this.#options[at]} options and now has ${count}: the same choices led elsewhere`,
      );
    }
    return (start + this.#option[at]!) % count;
  }

  #extend(at: number, count: number, isForced: boolean): void {
    this.#option[at] = 0;
    this.#options[at] = count;
    this.#isForced[at] = isForced ? 1 : 0;
    this.#costBefore[at + 1] = this.#costBefore[at]!;
    this.#length++;
  }

  executed(): void {}
  finished(): void {}
}

/** Place of `current` in the enabled strands or, when it is not among them, of the next in round-robin order. */
export function placeAtOrAfter(enabled: Int32Array, count: number, current: number): number {
  for (let i = 0; i < count; i++) if (enabled[i]! >= current) return i;
  return 0;
}
