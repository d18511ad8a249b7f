import type { Finding, Verdict } from './report.js';

/** What comes from outside in a sweep. */
export type OutsideEvent = 'cancel' | 'unplug' | 'power-down';

/** How executions ended, counted. */
export interface SweepCounts {
  /** Executions. */
  readonly executions: number;
  /** All requests of the execution completed with success, one was cancelled, or one failed; an execution with a finding counts only there. */
  readonly completed: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly finding: number;
}

/** One request in one direction under one order, the event at each of its operations in turn. */
export interface SweepSeries {
  readonly direction: 'read' | 'write';
  /** `straight`, or `random N` for the N-th seeded order. */
  readonly order: string;
  /** Operations at which the event came: all of them, from the submission to the end. */
  readonly operations: number;
  /** By the window of the request's life in which the event came. */
  readonly byWindow: Readonly<Record<string, SweepCounts>>;
}

/** Result of `dmalab sweep`. */
export interface SweepReport {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly event: OutsideEvent;
  readonly requests: number;
  /** Data races were looked for. */
  readonly races: boolean;
  /** Over all series. */
  readonly total: SweepCounts;
  readonly series: readonly SweepSeries[];
  /** The first of each rule, with its shrunk schedule and what is told of that. */
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}
