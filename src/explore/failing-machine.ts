import { ControlledBackend, type Execution } from '../backends/controlled.js';
import type { Ordering } from '../machine/ordering.js';
import { resolveParameters, type MachineParameters, type Overrides } from '../machine/parameters.js';
import type { Scenario } from '../machine/scenario.js';
import { UsageError } from '../nt/index.js';
import type { Trial } from './shrink.js';
import { Replay } from './strategies/index.js';

/** An execution longer than this is not repeated to make it simpler or to explain it; a DPC that does not end is a finding before. */
export const STEPS_MAX_TO_REPEAT = 250_000;

/** Throws UsageError USAGE_TOO_LONG for the schedule of an execution that is too long to be repeated. */
export function requireRepeatable(steps: number, file: string): void {
  if (steps <= STEPS_MAX_TO_REPEAT) return;
  throw new UsageError('USAGE_TOO_LONG', `the schedule takes ${steps} operations: too many to be repeated with changes`, {
    where: file,
    expected: `at most ${STEPS_MAX_TO_REPEAT} operations; 'dmalab explore --steps N' gives up earlier on an execution that does not end`,
  });
}

/** One machine on which candidates are executed. */
export class FailingMachine {
  readonly #backend: ControlledBackend;
  readonly #parameters: MachineParameters;
  /** Operations of the last execution. */
  steps = 0;

  constructor(
    scenario: Scenario,
    readonly overrides: Overrides,
    readonly rule: string,
  ) {
    this.#parameters = resolveParameters(scenario, overrides);
    this.#backend = new ControlledBackend(this.#parameters);
  }

  get requests(): number {
    return this.#parameters.requests;
  }

  /** Devices, and the share of the requests that each one has. */
  get devices(): readonly { readonly name: string; readonly quota: number }[] {
    return this.#parameters.devices;
  }

  /** Orders of bus and platform that are left to the schedule. */
  get ordering(): readonly Ordering[] {
    return this.#parameters.machine.ordering;
  }

  /** Names of the strands, by id. */
  get strandNames(): readonly string[] {
    return this.#backend.strandNames;
  }

  /** Faults injected into the last execution, in all. */
  get faults(): number {
    let sum = 0;
    for (const count of this.injected.values()) sum += count;
    return sum;
  }

  /** By who injected them. */
  get injected(): ReadonlyMap<string, number> {
    return this.#backend.machine.faults.byInjector();
  }

  readonly trial: Trial = (strategy) => {
    const execution = this.#backend.execute(strategy, false);
    this.steps = execution.steps;
    return execution.findings[0]?.rule === this.rule;
  };

  /** The schedule twice, with hashes and followed to the letter; null when anything is different. */
  confirm(choices: readonly number[]): Execution | null {
    const replay = new Replay(choices);
    const executeOnce = (): Execution => {
      replay.newExecution();
      return this.#backend.execute(replay);
    };
    const first = executeOnce();
    if (replay.divergence() !== null || first.findings[0]?.rule !== this.rule) return null;
    const second = executeOnce();
    return first.eventHash === second.eventHash && first.memoryHash === second.memoryHash ? second : null;
  }
}
