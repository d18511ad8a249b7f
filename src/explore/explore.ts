import { join } from 'node:path';
import { ControlledBackend, type Execution } from '../backends/controlled.js';
import { PointTally } from '../backends/point-tally.js';
import type { Strategy } from '../backends/strategy.js';
import { deriveSeed, hostTimeMs, hostTurn, type RecordedViolation } from '../kernel/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import type { ExploreReport, Finding, ShrinkSummary } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { toFinding } from '../backends/to-finding.js';
import { BRIEF_LIMITS, explainFailure } from './explain/index.js';
import { writeSchedule } from './schedule-file.js';
import { scheduleOf } from './schedule-of.js';
import { scheduleToken } from './schedule-token.js';
import { shrinkFailure, type ShrunkFailure } from './shrink-failure.js';
import { Replay } from './strategies/index.js';

/** Requests of one controlled execution when nobody says otherwise: enough for two in flight on each device, short enough to repeat. */
export const CONTROLLED_REQUESTS = 4;

/** The event loop gets a turn this often, so that signals and progress are served. */
const TURN_MS = 50;

export interface ExploreSettings {
  readonly overrides: Overrides;
  readonly strategy: Strategy;
  /** Most schedules to execute. */
  readonly schedules: number;
  /** Folder for the schedule file of a finding. */
  readonly outDir: string;
  /** What names the scenario in schedule files: its name or its module's path. */
  readonly scenarioReference: string;
  /** Start of the line to paste that replays a finding, such as `npx dmalab`. */
  readonly program: string;
  readonly signal: AbortSignal;
  onProgress(schedules: number, seconds: number, findings: number): void;
}

/** An execution that found something, and its choices. */
interface Failing {
  readonly execution: Execution;
  readonly choices: Int32Array;
}

/** Rule of schedules that are not the same twice. */
const NONDETERMINISM = 'L-NONDETERMINISM';

/**
 * Small traffic for controlled executions: few requests, few in flight. What the caller set stays, and so does all of a
 * scenario that says itself how many requests it has.
 */
export function controlledOverrides(scenario: Scenario, overrides: Overrides): Overrides {
  if (scenario.workload.requests !== undefined) return overrides;
  return { ...overrides, workload: { requests: CONTROLLED_REQUESTS, outstanding: 2, ...overrides.workload } };
}

/** So many schedules of a search are executed twice, and of those behind them one in `VERIFIED_EVERY`. */
export const VERIFIED_FIRST = 1000;
const VERIFIED_EVERY = 64;

/**
 * Executes schedules until one finds something, the budget is used up, or the strategy has none left. The first
 * thousand, a sample of the others, and each that finds something are executed twice, the second time from the recorded
 * choices: different hashes are the finding L-NONDETERMINISM, because nothing found on such ground could be had again.
 */
export async function explore(scenario: Scenario, settings: ExploreSettings): Promise<ExploreReport> {
  await loadDeviceModules(scenario);
  const overrides = controlledOverrides(scenario, settings.overrides);
  const parameters = resolveParameters(scenario, overrides);
  const backend = new ControlledBackend(parameters);
  const { strategy, signal } = settings;
  const tally = new PointTally();
  const replay = new Replay([]);
  let choiceWords = new Int32Array(1024);
  const hashes = new Set<string>();
  const deviceSteps: Record<string, number> = {};
  const startMs = hostTimeMs();
  let lastTurnMs = startMs;
  let schedules = 0;
  let verifiedTwice = 0;
  let steps = 0;
  let exhausted = false;
  let failing: Failing | null = null;

  while (schedules < settings.schedules && failing === null && !signal.aborted) {
    if (!strategy.newExecution(deriveSeed(overrides.seed, `schedule ${schedules}`))) {
      exhausted = strategy.leftOut !== true;
      break;
    }
    const isSampled = schedules < VERIFIED_FIRST || schedules % VERIFIED_EVERY === 0;
    backend.tally = tally;
    const execution = backend.execute(strategy, isSampled);
    backend.tally = null;
    strategy.finished({ steps: execution.steps, foundSomething: execution.findingsTotal > 0 });
    if (choiceWords.length < execution.choices.length) choiceWords = new Int32Array(execution.choices.length * 2);
    choiceWords.set(execution.choices);
    const choices = choiceWords.subarray(0, execution.choices.length);
    schedules++;
    steps += execution.steps;
    hashes.add(execution.eventHash);
    for (const [thread, count] of Object.entries(execution.deviceStepsByThread)) deviceSteps[thread] = (deviceSteps[thread] ?? 0) + count;
    if (isSampled || execution.findingsTotal > 0) {
      failing = verify(backend, replay, execution, choices);
      verifiedTwice++;
    }
    const nowMs = hostTimeMs();
    if (nowMs - lastTurnMs >= TURN_MS) {
      lastTurnMs = nowMs;
      settings.onProgress(schedules, (nowMs - startMs) / 1000, failing === null ? 0 : failing.execution.findingsTotal);
      await hostTurn();
    }
  }

  const seconds = (hostTimeMs() - startMs) / 1000;
  const kept = failing === null ? NOTHING_KEPT : keepFindings(scenario, settings, overrides, failing);
  return {
    verdict: failing !== null ? 'finding' : signal.aborted ? 'interrupted' : 'ok',
    scenario: scenario.name,
    seed: overrides.seed,
    strategy: strategy.name,
    schedules,
    steps,
    schedulesPerSecond: seconds > 0 ? schedules / seconds : 0,
    exhausted,
    races: parameters.races,
    ordering: parameters.machine.ordering,
    proof: strategy.proof ?? null,
    verifiedTwice,
    distinctHashes: hashes.size,
    deviceStepsByThread: deviceSteps,
    points: tally.totals(),
    ...kept,
  };
}

