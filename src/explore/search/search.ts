import type { Strategy } from '../../backends/strategy.js';
import type { MachineParameters } from '../../machine/parameters.js';
import type { SearchSum } from './search-totals.js';
import type { Failing } from './schedule-runner.js';

/** What is searched, and how far. */
export interface Search {
  readonly parameters: MachineParameters;
  readonly seed: number;
  readonly strategy: Strategy;
  /** Most schedules to execute. */
  readonly schedules: number;
  /** No schedule, or no block of them, is begun after so long; null: no bound. */
  readonly seconds: number | null;
  readonly signal: AbortSignal;
  onProgress(schedules: number, seconds: number, findings: number): void;
}

/** What a search came to. */
export interface SearchResult {
  readonly sum: SearchSum;
  /** The finding with the lowest schedule number. */
  readonly failing: Failing | null;
  /** The strategy had no schedule left. */
  readonly ended: boolean;
}
