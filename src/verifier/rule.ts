import type { Severity } from '../nt/index.js';

/** A rule of the catalogue: its stable id, what must hold, and how bad it is when it does not. */
export interface RuleText {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
}

export interface Rule extends RuleText {
  /** Whether some check of this version reports it. */
  readonly implemented: boolean;
}