/** Executes a schedule again from its choices. What it found, or that it was not the same twice; null when all is well. */
function verify(backend: ControlledBackend, replay: Replay, execution: Execution, choices: Int32Array): Failing | null {
  replay.follow(choices);
  replay.newExecution();
  const again = backend.execute(replay);
  const difference = differenceBetween(execution, again);
  if (difference === null) return again.findingsTotal > 0 ? { execution: again, choices } : null;
  const findings = [nondeterminism(difference), ...execution.findings];
  return { execution: { ...execution, findings, findingsTotal: execution.findingsTotal + 1 }, choices };
}

function differenceBetween(first: Execution, second: Execution): string | null {
  if (first.eventHash !== second.eventHash) return `events ${first.eventHash} and ${second.eventHash}`;
  // The first execution's memory was not hashed when nothing asked for it.
  if (first.memoryHash !== '' && first.memoryHash !== second.memoryHash) return `memory ${first.memoryHash} and ${second.memoryHash}`;
  return null;
}

function nondeterminism(difference: string): RecordedViolation {
  return {
    rule: NONDETERMINISM,
    severity: 'error',
    object: null,
    step: 0,
    message: `the same schedule executed twice gave different hashes (${difference}): driver or device code uses time, chance or state from outside the machine`,
  };
}

/** What is left of a search that found something: the findings of the shrunk schedule, and where that is written. */
interface Kept {
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
  readonly token: string | null;
  readonly shrink: ShrinkSummary | null;
  readonly explanation: string | null;
}

const NOTHING_KEPT: Kept = { findings: [], findingsTotal: 0, token: null, shrink: null, explanation: null };

/** Where the shrunk schedule became inevitable and which order decides, in a sentence or two. */
function explainBriefly(scenario: Scenario, { overrides, choices }: ShrunkFailure, rule: string): string | null {
  return explainFailure(scenario, overrides, choices, rule, BRIEF_LIMITS)?.sentences.join(' ') ?? null;
}

/**
 * Writes the failing schedule. What is reported and replayed is the shrunk one; the one that was found stands beside
 * it as `.full.json`. A nondeterministic execution cannot be shrunk: no candidate could be believed.
 */
function keepFindings(scenario: Scenario, settings: ExploreSettings, overrides: Overrides, failing: Failing): Kept {
  const { rule } = failing.execution.findings[0]!;
  const path = join(settings.outDir, `${scenario.name}-${rule}-${failing.execution.eventHash.slice(0, 8)}.json`);
  const named = { reference: settings.scenarioReference, strategy: settings.strategy.name };
  const full = scheduleOf({ ...named, overrides, ...failing });
  const shrunk = rule === NONDETERMINISM ? null : shrinkFailure(scenario, { overrides, choices: failing.choices, rule });
  if (shrunk !== null) writeSchedule(path.replace(/json$/, 'full.json'), full);
  const written = shrunk === null ? full : scheduleOf({ ...named, ...shrunk });
  writeSchedule(path, written);
  const { findings, findingsTotal } = shrunk?.execution ?? failing.execution;
  return {
    findings: findings.map((violation) => toFinding(violation, path, `${settings.program} replay ${path}`)),
    findingsTotal,
    token: scheduleToken(written),
    shrink: shrunk?.summary ?? null,
    explanation: shrunk === null ? null : explainBriefly(scenario, shrunk, rule),
  };
}
