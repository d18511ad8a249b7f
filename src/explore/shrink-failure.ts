import { ControlledBackend, type Execution } from '../backends/controlled.js';
import type { Strategy } from '../backends/strategy.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import type { ShrinkSummary } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import {
  measureChoices,
  runsOf,
  SHRINK_LIMITS,
  ShrinkBudget,
  shrinkChoices,
  type ShrinkLimits,
  type ShrunkChoices,
  type Trial,
} from './shrink.js';
import { GuidedRun } from './guided-run.js';
import { Pos, PreemptionBounded, Replay } from './strategies/index.js';

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

/** An execution longer than this is not worth repeating so often. */
export const STEPS_MAX_TO_SHRINK = 50_000;
/** How hard it is tried to make fewer requests fail: schedules with few preemptions, then sampled ones. */
const BOUNDED_TRIES = 120;
const SAMPLED_TRIES = 40;
const REQUEST_COUNTS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32] as const;

/**
 * Shrinks a failing schedule of a scenario: fewest preemptions first, then fewer requests, each candidate executed to
 * a first finding of the same rule. Null when the schedule does not fail, is too long to be repeated, or the
 * shrunk one does not come to equal hashes twice.
 */
export function shrinkFailure(scenario: Scenario, failure: Failure, limits: ShrinkLimits = SHRINK_LIMITS): ShrunkFailure | null {
  const budget = new ShrinkBudget(limits);
  const machine = new FailingMachine(scenario, failure.overrides, failure.rule);
  const original = measureChoices(failure.choices, machine.trial, budget);
  if (original === null || machine.steps > STEPS_MAX_TO_SHRINK) return null;
  const shrunk = shrinkChoices(failure.choices, machine.trial, budget) ?? original;
  const smaller = withFewerRequests(scenario, failure, machine.requests, shrunk, budget);
  const kept = smaller ?? { machine, shrunk };
  const execution = kept.machine.confirm(kept.shrunk.choices);
  if (execution === null) return null;
  const summary: ShrinkSummary = {
    preemptions: { before: original.preemptions, after: kept.shrunk.preemptions },
    deviations: { before: original.deviations, after: kept.shrunk.deviations },
    choices: { before: original.choices.length, after: kept.shrunk.choices.length },
    requests: { before: machine.requests, after: kept.machine.requests },
    replays: budget.replays,
  };
  return { overrides: kept.machine.overrides, choices: kept.shrunk.choices, execution, summary };
}

/** The fewest requests for which a failure is found that is no worse, shrunk in its turn. */
function withFewerRequests(
  scenario: Scenario,
  failure: Failure,
  requests: number,
  shrunk: ShrunkChoices,
  budget: ShrinkBudget,
): Kept | null {
  for (const fewer of REQUEST_COUNTS) {
    if (fewer >= requests) return null;
    const overrides = { ...failure.overrides, workload: { ...failure.overrides.workload, requests: fewer } };
    const machine = new FailingMachine(scenario, overrides, failure.rule);
    const found = findAgain(machine, shrunk, budget);
    const again = found === null ? null : shrinkChoices(found, machine.trial, budget);
    if (again !== null && again.preemptions <= shrunk.preemptions) return { machine, shrunk: again };
  }
  return null;
}

interface Kept {
  readonly machine: FailingMachine;
  readonly shrunk: ShrunkChoices;
}

/** A failing schedule on a machine with less traffic: the known one as far as it goes, or one like it. */
function findAgain(machine: FailingMachine, known: ShrunkChoices, budget: ShrinkBudget): readonly number[] | null {
  const guide = new GuidedRun();
  guide.follow(runsOf(known.choices));
  if (!budget.take()) return null;
  if (machine.trial(guide)) return guide.choices();
  const bounded = new PreemptionBounded(known.preemptions);
  return searchFor(machine, guide, bounded, BOUNDED_TRIES, budget) ?? searchFor(machine, guide, new Pos(), SAMPLED_TRIES, budget);
}

function searchFor(
  machine: FailingMachine,
  guide: GuidedRun,
  search: Strategy,
  tries: number,
  budget: ShrinkBudget,
): readonly number[] | null {
  for (let seed = 0; seed < tries && search.newExecution(seed) && budget.take(); seed++) {
    guide.record(search);
    if (machine.trial(guide)) return guide.choices();
  }
  return null;
}

/** One machine on which candidates are executed. */
class FailingMachine {
  readonly #backend: ControlledBackend;
  readonly requests: number;
  /** Operations of the last execution. */
  steps = 0;

  constructor(
    scenario: Scenario,
    readonly overrides: Overrides,
    private readonly rule: string,
  ) {
    const parameters = resolveParameters(scenario, overrides);
    this.requests = parameters.requests;
    this.#backend = new ControlledBackend(parameters);
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
