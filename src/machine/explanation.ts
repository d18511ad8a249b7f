import type { Finding, Verdict } from './report.js';

/** An operation of an explained schedule, in words. */
export interface ExplainedStep {
  /** Number of the operation, from 1. */
  readonly step: number;
  /** Number of the choice that led to it, from 1; 0 before the first. */
  readonly choice: number;
  /** Name of the strand: `vCPU 0`, a device, a vector. */
  readonly strand: string;
  /** Number of the virtual CPU; null for other strands. */
  readonly vcpu: number | null;
  /** Driver callback, or what else ran there; null for other strands. */
  readonly callback: string | null;
  /** `read`, `acquire`, `deliver`, ... */
  readonly operation: string;
  readonly object: string;
  /** `EvtInterruptDpc on vCPU 0 read CSR of ring`. */
  readonly text: string;
}

/** The n-th operation of both schedules; null behind the end of one. */
export interface SideBySide {
  readonly step: number;
  readonly failing: string | null;
  readonly passing: string | null;
}

/** Where a failing schedule became one, and which order decides. */
export interface Explanation {
  readonly rule: string;
  /** Choices of the schedule, and operations up to its finding. */
  readonly choices: number;
  readonly steps: number;
  /** Fewest choices behind which every continuation that was tried fails; 0 when every schedule does. */
  readonly inevitableAfter: number;
  /** The operation that the last of these choices led to; null when `inevitableAfter` is 0. */
  readonly inevitable: ExplainedStep | null;
  /** P(finding | prefix), by length of the prefix in choices. */
  readonly curve: readonly { readonly choices: number; readonly continuations: number; readonly failing: number }[];
  /** The nearest schedule without a finding, run-length encoded, with the number of choices it has in common; null when none was found. */
  readonly passing: { readonly choices: string; readonly common: number; readonly sideBySide: readonly SideBySide[] } | null;
  /** The order that decides; `isConflict` when both touch one object, otherwise `second` is what the passing schedule does in place of `first`. */
  readonly reordering: {
    readonly first: ExplainedStep;
    readonly second: ExplainedStep;
    readonly isConflict: boolean;
    readonly text: string;
  } | null;
  /** Executions for the curve. */
  readonly executions: number;
  /** All of it for people, one or two sentences. */
  readonly sentences: readonly string[];
}

/** Result of `dmalab explain`. */
export interface ExplainReport {
  readonly verdict: Verdict;
  readonly scenario: string;
  readonly seed: number;
  readonly rule: string;
  /** Null when the schedule does not fail any more. */
  readonly explanation: Explanation | null;
  /** First step at which the replay differed from the file; null when it did not. */
  readonly divergence: { readonly step: number; readonly expected: string; readonly found: string } | null;
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
}
