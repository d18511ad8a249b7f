import type { Effort, SuiteName } from './options.js';
import { figuresOf, median, ratioOf, type Series } from './rounds.js';

/** A speed goal: `atMost` for times (subject / peer), `atLeast` for how many times slower the peer is (peer / subject). */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** One line of the table: a subject beside a peer under one workload. */
export interface Row {
  readonly suite: SuiteName;
  readonly workload: string;
  readonly subject: string;
  readonly peer: string;
  /** `cost`: subject / peer, small is good. `gain`: peer / subject, large is good. */
  readonly kind: 'cost' | 'gain';
  /** Median of the per-round ratios, and their range. */
  readonly ratio: number;
  readonly ratioMin: number;
  readonly ratioMax: number;
  readonly goal: Goal | null;
  readonly met: boolean | null;
  /** Medians in nanoseconds per operation. They drift with the machine: never compare them between runs. */
  readonly subjectNs: number;
  readonly peerNs: number;
}

/** A figure that is no ratio: a count, a rate. */
export interface Figure {
  readonly suite: SuiteName;
  readonly workload: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

export interface SuiteResult {
  readonly suite: SuiteName;
  readonly rows: readonly Row[];
  readonly figures: readonly Figure[];
  /** What could not be measured, and why: a sentence each. */
  readonly skipped: readonly string[];
  readonly seconds: number;
}

/** Something to measure, told what it may cost. */
export type Suite = (effort: Effort, progress: (message: string) => void) => Promise<Omit<SuiteResult, 'suite' | 'seconds'>>;

export interface RowPlan {
  readonly suite: SuiteName;
  readonly workload: string;
  readonly subject: string;
  readonly peer: string;
  readonly goal?: Goal;
  /** Default: `gain` where the goal is `atLeast`, else `cost`. */
  readonly kind?: Row['kind'];
}

export function rowOf(series: Series, plan: RowPlan): Row {
  const { suite, workload, subject, peer } = plan;
  const goal = plan.goal ?? null;
  const kind = plan.kind ?? (goal !== null && 'atLeast' in goal ? 'gain' : 'cost');
  const ratio = kind === 'cost' ? ratioOf(series, subject, peer) : ratioOf(series, peer, subject);
  return {
    ...{ suite, workload, subject, peer, kind },
    ratio: ratio.median,
    ratioMin: ratio.min,
    ratioMax: ratio.max,
    goal,
    met: goal === null ? null : isMet(goal, ratio.median),
    subjectNs: median(figuresOf(series, subject)),
    peerNs: median(figuresOf(series, peer)),
  };
}

export function isMet(goal: Goal, ratio: number): boolean {
  return 'atMost' in goal ? ratio <= goal.atMost : ratio >= goal.atLeast;
}
