import { RunTotals } from '../backends/run-report.js';
import { RecordedBackend, type Recording } from '../backends/recorded.js';
import type { RunProgress } from '../backends/threads.js';
import type { Ratio } from '../backends/vcpu-turns.js';
import { deriveSeed, hostTimeMs, hostTurn } from '../kernel/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { requireFreeRunning } from '../machine/ordering.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import { replayLine } from '../machine/replay-line.js';
import type { Finding, RecordingSummary, RunReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { fullPath, keepFindings, type Found, type KeptFindings, type SchedulePlace } from './keep-findings.js';
import { RecordingKeeper } from './keep-recording.js';

/** Requests of one recorded execution when nobody says otherwise: long enough to fill queues, short enough to shrink. */
export const EPOCH_REQUESTS = 32;
/** Executions on one machine before another is booted with another seed, and so with other traffic. */
const EPOCHS_PER_BOOT = 100;
/** The event loop gets a turn this often. */
const TURN_MS = 50;
/** Boots in a row that complete nothing: another would not, either. */
const FRUITLESS_BOOTS_MAX = 3;

export interface RecordSettings extends SchedulePlace {
  /** `workload.requests` is what the whole run completes; Infinity when only time ends it. */
  readonly overrides: Overrides;
  /** Requests of one execution. */
  readonly epochRequests: number;
  /** Null for no bound in time. */
  readonly durationSeconds: number | null;
  /** Chance of a switch between virtual CPUs at a scheduling point. */
  readonly preempt: Ratio | null;
  /** After a crash, boot a new machine and go on. */
  readonly keepGoing: boolean;
  /** Write the last execution's schedule even when it found nothing. */
  readonly keepRecording: boolean;
  /** The command line that runs this again. */
  readonly again: string;
  readonly signal: AbortSignal;
  onProgress(progress: RunProgress): void;
}

/**
 * Runs a scenario on real threads and records it. JavaScript objects cannot be copied in mid-flight, so what is recorded is
 * one execution after another - power-on, `epochRequests` requests, orderly removal - each of which can be followed
 * from its beginning. An execution with a finding becomes a schedule file, which `replay` takes; the first of each rule is shrunk when the threads have ended.
 */
export async function record(scenario: Scenario, settings: RecordSettings): Promise<RunReport> {
  await loadDeviceModules(scenario);
  requireFreeRunning(resolveParameters(scenario, settings.overrides).machine.ordering);
  const run = new RecordedRun(scenario, settings);
  await run.execute();
  return run.report();
}

class RecordedRun {
  readonly #scenario: Scenario;
  readonly #settings: RecordSettings;
  readonly #totals = new RunTotals();
  readonly #orders = new Set<string>();
  /** The first execution of each rule that can be had again. */
  readonly #found = new Map<string, Found>();
  readonly #target: number;
  readonly #startMs = hostTimeMs();
  readonly #deadlineMs: number;
  #epochs = 0;
  #operations = 0;
  #exact = true;
  #schedule: string | null = null;
  #crashed = false;
  #lastTurnMs = 0;

  constructor(scenario: Scenario, settings: RecordSettings) {
    this.#scenario = scenario;
    this.#settings = settings;
    this.#target = resolveParameters(scenario, settings.overrides).requests;
    this.#deadlineMs = settings.durationSeconds === null ? Infinity : this.#startMs + settings.durationSeconds * 1000;
  }

  get #isOver(): boolean {
    const { signal, keepGoing } = this.#settings;
    const isDone = this.#totals.requests >= this.#target || hostTimeMs() >= this.#deadlineMs;
    return isDone || signal.aborted || (this.#crashed && !keepGoing);
  }

  async execute(): Promise<void> {
    const { overrides } = this.#settings;
    let fruitless = 0;
    for (let boot = 0; fruitless < FRUITLESS_BOOTS_MAX && !this.#isOver; boot++) {
      const before = this.#totals.requests;
      this.#crashed = false;
      await this.#boot(boot === 0 ? overrides.seed : deriveSeed(overrides.seed, `boot ${boot}`));
      fruitless = this.#totals.requests > before ? 0 : fruitless + 1;
    }
  }

  /** One machine, and executions on it until it crashes, has had its share, or what is left is less than an execution. */
  async #boot(seed: number): Promise<void> {
    const { overrides, epochRequests, preempt } = this.#settings;
    const requests = Math.min(epochRequests, this.#target - this.#totals.requests);
    const own: Overrides = { ...overrides, seed, livelocks: false, workload: { ...overrides.workload, requests } };
    const keeper = new RecordingKeeper(this.#scenario, this.#settings, own);
    const backend = new RecordedBackend(resolveParameters(this.#scenario, own), preempt);
    try {
      await backend.start();
      for (let epoch = 0; epoch < EPOCHS_PER_BOOT && this.#target - this.#totals.requests >= requests; epoch++) {
        const recording = this.#record(backend, keeper);
        await this.#turn(backend);
        if (this.#settings.keepRecording && this.#isOver && this.#schedule === null) this.#keep(keeper, recording);
        if (this.#crashed || this.#isOver) break;
      }
    } finally {
      await backend.stop();
      this.#totals.addEngines(backend.pool);
    }
  }

  #record(backend: RecordedBackend, keeper: RecordingKeeper): Recording {
    const startMs = hostTimeMs();
    const recording = backend.execute();
    const seconds = (hostTimeMs() - startMs) / 1000;
    const { execution } = recording;
    this.#epochs++;
    this.#operations += execution.steps;
    this.#orders.add(execution.eventHash);
    this.#exact &&= recording.isExact;
    this.#crashed = backend.machine.dead !== null;
    // Before the file is written: the findings are true whatever becomes of it.
    const schedule = execution.findingsTotal > 0 && this.#totals.hasRoomForFindings ? this.#keep(keeper, recording) : null;
    this.#totals.addExecution(backend.machine, seconds, schedule);
    return recording;
  }

  #keep(keeper: RecordingKeeper, recording: Recording): string | null {
    const { schedule, followed, violation } = keeper.keep(recording);
    this.#schedule = schedule ?? this.#schedule;
    this.#exact &&= schedule !== null;
    const rule = followed?.execution.findings[0]?.rule;
    if (rule !== undefined && !this.#found.has(rule)) this.#found.set(rule, followed!);
    if (violation !== null) this.#totals.addFinding(violation);
    return schedule;
  }

  async #turn(backend: RecordedBackend): Promise<void> {
    const nowMs = hostTimeMs();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    this.#lastTurnMs = nowMs;
    backend.pool.collect();
    this.#settings.onProgress({
      requests: this.#totals.requests,
      target: this.#target === Infinity ? null : this.#target,
      seconds: (nowMs - this.#startMs) / 1000,
      durationSeconds: this.#settings.durationSeconds,
      bytes: this.#totals.bytes,
      findings: this.#totals.findings,
    });
    await hostTurn();
  }

  report(): RunReport {
    const { overrides, program, again, signal, epochRequests } = this.#settings;
    const replayOf = (schedule: string | null): string => (schedule === null ? again : replayLine(program, schedule));
    const recording: RecordingSummary = {
      epochs: this.#epochs,
      epochRequests,
      operations: this.#operations,
      distinctOrders: this.#orders.size,
      exact: this.#exact,
      schedule: this.#schedule,
    };
    const report = this.#totals.report(this.#scenario, overrides.seed, replayOf, signal.aborted);
    return { ...report, findings: this.#shrunk(report.findings), recording };
  }

  /**
   * What was recorded, with the finding that each shrunk schedule comes to in place of the one it was shrunk from. What else its execution
   * found need not be found any more: that is led to by the schedule as it was recorded.
   */
  #shrunk(findings: readonly Finding[]): Finding[] {
    const kept = new Map<string, KeptFindings>();
    for (const found of this.#found.values()) {
      const one = keepFindings(this.#scenario, this.#settings, found);
      kept.set(one.findings[0]!.schedule!, one);
    }
    const told = new Set<string>();
    return findings.map((finding) => {
      const { schedule } = finding;
      const shrunk = schedule === null ? undefined : kept.get(schedule);
      if (schedule === null || shrunk === undefined) return finding;
      const { findings: simplest, token, shrink, explanation } = shrunk;
      if (!told.has(schedule)) {
        told.add(schedule);
        return { ...simplest[0]!, token, shrink, explanation };
      }
      if (shrink === null) return finding;
      const full = fullPath(schedule);
      return { ...finding, schedule: full, replay: replayLine(this.#settings.program, full) };
    });
  }
}
