import { ControlledBackend } from '../src/backends/index.js';
import { controlledOverrides } from '../src/explore/index.js';
import { RandomWalk } from '../src/explore/strategies/index.js';
import { resolveParameters } from '../src/machine/parameters.js';
import { plx9x5x } from '../src/scenarios/samples/plx9x5x.js';

/** The scenario `plx9x5x` on the controlled backend under the random walk: whole executions, from power-on to removal, a seed each. */
export class DriverExecutions {
  readonly #backend: ControlledBackend;
  readonly #strategy = new RandomWalk();
  /** Requests of an execution. */
  readonly requests: number;
  /** Executions and operations so far. */
  schedules = 0;
  operations = 0;

  constructor() {
    const parameters = resolveParameters(plx9x5x, controlledOverrides(plx9x5x, { seed: 1 }));
    this.requests = parameters.requests;
    this.#backend = new ControlledBackend(parameters);
  }

  /** Runs `schedules` executions and returns nanoseconds per operation. Throws when one finds something or leaves requests out. */
  run(schedules: number): number {
    let operations = 0;
    const begin = performance.now();
    for (let i = 0; i < schedules; i++) {
      this.#strategy.newExecution(this.schedules + i);
      const execution = this.#backend.execute(this.#strategy);
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
