import type { Op } from '../kernel/index.js';

/** How an execution ended, told to the strategy that chose it. */
export interface Outcome {
  readonly steps: number;
  readonly foundSomething: boolean;
}

/**
 * Who goes next. The controlled backend asks at every scheduling point where more than one strand can run; a strategy
 * is one file, and everything it draws comes from the seed it is given.
 */
export interface Strategy {
  readonly name: string;
  /** Starts an execution; false when there is nothing left to try. */
  newExecution(seed: number): boolean;
  /** Index into `enabled[0..count-1]` (strand ids, ascending). `current` is the strand that ran last, -1 at the start. */
  pick(enabled: Int32Array, count: number, current: number): number;
  /** A strand performed an operation. */
  executed(strand: number, op: Op): void;
  finished(outcome: Outcome): void;
}
