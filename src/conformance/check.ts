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

/** What checking vectors came to; those beyond the contract are counted apart. */
export interface ConformanceReport {
  readonly verdict: 'ok' | 'finding';
  readonly passed: number;
  readonly failed: number;
  /** Passed: the same events as the framework's accident. Reported: other events, with the misuse reported. */
  readonly beyond: { readonly passed: number; readonly reported: number };
  readonly failures: readonly VectorFailure[];
}

/** Failures listed; more are counted. */
const FAILURES_LISTED_MAX = 100;

/** Runs vectors one by one and sums up; `file` is what failures name. */
export class ConformanceCheck {
  readonly #failures: VectorFailure[] = [];
  #passed = 0;
  #failed = 0;
  #beyondPassed = 0;
  #beyondReported = 0;

  check(file: string, vector: Vector): void {
    const difference = differenceOf(vector);
    if (vector.beyondContract === true) {
      if (difference === null) this.#beyondPassed++;
      else this.#beyondReported++;
    } else if (difference === null) this.#passed++;
    else {
      this.#failed++;
      if (this.#failures.length < FAILURES_LISTED_MAX) this.#failures.push({ file, name: vector.name, ...difference });
    }
  }

  report(): ConformanceReport {
    return {
      verdict: this.#failed > 0 ? 'finding' : 'ok',
      passed: this.#passed,
      failed: this.#failed,
      beyond: { passed: this.#beyondPassed, reported: this.#beyondReported },
      failures: this.#failures,
    };
  }
}

function differenceOf(vector: Vector): { event: number; expected: string; found: string } | null {
  let events: readonly unknown[];
  try {
    ({ events } = runVector(vector));
  } catch (error) {
    return { event: 0, expected: 'a run that ends', found: error instanceof Error ? error.message : String(error) };
  }
  if (isDeepStrictEqual(events, vector.expect)) return null;
  let event = 0;
  while (event < events.length && isDeepStrictEqual(events[event], vector.expect[event])) event++;
  return { event, expected: JSON.stringify(vector.expect[event] ?? null), found: JSON.stringify(events[event] ?? null) };
}
