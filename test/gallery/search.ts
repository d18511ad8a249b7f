import { ControlledBackend } from '../../src/backends/controlled.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { deriveSeed } from '../../src/kernel/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import type { MachineConfig, Scenario } from '../../src/machine/scenario.js';

/** What a search came to. */
export interface Search {
  /** Schedules until the first finding; null when there was none. */
  readonly schedules: number | null;
  /** Rules of the findings of the schedule that had some, in their order. */
  readonly rules: readonly string[];
}

/** Executes schedules of one backend, which is used again: what `explore` does, without files, seconds and second executions. */
export class Searcher {
  readonly #backend: ControlledBackend;

  /** `machine` is set over the scenario's own. */
  constructor(
    readonly scenario: Scenario,
    machine: Partial<MachineConfig> = {},
  ) {
    this.#backend = new ControlledBackend(resolveParameters(scenario, { seed: 1, machine }));
  }

  search(strategy: Strategy, seed: number, schedulesMax: number): Search {
    for (let n = 0; n < schedulesMax; n++) {
      if (!strategy.newExecution(deriveSeed(seed, `schedule ${n}`))) break;
      const execution = this.#backend.execute(strategy, false);
      strategy.finished({ steps: execution.steps, foundSomething: execution.findingsTotal > 0 });
      if (execution.findingsTotal > 0) return { schedules: n + 1, rules: execution.findings.map(({ rule }) => rule) };
    }
    return { schedules: null, rules: [] };
  }

  /** Median of the schedules that `searches` searches needed; Infinity when half of them found nothing within `schedulesMax`. */
  median(newStrategy: () => Strategy, searches: number, schedulesMax: number): number {
    const needed: number[] = [];
    let missed = 0;
    for (let seed = 0; seed < searches; seed++) {
      const { schedules } = this.search(newStrategy(), deriveSeed(seed, 'search'), schedulesMax);
      needed.push(schedules ?? Infinity);
      // The median is settled: the other searches need not be made.
      if (schedules === null && ++missed > searches - 1 - (searches >> 1)) return Infinity;
    }
    return needed.sort((a, b) => a - b)[searches >> 1]!;
  }
}
