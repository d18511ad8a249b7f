import type { Strategy } from '../../backends/strategy.js';

/** The first point at which an execution could not follow its schedule. */
export interface Divergence {
  /** Number of the choice, from 0. */
  readonly choice: number;
  readonly expected: string;
  readonly found: string;
}

/** Follows recorded choices (strand ids). Remembers the first one it could not follow; from there on it takes the first enabled strand. */
export class Replay implements Strategy {
  readonly name = 'replay';
  #position = 0;
  #divergence: Divergence | null = null;

  constructor(private choices: ArrayLike<number>) {}

  /** Takes another schedule, for the next execution. */
  follow(choices: ArrayLike<number>): void {
    this.choices = choices;
  }

  newExecution(): boolean {
    this.#position = 0;
    this.#divergence = null;
    return true;
  }

  pick(enabled: Int32Array, count: number): number {
    const choice = this.#position++;
    if (this.#divergence !== null) return 0;
    const wanted = this.choices[choice];
    for (let i = 0; i < count; i++) if (enabled[i] === wanted) return i;
    const list = Array.from(enabled.subarray(0, count)).join(', ');
    this.#divergence = {
      choice,
      expected: wanted === undefined ? 'the end of the schedule' : `strand ${wanted}`,
      found: `a choice among strands ${list}`,
    };
    return 0;
  }

  executed(): void {}
  finished(): void {}

  /** Null when the execution followed the schedule to its end. */
  divergence(): Divergence | null {
    if (this.#divergence !== null) return this.#divergence;
    if (this.#position >= this.choices.length) return null;
    return { choice: this.#position, expected: `strand ${this.choices[this.#position]!}`, found: 'the end of the execution' };
  }
}
