import type { Strategy } from '../backends/strategy.js';
import { toFinding } from '../backends/to-finding.js';
import { hostTimeMs, type RecordedViolation } from '../kernel/index.js';
import { UsageError } from '../nt/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { resolveParameters, type MachineParameters, type Overrides } from '../machine/parameters.js';
import type { ExploreReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { keepFindings, type KeptFindings, type SchedulePlace } from './keep-findings.js';
import { inOrder, searchInParallel, searchSequentially, type Search } from './search/index.js';
import { strategies } from './strategies/index.js';

/** Requests of one controlled execution when nobody says otherwise: enough for two in flight on each device, short enough to repeat. */
export const CONTROLLED_REQUESTS = 4;

export interface ExploreSettings extends SchedulePlace {
  readonly overrides: Overrides;
  readonly strategy: Strategy;
  /** Most schedules to execute. */
  readonly schedules: number;
  /** Threads that share the search, each with a machine of its own; default 1. More than 1 only for a strategy that is independent. */
  readonly workers?: number;
  /** No schedule is begun after so long; default: no bound. */
  readonly seconds?: number;
  /** The command line that runs this again, for a finding without a schedule. Default `program`. */
  readonly again?: string;
  /** Threads that give no sign of life for so long are lost; default EXPLORER_SILENCE_MS. */
  readonly silenceMs?: number;
  readonly signal: AbortSignal;
  onProgress(schedules: number, seconds: number, findings: number): void;
}

/**
 * Small traffic for controlled executions: few requests, few in flight. What the caller set stays, and so does all of a
 * scenario that says itself how many requests it has.
 */
export function controlledOverrides(scenario: Scenario, overrides: Overrides): Overrides {
  if (scenario.workload.requests !== undefined) return overrides;
  return { ...overrides, workload: { requests: CONTROLLED_REQUESTS, outstanding: 2, ...overrides.workload } };
}

/**
 * Operations from one leap of time to the next in searches that draw their schedules. A watchdog that is armed all the time
 * is drawn as often as whoever does the work; without a distance most of an execution is its looks.
 */
export const LEAP_DISTANCE = 32;

/** What a search with `strategy` executes: small traffic, and for one that draws its schedules few leaps of time. */
export function searchOverrides(scenario: Scenario, overrides: Overrides, strategy: Strategy): Overrides {
  const small = controlledOverrides(scenario, overrides);
  return strategy.isSample === true ? { leapDistance: LEAP_DISTANCE, ...small } : small;
}

/** Schedules of a search that only time ends. */
export const TIMED_SCHEDULES_MAX = 100_000_000;

/** Throws UsageError USAGE_WORKERS for a strategy that never ceases to learn from its executions. */
function requireIndependent(strategy: Strategy): void {
  if (strategy.isIndependent === true) return;
  const names = strategies.filter((other) => other.create().isIndependent === true).map(({ name }) => name);
  throw new UsageError('USAGE_WORKERS', `${strategy.name} learns from one execution for the next, so threads cannot share the search`, {
    where: '--workers',
    expected: `1, or a strategy whose executions depend on their seed and the search's first ones alone: ${names.join(', ')}`,
  });
}

/** Throws UsageError USAGE_GRANULARITY for a proof over points at which only some can go first. */
function requireSteps(strategy: Strategy, { granularity }: MachineParameters): void {
  if (granularity !== 'words' || (strategy.proof ?? null) === null) return;
  throw new UsageError('USAGE_GRANULARITY', `${strategy.name} takes executions apart into steps, and an access to a shared word is none`, {
    where: '--granularity',
    expected: 'calls, synchronisation or all; another strategy for words',
  });
}

/**
 * Executes schedules until one finds something, the budget is used up, or the strategy has none left; on several threads
 * when it was asked for. What it finds is the finding of the lowest schedule number, and all numbers but times are the
 * same, whatever the number of threads.
 */
export async function explore(scenario: Scenario, settings: ExploreSettings): Promise<ExploreReport> {
  await loadDeviceModules(scenario);
  const { strategy, signal, workers = 1 } = settings;
  const overrides = searchOverrides(scenario, settings.overrides, strategy);
  const parameters = resolveParameters(scenario, overrides);
  if (workers > 1) requireIndependent(strategy);
  requireSteps(strategy, parameters);
  const search: Search = {
    parameters,
    seed: overrides.seed,
    strategy,
    schedules: settings.schedules,
    seconds: settings.seconds ?? null,
    signal,
    onProgress: (schedules, seconds, findings) => settings.onProgress(schedules, seconds, findings),
  };
  const startMs = hostTimeMs();
  const { sum, failing, ended, lost } =
    workers > 1
      ? await searchInParallel({ ...search, workers, reference: settings.scenarioReference, overrides, ...silence(settings) })
      : { ...(await searchSequentially(search)), lost: null };
  const seconds = (hostTimeMs() - startMs) / 1000;
  const kept =
    failing !== null
      ? keepFindings(scenario, settings, { strategy: strategy.name, overrides, ...failing })
      : lost !== null
        ? lostThread(lost, settings)
        : NOTHING_KEPT;
  return {
    verdict: kept.findingsTotal > 0 ? 'finding' : signal.aborted ? 'interrupted' : 'ok',
    scenario: scenario.name,
    seed: overrides.seed,
    strategy: strategy.name,
    workers,
    schedules: sum.schedules,
    steps: sum.steps,
    schedulesPerSecond: seconds > 0 ? sum.schedules / seconds : 0,
    exhausted: ended && strategy.leftOut !== true,
    races: parameters.races,
    ordering: parameters.machine.ordering,
    proof: strategy.proof ?? null,
    verifiedTwice: sum.verifiedTwice,
    distinctHashes: sum.distinctHashes,
    coverage: sum.coverage(strategy.isSample === true),
    deviceStepsByThread: sum.deviceStepsByThread,
    points: inOrder(sum.points),
    ...kept,
  };
}

function silence({ silenceMs }: ExploreSettings): { silenceMs?: number } {
  return silenceMs === undefined ? {} : { silenceMs };
}

function lostThread(violation: RecordedViolation, { again, program }: ExploreSettings): KeptFindings {
  return { ...NOTHING_KEPT, findings: [toFinding(violation, null, again ?? program)], findingsTotal: 1 };
}

const NOTHING_KEPT: KeptFindings = { findings: [], findingsTotal: 0, token: null, shrink: null, explanation: null };
