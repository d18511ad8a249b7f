import { ControlledBackend, type Execution } from '../backends/controlled.js';
import { deriveSeed, hostTimeMs, hostTurn } from '../kernel/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import type { Finding } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import type { OutsideEvent, SweepCounts, SweepReport, SweepSeries } from '../machine/sweep-report.js';
import { workloadDefaults, type WorkloadConfig } from '../workload/config.js';
import { keepFindings, type SchedulePlace } from './keep-findings.js';
import { failingOf } from './search/index.js';
import { Replay } from './strategies/index.js';
import { SweepStrategy } from './sweep-strategy.js';

/** A request whose life has more operations does not end. */
const OPERATIONS_MAX = 100_000;
/** Operations of one execution before it counts as endless (L-STEP-BOUND), unless the caller says otherwise; a request's life has hundreds. */
export const SWEEP_STEPS_MAX = 100_000;
/** The event loop gets a turn this often. */
const TURN_MS = 50;
const ALWAYS = 1_000_000;

const eventWorkload: Readonly<Record<OutsideEvent, Partial<WorkloadConfig>>> = {
  cancel: { cancelPerMillion: ALWAYS },
  unplug: { unplugPerMillion: ALWAYS },
  'power-down': { powerCyclesPerMillion: ALWAYS },
};

export interface SweepSettings extends SchedulePlace {
  readonly overrides: Overrides;
  readonly event: OutsideEvent;
  /** Requests of each execution. */
  readonly requests: number;
  /** Seeded orders beside the straight one. */
  readonly orders: number;
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
    races: settings.overrides.races === true,
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
      // There is no such operation: nothing was left to come between. That execution counts only for what it found.
      if (!strategy.hasHappened && execution.findingsTotal === 0) break;
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
    return { stepsMax: SWEEP_STEPS_MAX, ...overrides, workload };
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

  /**
   * Keeps the first finding of each rule, with a shrunk schedule. The execution is had once more from its choices before: what does not
   * come to the same twice is the finding.
   */
  #keep(overrides: Overrides, { name, hasHappened }: SweepStrategy, backend: ControlledBackend, found: Execution, operation: number): void {
    if (this.#isKept(found)) return;
    const choices = Int32Array.from(found.choices);
    const replay = new Replay(choices);
    replay.newExecution();
    const failing = failingOf(found, backend.execute(replay), choices);
    if (failing === null || this.#isKept(failing.execution)) return;
    const { findings, token, shrink, explanation } = keepFindings(this.scenario, this.settings, { strategy: name, overrides, ...failing });
    const { event } = this.settings;
    const where = hasHappened ? `${event} before operation ${operation} of the request` : `no ${event} before any operation of the request`;
    const message = `${where}: ${findings[0]!.message}`;
    this.findings.push({ ...findings[0]!, message, token, shrink, explanation });
  }

  #isKept({ findings }: Execution): boolean {
    return this.findings.some(({ rule }) => rule === findings[0]!.rule);
  }

  async #turn(): Promise<void> {
    const nowMs = hostTimeMs();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    this.#lastTurnMs = nowMs;
    this.settings.onProgress(this.total.executions, (nowMs - this.#startMs) / 1000, this.findingsTotal);
    await hostTurn();
  }
}
