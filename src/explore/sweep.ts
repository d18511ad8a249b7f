import { join } from 'node:path';
import { ControlledBackend, type Execution } from '../backends/controlled.js';
import { toFinding } from '../backends/to-finding.js';
import { deriveSeed, hostTimeMs, hostTurn } from '../kernel/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import { replayLine } from '../machine/replay-line.js';
import type { Finding } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import type { OutsideEvent, SweepCounts, SweepReport, SweepSeries } from '../machine/sweep-report.js';
import { workloadDefaults, type WorkloadConfig } from '../workload/config.js';
import { writeSchedule } from './schedule-file.js';
import { scheduleOf } from './schedule-of.js';
import { SweepStrategy } from './sweep-strategy.js';

/** A request whose life has more operations does not end. */
const OPERATIONS_MAX = 100_000;
/** Operations of one execution before it counts as endless (L-STEP-BOUND), unless the caller says otherwise; a request's life has hundreds. */
const STEPS_MAX = 100_000;
/** The event loop gets a turn this often. */
const TURN_MS = 50;
const ALWAYS = 1_000_000;

const eventWorkload: Readonly<Record<OutsideEvent, Partial<WorkloadConfig>>> = {
  cancel: { cancelPerMillion: ALWAYS },
  unplug: { unplugPerMillion: ALWAYS },
  'power-down': { powerCyclesPerMillion: ALWAYS },
};

export interface SweepSettings {
  readonly overrides: Overrides;
  readonly event: OutsideEvent;
  /** Requests of each execution. */
  readonly requests: number;
  /** Seeded orders beside the straight one. */
  readonly orders: number;
  /** Folder for schedule files. */
  readonly outDir: string;
  readonly scenarioReference: string;
  /** Start of the line to paste that replays a finding. */
  readonly program: string;
  readonly signal: AbortSignal;
  onProgress(executions: number, seconds: number, findings: number): void;
}

type Counts = { -readonly [K in keyof SweepCounts]: SweepCounts[K] };
const noCounts = (): Counts => ({ executions: 0, completed: 0, cancelled: 0, failed: 0, finding: 0 });

/**
 * Lets something happen from outside - a cancellation, the device pulled, the device sent to D3 and back - before
 * each operation of a request's life in turn, in the straight order and in as many seeded ones as asked for: for k = 1, 2,
 * ... until the request's life has no k-th operation. So the count is exhaustive for these orders. Throws UsageError for
 * bad parameters only.
 */
export async function sweep(scenario: Scenario, settings: SweepSettings): Promise<SweepReport> {
  await loadDeviceModules(scenario);
  const sweeper = new Sweeper(scenario, settings);
  const series: SweepSeries[] = [];
  for (const direction of ['read', 'write'] as const) {
    for (let order = 0; order <= settings.orders && !settings.signal.aborted; order++) series.push(await sweeper.series(direction, order));
  }
  return {
    verdict: sweeper.findingsTotal > 0 ? 'finding' : settings.signal.aborted ? 'interrupted' : 'ok',
    scenario: scenario.name,
    seed: settings.overrides.seed,
    event: settings.event,
    requests: settings.requests,
    total: sweeper.total,
    series,
    findings: sweeper.findings,
    findingsTotal: sweeper.findingsTotal,
  };
}

class Sweeper {
  readonly total = noCounts();
  readonly findings: Finding[] = [];
  findingsTotal = 0;
  readonly #startMs = hostTimeMs();
  #lastTurnMs = this.#startMs;

  constructor(
    private readonly scenario: Scenario,
    private readonly settings: SweepSettings,
  ) {}

  async series(direction: 'read' | 'write', order: number): Promise<SweepSeries> {
    const { overrides: asked, signal } = this.settings;
    const overrides = this.#overrides(direction);
    const backend = new ControlledBackend(resolveParameters(this.scenario, overrides));
    const strategy = new SweepStrategy(backend, order === 0 ? null : deriveSeed(asked.seed, `sweep ${direction} ${order}`));
    const byWindow: Record<string, Counts> = {};
    let operations = 0;
    while (operations < OPERATIONS_MAX && !signal.aborted) {
      strategy.begin(operations + 1);
      const execution = backend.execute(strategy, false);
      // There is no such operation: nothing was left to come between. That execution counts when it was the only one.
      if (!strategy.hasHappened && (operations > 0 || execution.findingsTotal === 0)) break;
      operations++;
      this.#count((byWindow[strategy.window || 'none'] ??= noCounts()), backend, execution);
      if (execution.findingsTotal > 0) this.#keep(overrides, strategy, backend, execution, operations);
      if (!strategy.hasHappened) break;
      await this.#turn();
    }
    return { direction, order: order === 0 ? 'straight' : `random ${order}`, operations, byWindow };
  }

  /** As long as requests get, in one direction, and the event for each. */
  #overrides(direction: 'read' | 'write'): Overrides {
    const { overrides, requests, event } = this.settings;
    const { workload: shared, devices } = this.scenario;
    // One length for all devices: the longest that each of them takes.
    const longest = devices.map(({ workload: own }) => own?.maxBytes ?? shared.maxBytes ?? workloadDefaults.maxBytes);
    const maxBytes = overrides.workload?.maxBytes ?? Math.min(...longest);
    const quiet = { cancelPerMillion: 0, unplugPerMillion: 0, powerCyclesPerMillion: 0 };
    const workload = {
      minBytes: maxBytes,
      outstanding: requests,
      ...overrides.workload,
      requests,
      maxBytes,
      readsPercent: direction === 'read' ? 100 : 0,
      ...quiet,
      ...eventWorkload[event],
    };
    return { stepsMax: STEPS_MAX, ...overrides, workload };
  }

  #count(window: Counts, { machine }: ControlledBackend, { findingsTotal }: Execution): void {
    const endings = machine.devices.map(({ workload }) => workload?.endings);
    const some = (ending: 'cancelled' | 'failed'): boolean => endings.some((counts) => (counts?.[ending] ?? 0) > 0);
    const how = findingsTotal > 0 ? 'finding' : some('failed') ? 'failed' : some('cancelled') ? 'cancelled' : 'completed';
    for (const counts of [window, this.total]) {
      counts.executions++;
      counts[how]++;
    }
    this.findingsTotal += findingsTotal;
  }

  /** Writes the schedule of the first finding of each rule. */
  #keep(overrides: Overrides, strategy: SweepStrategy, backend: ControlledBackend, found: Execution, operation: number): void {
    const { outDir, scenarioReference, program, event } = this.settings;
    const violation = found.findings[0]!;
    if (this.findings.some(({ rule }) => rule === violation.rule)) return;
    const choices = Array.from(found.choices);
    // Once more with the memory's hash, which a schedule file carries.
    strategy.begin(operation);
    const execution = backend.execute(strategy);
    const path = join(outDir, `${this.scenario.name}-${violation.rule}-${execution.eventHash.slice(0, 8)}.json`);
    writeSchedule(path, scheduleOf({ reference: scenarioReference, strategy: strategy.name, overrides, choices, execution }));
    const where = `${event} before operation ${operation} of the request`;
    this.findings.push(toFinding({ ...violation, message: `${where}: ${violation.message}` }, path, replayLine(program, path)));
  }

  async #turn(): Promise<void> {
    const nowMs = hostTimeMs();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    this.#lastTurnMs = nowMs;
    this.settings.onProgress(this.total.executions, (nowMs - this.#startMs) / 1000, this.findingsTotal);
    await hostTurn();
  }
}
