import { ControlledBackend } from '../src/backends/index.js';
import { LEAP_DISTANCE, Pos } from '../src/explore/index.js';
import { resolveParameters, type Overrides } from '../src/machine/parameters.js';
import { builtInScenarios } from '../src/scenarios/index.js';

/** A read and a write of up to three pages each, on both channels at once, one of them cancelled as a rule. */
const SMALL: Overrides = {
  seed: 17,
  leapDistance: LEAP_DISTANCE,
  workload: { requests: 2, outstanding: 2, minBytes: 4096, maxBytes: 12_288, cancelPerMillion: 500_000 },
};

/** The scenario `plx9x5x-cancel` as `explore` executes it, under the default strategy: from power-on to removal, a seed each. */
export class DriverExecutions {
  readonly #backend: ControlledBackend;
  readonly #strategy = new Pos();
  /** Requests of an execution. */
  readonly requests: number;
  /** Executions and operations so far. */
  schedules = 0;
  operations = 0;

  constructor() {
    const scenario = builtInScenarios.find(({ name }) => name === 'plx9x5x-cancel')!;
    const parameters = resolveParameters(scenario, SMALL);
    this.requests = parameters.requests;
    this.#backend = new ControlledBackend(parameters);
  }

  /** Runs `schedules` executions and returns nanoseconds per operation. Throws when one finds something or leaves requests out. */
  run(schedules: number): number {
    let operations = 0;
    const begin = performance.now();
    for (let i = 0; i < schedules; i++) {
      this.#strategy.newExecution(this.schedules + i);
      const execution = this.#backend.execute(this.#strategy, false);
      operations += execution.steps;
      const first = execution.findings[0];
      if (first !== undefined) throw new Error(`the execution of seed ${this.schedules + i} found ${first.rule}: ${first.message}`);
      if (execution.requests !== this.requests)
        throw new Error(`the execution completed ${execution.requests} requests of ${this.requests}`);
    }
    const elapsedMs = performance.now() - begin;
    this.schedules += schedules;
    this.operations += operations;
    return (elapsedMs * 1e6) / operations;
  }
}
