import type { Violation } from '../nt/index.js';

/** More than this are counted, not kept. */
export const FINDINGS_KEPT_MAX = 20;

const NO_FINDINGS: readonly RecordedViolation[] = [];

/** A violation with the step it was seen at: the number of operations performed by then. */
export interface RecordedViolation extends Violation {
  readonly step: number;
}

/** The findings of one execution, in order; bounded. */
export class FindingLog {
  readonly #kept: RecordedViolation[] = [];
  readonly #byRule = new Map<string, number>();
  #total = 0;

  add(violation: Violation, step: number): void {
    this.#total++;
    this.#byRule.set(violation.rule, (this.#byRule.get(violation.rule) ?? 0) + 1);
    if (this.#kept.length < FINDINGS_KEPT_MAX) this.#kept.push({ ...violation, step });
  }

  get kept(): readonly RecordedViolation[] {
    return this.#kept;
  }

  /** Those that are kept, for whoever outlives the log's next reset. */
  copy(): readonly RecordedViolation[] {
    return this.#total === 0 ? NO_FINDINGS : [...this.#kept];
  }

  /** Counts of all that were found, kept or not. */
  get byRule(): ReadonlyMap<string, number> {
    return this.#byRule;
  }

  get total(): number {
    return this.#total;
  }

  reset(): void {
    if (this.#total === 0) return;
    this.#kept.length = 0;
    this.#byRule.clear();
    this.#total = 0;
  }
}
