import { isDeepStrictEqual } from 'node:util';
import { runVector } from './runner.js';
import type { Vector } from './vector.js';

/** A vector whose events are not the expected ones. */
export interface VectorFailure {
  readonly file: string;
  readonly name: string;
  /** Number of the first event that differs, from 0. */
  readonly event: number;
  readonly expected: string;
  readonly found: string;
}

/** What checking vectors came to; those beyond the contract are counted apart, unless they failed. */
export interface ConformanceReport {
  readonly verdict: 'ok' | 'finding';
  readonly passed: number;
  /** Other events than expected; beyond the contract, and no misuse reported either. */
  readonly failed: number;
  /** Passed: the same events as the framework's accident. Reported: other events, with the misuse reported. */
  readonly beyond: { readonly passed: number; readonly reported: number };
  /** What the verifier said of the vectors' drivers, whose misuse is often the point: it does not touch the verdict. */
  readonly verifierFindings: { readonly total: number; readonly byRule: Readonly<Record<string, number>> };
  readonly failures: readonly VectorFailure[];
}

/** Failures listed; more are counted. */
const FAILURES_LISTED_MAX = 100;

/** Runs vectors one by one and sums up; `file` is what failures name. */
export class ConformanceCheck {
  readonly #failures: VectorFailure[] = [];
  readonly #findings = new Map<string, number>();
  #passed = 0;
  #failed = 0;
  #beyondPassed = 0;
  #beyondReported = 0;

  check(file: string, vector: Vector): void {
    const difference = differenceOf(vector, (rule, count) => this.#findings.set(rule, (this.#findings.get(rule) ?? 0) + count));
    const isBeyond = vector.beyondContract === true;
    if (difference === null) {
      if (isBeyond) this.#beyondPassed++;
      else this.#passed++;
    } else if (isBeyond && difference.isReported) this.#beyondReported++;
    else {
      this.#failed++;
      if (this.#failures.length < FAILURES_LISTED_MAX) this.#failures.push({ file, name: vector.name, ...difference.first });
    }
  }

  report(): ConformanceReport {
    return {
      verdict: this.#failed > 0 ? 'finding' : 'ok',
      passed: this.#passed,
      failed: this.#failed,
      beyond: { passed: this.#beyondPassed, reported: this.#beyondReported },
      verifierFindings: {
        total: [...this.#findings.values()].reduce((sum, count) => sum + count, 0),
        byRule: Object.fromEntries([...this.#findings].sort(([a], [b]) => (a < b ? -1 : 1))),
      },
      failures: this.#failures,
    };
  }
}

interface Difference {
  readonly first: { readonly event: number; readonly expected: string; readonly found: string };
  /** The run reported a misuse. */
  readonly isReported: boolean;
}

function differenceOf(vector: Vector, onFindings: (rule: string, count: number) => void): Difference | null {
  let events: readonly unknown[];
  let findings: ReadonlyMap<string, number>;
  try {
    ({ events, findings } = runVector(vector));
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return { first: { event: 0, expected: 'a run that ends', found }, isReported: false };
  }
  for (const [rule, count] of findings) onFindings(rule, count);
  if (isDeepStrictEqual(events, vector.expect)) return null;
  let event = 0;
  while (event < events.length && isDeepStrictEqual(events[event], vector.expect[event])) event++;
  return {
    first: { event, expected: JSON.stringify(vector.expect[event] ?? null), found: JSON.stringify(events[event] ?? null) },
    isReported: findings.size > 0,
  };
}
