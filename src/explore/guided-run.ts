import type { Op } from '../kernel/index.js';
import type { Strategy } from '../backends/strategy.js';
import { placeAtOrAfter } from './strategies/systematic.js';

/** So many choices of one strand after each other. */
export interface Run {
  readonly strand: number;
  readonly length: number;
}

/**
 * Follows a list of runs as far as it can be followed: a run whose strand cannot go on ends early, and after the last
 * run the order is straight - on with the strand that runs, or the next one in turn. Keeps what was chosen, and counts
 * preemptions and deviations from the straight order. With `record` another strategy chooses instead.
 */
export class GuidedRun implements Strategy {
  readonly name = 'guided';
  #runs: readonly Run[] = [];
  #chooser: Strategy | null = null;
  #run = 0;
  /** Choices of the present run so far. */
  #taken = 0;
  #chosen: number[] = [];
  preemptions = 0;
  deviations = 0;

  follow(runs: readonly Run[]): void {
    this.#runs = runs;
    this.#chooser = null;
    this.newExecution();
  }

  /** Lets `chooser`, whose execution has been started, choose. */
  record(chooser: Strategy): void {
    this.#chooser = chooser;
    this.newExecution();
  }

  newExecution(): boolean {
    this.#run = 0;
    this.#taken = 0;
    this.#chosen = [];
    this.preemptions = 0;
    this.deviations = 0;
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number, ops: Int32Array): number {
    const straight = placeAtOrAfter(enabled, count, current);
    const index = this.#chooser !== null ? this.#chooser.pick(enabled, count, current, ops) : this.#follow(enabled, count, straight);
    if (index !== straight) {
      this.deviations++;
      if (enabled[straight] === current) this.preemptions++;
    }
    this.#chosen.push(enabled[index]!);
    return index;
  }

  #follow(enabled: Int32Array, count: number, straight: number): number {
    for (; this.#run < this.#runs.length; this.#run++, this.#taken = 0) {
      const { strand, length } = this.#runs[this.#run]!;
      if (this.#taken === length) continue;
      for (let i = 0; i < count; i++) {
        if (enabled[i] !== strand) continue;
        this.#taken++;
        return i;
      }
    }
    return straight;
  }

  executed(strand: number, op: Op): void {
    this.#chooser?.executed(strand, op);
  }

  finished(): void {}

  /** What was chosen in the last execution. */
  choices(): readonly number[] {
    return this.#chosen;
  }
}
