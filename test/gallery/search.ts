import { ControlledBackend } from '../../src/backends/controlled.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { LEAP_DISTANCE } from '../../src/explore/index.js';
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

/** Executes schedules of a scenario as `explore --seed` does, without files, seconds and second executions. */
export class Searcher {
  /** By seed: used again by every search with it. */
  readonly #backends = new Map<number, ControlledBackend>();

  /** `machine` is set over the scenario's own. */
  constructor(
    readonly scenario: Scenario,
    private readonly machine: Partial<MachineConfig> = {},
  ) {}

  /** The schedules of `explore --seed SEED`: the seed draws the traffic, too. */
  search(strategy: Strategy, seed: number, schedulesMax: number): Search {
    const backend = this.#backendOf(seed);
    for (let n = 0; n < schedulesMax; n++) {
      if (!strategy.newExecution(deriveSeed(seed, `schedule ${n}`))) break;
      const execution = backend.execute(strategy, false);
      strategy.finished({ steps: execution.steps, foundSomething: execution.findingsTotal > 0 });
      if (execution.findingsTotal > 0) return { schedules: n + 1, rules: execution.findings.map(({ rule }) => rule) };
    }
    return { schedules: null, rules: [] };
  }

  #backendOf(seed: number): ControlledBackend {
    const known = this.#backends.get(seed);
    if (known !== undefined) return known;
    const backend = new ControlledBackend(resolveParameters(this.scenario, { seed, machine: this.machine, leapDistance: LEAP_DISTANCE }));
    this.#backends.set(seed, backend);
    return backend;
  }

  /** Median of the schedules that the seeds from 1 to `searches` needed; Infinity when half of them found nothing within `schedulesMax`. */
  median(newStrategy: () => Strategy, searches: number, schedulesMax: number): number {
    const needed: number[] = [];
    let missed = 0;
    for (let seed = 1; seed <= searches; seed++) {
      const { schedules } = this.search(newStrategy(), seed, schedulesMax);
      needed.push(schedules ?? Infinity);
      // The median is settled: the other searches need not be made.
      if (schedules === null && ++missed > searches - 1 - (searches >> 1)) return Infinity;
    }
    return needed.sort((a, b) => a - b)[searches >> 1]!;
  }
}
