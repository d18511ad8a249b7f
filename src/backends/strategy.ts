import type { Op } from '../kernel/index.js';
import type { Machine } from '../machine/machine.js';
import type { SearchProof } from '../machine/report.js';
import type { Strand } from '../machine/strand.js';

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
  /**
   * True when an execution depends on its seed and on the search's first `lessons` executions alone, and there is always
   * another: threads can share such a search, once each has executed the lessons. Default false.
   */
  readonly isIndependent?: boolean;
  /** For a strategy that is independent: executions it learns from, at the beginning of a search. Default 0. */
  readonly lessons?: number;
  /** True when executions are drawn at random: what was seen once then tells how much is unseen. Default false. */
  readonly isSample?: boolean;
  /** True when a bound kept the strategy from schedules that exist: its end is no proof then. Default false. */
  readonly leftOut?: boolean;
  /** For a strategy whose end is a proof: what it is made of. */
  readonly proof?: SearchProof | null;
  /** For a strategy that looks at what steps really do: the machine that will be executed next, and its strands by id. */
  watch?(machine: Machine, strands: readonly Strand[]): void;
  /** Nothing can go on any more; what comes after is not chosen. */
  stopped?(): void;
  /** Starts an execution; false when there is nothing left to try. */
  newExecution(seed: number): boolean;
  /**
   * Index into `enabled[0..count-1]` (strand ids, ascending). `current` is the strand that ran last, -1 at the start;
   * `ops[i]` is the operation that strand `enabled[i]` stands before.
   */
  pick(enabled: Int32Array, count: number, current: number, ops: Int32Array): number;
  /** A strand performs an operation. */
  executed(strand: number, op: Op): void;
  finished(outcome: Outcome): void;
}
