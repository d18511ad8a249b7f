import type { Strategy } from '../backends/strategy.js';
import { plannedKinds } from '../faults/index.js';
import type { Overrides } from '../machine/parameters.js';
import type { Scenario } from '../machine/scenario.js';
import { FailingMachine } from './failing-machine.js';
import { GuidedRun, type Run } from './guided-run.js';
import { runsOf, shrinkChoices, type ShrinkBudget, type ShrunkChoices } from './shrink.js';
import { Pos, PreemptionBounded } from './strategies/index.js';

/** A failing schedule and the machine it fails on. */
export interface Kept {
  readonly machine: FailingMachine;
  readonly shrunk: ShrunkChoices;
}

/** How hard it is tried to make a simpler machine fail when the known schedule does not: schedules with few preemptions, then sampled ones. */
interface Tries {
  readonly bounded: number;
  readonly sampled: number;
}

const TRIES: Tries = { bounded: 120, sampled: 40 };
/** A fault is one of many, so for each of them less. */
const TRIES_PER_FAULT: Tries = { bounded: 12, sampled: 0 };
const REQUEST_COUNTS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32] as const;
/** Faults of one injector that can be left out one by one: the bits of a word. */
const FAULTS_MAX = 32;

/**
 * The same failure with fewer orders left open, then fewer requests, then fewer devices, then fewer injected faults; never with
 * more preemptions.
 */
export function simplifyMachine(scenario: Scenario, kept: Kept, budget: ShrinkBudget): Kept {
  let simplest = kept.machine.ordering.length === 0 ? kept : withFewerOrderings(scenario, kept, budget.part(1 / 2));
  simplest = withFewerRequests(scenario, simplest, budget.part(1 / 2));
  simplest = withFewerDevices(scenario, simplest, budget.part(1 / 2));
  return withFewerFaults(scenario, simplest, budget.part(1 / 2));
}

/** What bus and platform need not leave open for the failure is in its guaranteed order again. */
function withFewerOrderings(scenario: Scenario, kept: Kept, budget: ShrinkBudget): Kept {
  let simplest = kept;
  for (const name of kept.machine.ordering) {
    const { overrides, ordering } = simplest.machine;
    const machine = { ...overrides.machine, ordering: ordering.filter((other) => other !== name) };
    simplest = failsStill(scenario, { ...overrides, machine }, simplest, budget) ?? simplest;
  }
  return simplest;
}

/** The fewest requests for which a failure is found that is no worse, shrunk in its turn. */
function withFewerRequests(scenario: Scenario, kept: Kept, budget: ShrinkBudget): Kept {
  const { overrides } = kept.machine;
  for (const requests of REQUEST_COUNTS) {
    if (requests >= kept.machine.requests) break;
    const fewer = failsStill(scenario, { ...overrides, workload: { ...overrides.workload, requests } }, kept, budget);
    if (fewer !== null) return fewer;
  }
  return kept;
}

/** One device alone, or one after the other left out; each keeps the requests it has. */
function withFewerDevices(scenario: Scenario, kept: Kept, budget: ShrinkBudget): Kept {
  const names = kept.machine.devices.map(({ name }) => name);
  if (names.length === 1) return kept;
  for (const name of names) {
    const alone = withDevices(scenario, kept, (other) => other === name, budget);
    if (alone !== null) return alone;
  }
  let simplest = kept;
  for (const name of names) simplest = withDevices(scenario, simplest, (other) => other !== name, budget) ?? simplest;
  return simplest;
}

function withDevices(scenario: Scenario, kept: Kept, stays: (name: string) => boolean, budget: ShrinkBudget): Kept | null {
  const { overrides } = kept.machine;
  const left = kept.machine.devices.filter(({ name }) => stays(name));
  const requests = left.reduce((sum, { quota }) => sum + quota, 0);
  if (requests === 0) return null;
  const devices = left.map(({ name }) => name);
  return failsStill(scenario, { ...overrides, devices, workload: { ...overrides.workload, requests } }, kept, budget);
}

/** Leaves out whole kinds of faults, and of those that still happen one after the other. */
function withFewerFaults(scenario: Scenario, kept: Kept, budget: ShrinkBudget): Kept {
  let simplest = kept;
  for (const kind of plannedKinds(kept.machine.overrides.faults ?? {})) {
    const { [kind]: _dropped, ...faults } = simplest.machine.overrides.faults!;
    simplest = failsStill(scenario, { ...simplest.machine.overrides, faults }, simplest, budget, TRIES_PER_FAULT) ?? simplest;
  }
  if (!follow(simplest.machine, simplest.machine, simplest.shrunk, new GuidedRun(), budget)) return simplest;
  for (const [injector, count] of simplest.machine.injected) {
    const drawn = count + bitCount(simplest.machine.overrides.faultsLeftOut?.[injector] ?? 0);
    for (let fault = 0; fault < Math.min(drawn, FAULTS_MAX); fault++) {
      const { overrides } = simplest.machine;
      const known = overrides.faultsLeftOut?.[injector] ?? 0;
      const bits = known | (1 << fault);
      if (bits === known) continue;
      const without = { ...overrides, faultsLeftOut: { ...overrides.faultsLeftOut, [injector]: bits } };
      simplest = failsStill(scenario, without, simplest, budget, TRIES_PER_FAULT) ?? simplest;
    }
  }
  return simplest;
}

/** The failure on a machine with other overrides; null when it is not found there, or only with more preemptions. */
function failsStill(scenario: Scenario, overrides: Overrides, kept: Kept, budget: ShrinkBudget, tries: Tries = TRIES): Kept | null {
  const machine = new FailingMachine(scenario, overrides, kept.machine.rule);
  const found = findAgain(machine, kept, budget, tries);
  const again = found === null ? null : shrinkChoices(found, machine.trial, budget.part(1 / 4));
  return again !== null && again.preemptions <= kept.shrunk.preemptions ? { machine, shrunk: again } : null;
}

/** A failing schedule on a simpler machine: the known one as far as it goes, or one like it. */
function findAgain(machine: FailingMachine, kept: Kept, budget: ShrinkBudget, tries: Tries): readonly number[] | null {
  const guide = new GuidedRun();
  if (follow(machine, kept.machine, kept.shrunk, guide, budget)) return guide.choices();
  const bounded = new PreemptionBounded(kept.shrunk.preemptions);
  return searchFor(machine, guide, bounded, tries.bounded, budget) ?? searchFor(machine, guide, new Pos(), tries.sampled, budget);
}

/** Executes the schedule of one machine on another: strands are the same by their names, and those that are not there are passed over. */
function follow(machine: FailingMachine, from: FailingMachine, known: ShrunkChoices, guide: GuidedRun, budget: ShrinkBudget): boolean {
  const ids = from.strandNames.map((name) => machine.strandNames.indexOf(name));
  const runs: Run[] = runsOf(known.choices).flatMap(({ strand, length }) => {
    const id = ids[strand] ?? -1;
    return id < 0 ? [] : [{ strand: id, length }];
  });
  guide.follow(runs);
  return budget.take() && machine.trial(guide);
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

function bitCount(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
