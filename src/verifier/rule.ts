import type { Severity } from '../nt/index.js';

/** A rule of the catalogue: its stable id, what must hold, and how bad it is when it does not. */
export interface RuleText {
  readonly id: string;
  readonly title: string;
  readonly severity: Severity;
  /** Why no check reports it, where that is for good: nothing in this lab can break it. */
  readonly notImplementedBecause?: string;
  /** Where a rule has no check of its own: the rules under which what it forbids is found. */
  readonly reportedAs?: readonly string[];
}

export interface Rule extends RuleText {
  /** Whether some check of this version reports it. */
  readonly implemented: boolean;
}
