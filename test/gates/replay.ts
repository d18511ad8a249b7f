import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlledBackend, LockstepBackend, type Execution } from '../../src/backends/index.js';
import { Pos, Replay, decodeChoices, explore, parseOverrides, parseScheduleJson, type Schedule } from '../../src/explore/index.js';
import { EventKind, type EventRing } from '../../src/kernel/index.js';
import type { ReplayBackend } from '../../src/machine/report.js';
import { resolveParameters, type MachineParameters } from '../../src/machine/parameters.js';
import type { Scenario } from '../../src/machine/scenario.js';
import type { GalleryEntry } from '../../src/scenarios/index.js';
import { dmalab, jsonOf } from '../e2e/dmalab.js';
import { FOUND_WITHIN } from './gallery.js';

/** A finding of `explore` on disk: as it was found, and shrunk. */
export interface KeptFinding {
  readonly scenario: Scenario;
  readonly rule: string;
  readonly full: KeptSchedule;
  readonly shrunk: KeptSchedule;
}

export interface KeptSchedule {
  readonly file: string;
  readonly schedule: Schedule;
}

/** So many replays, and in so many of them anything was not as the file says; `difference` tells the first. */
export interface ReplayCounts {
  readonly replays: number;
  readonly different: number;
  readonly difference: string | null;
}

