import type { Execution } from '../backends/controlled.js';
import type { Overrides } from '../machine/parameters.js';
import type { ShrinkSummary } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { FailingMachine, STEPS_MAX_TO_REPEAT } from './failing-machine.js';
import { measureChoices, SHRINK_LIMITS, ShrinkBudget, shrinkChoices, type ShrinkLimits } from './shrink.js';
import { simplifyMachine } from './shrink-machine.js';

/** A schedule that fails, with all that shapes its machine. */
export interface Failure {
  readonly overrides: Overrides;
  readonly choices: ArrayLike<number>;
  /** Rule of its first finding: what every candidate must break first, too. */
  readonly rule: string;
}

/** The simplest schedule found, executed to its end once more with all hashes. */
export interface ShrunkFailure {
  readonly overrides: Overrides;
  readonly choices: readonly number[];
  readonly execution: Execution;
  readonly summary: ShrinkSummary;
}

/** Of all executions so many go into the order; the rest makes the machine simpler, and then the order on that, where less of it is enough. */
const CHOICES_SHARE = 0.2;

/** Operations of all executions together: longer ones are repeated less often. */
const STEPS_IN_ALL = 20_000_000;

/**
 * Shrinks a failing schedule of a scenario: fewest preemptions first, then fewer orders left open, requests, devices and injected faults, each
 * candidate executed to a first finding of the same rule. Null when the schedule does not fail, is too long to be repeated, or the
 * shrunk one does not come to equal hashes twice.
 */
export function shrinkFailure(scenario: Scenario, failure: Failure, limits: ShrinkLimits = SHRINK_LIMITS): ShrunkFailure | null {
  const machine = new FailingMachine(scenario, failure.overrides, failure.rule);
  const original = measureChoices(failure.choices, machine.trial, new ShrinkBudget(limits));
  if (original === null || machine.steps > STEPS_MAX_TO_REPEAT) return null;
  const { faults, steps } = machine;
  const budget = new ShrinkBudget({ ...limits, replays: Math.min(limits.replays, Math.ceil(STEPS_IN_ALL / steps)) });
  const shrunk = shrinkChoices(failure.choices, machine.trial, budget.part(CHOICES_SHARE)) ?? original;
  const simplest = simplifyMachine(scenario, { machine, shrunk }, budget);
  const kept = { ...simplest, shrunk: shrinkChoices(simplest.shrunk.choices, simplest.machine.trial, budget) ?? simplest.shrunk };
  const execution = kept.machine.confirm(kept.shrunk.choices);
  if (execution === null) return null;
  const summary: ShrinkSummary = {
    preemptions: { before: original.preemptions, after: kept.shrunk.preemptions },
    deviations: { before: original.deviations, after: kept.shrunk.deviations },
    choices: { before: original.choices.length, after: kept.shrunk.choices.length },
    requests: { before: machine.requests, after: kept.machine.requests },
    devices: { before: machine.devices.length, after: kept.machine.devices.length },
    faults: { before: faults, after: kept.machine.faults },
    replays: budget.replays,
  };
  return { overrides: kept.machine.overrides, choices: kept.shrunk.choices, execution, summary };
}
