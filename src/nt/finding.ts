import type { BugCheckCode } from './bug-check.js';

/** `crash`: Windows would bug check, the machine is dead. `error`: the driver or device is wrong. `warning`: the framework verifier would only break into the debugger. */
export type Severity = 'crash' | 'error' | 'warning';

/**
 * What one check saw: the driver or device under test broke `rule`. The ids are those of the verifier's table
 * (A HAL, B framework fatal checks, C framework breaks, D classic driver bugs, L the lab's own).
 */
export interface Violation {
  readonly rule: string;
  readonly severity: Severity;
  readonly message: string;
  /** The object it happened on, as `name#id`; null for the machine as a whole. */
  readonly object: string | null;
  readonly bugCheck?: BugCheckCode;
}

/**
 * A dead machine. Thrown at the violation and again by every later framework call, so that no driver code can
 * run on past it; backends catch it and keep what the run had produced.
 */
export class BugCheck extends Error {
  override readonly name = 'BugCheck';
  constructor(readonly violation: Violation) {
    super(violation.message);
  }
}