/** Lets `explore` find the defect as a user does, with the default strategy; a message when it does not, or cannot shrink what it found. */
export async function findDefect(
  { defect, expects }: GalleryEntry,
  folder: string,
  schedules = FOUND_WITHIN,
): Promise<KeptFinding | string> {
  const outDir = join(folder, defect.name);
  mkdirSync(outDir, { recursive: true });
  const report = await explore(defect, {
    overrides: { seed: 1 },
    strategy: new Pos(),
    schedules,
    outDir,
    scenarioReference: defect.name,
    program: 'npx dmalab',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  const [finding] = report.findings;
  if (finding === undefined) return `nothing found within ${schedules} schedules`;
  if (finding.rule !== expects) return `found ${finding.rule} instead of ${expects}`;
  const kept = readKept(finding.schedule!);
  if (report.shrink === null) return `${finding.rule} was not shrunk`;
  return { scenario: defect, rule: expects, full: readKept(finding.schedule!.replace(/json$/, 'full.json')), shrunk: kept };
}

function parametersOf(scenario: Scenario, file: string, schedule: Schedule): MachineParameters {
  return resolveParameters(scenario, parseOverrides(schedule.seed, schedule.parameters, file));
}

function readKept(file: string): KeptSchedule {
  return { file, schedule: parseScheduleJson(JSON.parse(readFileSync(file, 'utf8')), file) };
}

/** What makes two executions the same, as text. */
const facts = (rule: string, eventHash: string, memoryHash: string): string => `${rule}, events ${eventHash}, memory ${memoryHash}`;

const expectedFacts = ({ finding, eventHash, memoryHash }: Schedule): string => facts(finding?.rule ?? 'nothing', eventHash, memoryHash);

class Counter {
  #replays = 0;
  #different = 0;
  #difference: string | null = null;

  count(expected: string, found: string): void {
    this.#replays++;
    if (found === expected) return;
    this.#different++;
    this.#difference ??= `expected ${expected}; found ${found}`;
  }

  get counts(): ReplayCounts {
    return { replays: this.#replays, different: this.#different, difference: this.#difference };
  }
}

/**
 * Replays a schedule so many times in this process, on one machine that is reset in between. On `lockstep` the event trace
 * must say of each device step that a worker thread executed it.
 */
export async function replayHere(
  scenario: Scenario,
  { file, schedule }: KeptSchedule,
  backend: ReplayBackend,
  times: number,
): Promise<ReplayCounts> {
  const parameters = parametersOf(scenario, file, schedule);
  const replay = new Replay(decodeChoices(schedule.choices, file));
  if (backend === 'controlled') {
    const controlled = new ControlledBackend(parameters);
    return replayOn(
      schedule,
      replay,
      times,
      (strategy) => controlled.execute(strategy),
      () => '',
    );
  }
  const lockstep = new LockstepBackend(parameters);
  try {
    await lockstep.start();
    const { events } = lockstep.controlled;
    return replayOn(
      schedule,
      replay,
      times,
      (strategy) => lockstep.execute(strategy),
      (execution) => stepsOfOthers(events, execution),
    );
  } finally {
    await lockstep.stop();
  }
}

function replayOn(
  schedule: Schedule,
  replay: Replay,
  times: number,
  execute: (strategy: Replay) => Execution,
  complaint: (execution: Execution) => string,
): ReplayCounts {
  const counter = new Counter();
  const expected = expectedFacts(schedule);
  for (let i = 0; i < times; i++) {
    replay.newExecution();
    const execution = execute(replay);
    const divergence = replay.divergence();
    const found = facts(execution.findings[0]?.rule ?? 'nothing', execution.eventHash, execution.memoryHash);
    counter.count(expected, divergence === null ? found + complaint(execution) : `a divergence at choice ${divergence.choice}`);
  }
  return counter.counts;
}

/**
 * Empty when worker threads executed all device steps of the trace, and as many as were chosen; a board can be pulled before
 * its first one. Of an execution longer than the trace, only the last part can be looked at.
 */
function stepsOfOthers(events: EventRing, { deviceStepsByThread }: Execution): string {
  let byWorkers = 0;
  let byMain = 0;
  for (const { kind, thread } of events.newest()) {
    if (kind !== EventKind.DeviceStep) continue;
    if (thread === 0) byMain++;
    else byWorkers++;
  }
  const chosen = Object.values(deviceStepsByThread).reduce((sum, steps) => sum + steps, 0);
  const isWhole = events.sequence <= events.capacity;
  return byMain === 0 && !('0' in deviceStepsByThread) && (byWorkers === chosen || (!isWhole && byWorkers < chosen))
    ? ''
    : `, ${byMain} device steps on the main thread, ${byWorkers} of ${chosen} on workers`;
}

/** Replays a schedule file in so many processes of their own, `atOnce` at a time: exit code 1, the same rule and hashes each time. */
export async function replayInProcesses(
  kept: KeptSchedule,
  backend: ReplayBackend,
  times: number,
  folder: string,
  atOnce = 1,
): Promise<ReplayCounts> {
  const counter = new Counter();
  const expected = `exit code 1, ${expectedFacts(kept.schedule)}`;
  let left = times;
  const replayOneByOne = async (): Promise<void> => {
    while (left-- > 0) counter.count(expected, await factsOfProcess(kept.file, backend, folder));
  };
  await Promise.all(Array.from({ length: atOnce }, replayOneByOne));
  return counter.counts;
}

async function factsOfProcess(file: string, backend: ReplayBackend, folder: string): Promise<string> {
  const ended = await dmalab(['replay', file, '--backend', backend, '--json'], folder);
  if (ended.code !== 0 && ended.code !== 1) return `exit code ${ended.code}: ${ended.stdout}${ended.stderr}`;
  const { findings, eventHash, memoryHash, deviceStepsByThread } = jsonOf(ended) as unknown as ReplayJson;
  const isOnWorkers = !('0' in deviceStepsByThread);
  const where = backend === 'lockstep' && !isOnWorkers ? `, device steps by thread ${JSON.stringify(deviceStepsByThread)}` : '';
  return `exit code ${ended.code}, ${facts(findings[0]?.rule ?? 'nothing', eventHash, memoryHash)}${where}`;
}

interface ReplayJson {
  readonly findings: readonly { readonly rule: string }[];
  readonly eventHash: string;
  readonly memoryHash: string;
  readonly deviceStepsByThread: Readonly<Record<string, number>>;
}
