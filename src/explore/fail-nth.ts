import { ControlledBackend, type Execution } from '../backends/controlled.js';
import { toFinding } from '../backends/to-finding.js';
import { NO_CALL } from '../faults/index.js';
import { FINDINGS_KEPT_MAX, deriveSeed, hostTimeMs, hostTurn, type RecordedViolation } from '../kernel/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import type { Machine } from '../machine/machine.js';
import { resolveParameters, type Overrides } from '../machine/parameters.js';
import type { FailNthReport, FailNthSeries } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { workloadDefaults } from '../workload/config.js';
import { RandomWalk } from './strategies/index.js';

/** A driver that makes more fallible calls for one request makes them without end. */
const CALLS_MAX = 10_000;
/** The event loop gets a turn this often. */
const TURN_MS = 50;

export interface FailNthSettings {
  readonly overrides: Overrides;
  /** The command line that runs this again, for findings. */
  readonly again: string;
  readonly signal: AbortSignal;
  onProgress(executions: number, seconds: number, findings: number): void;
}

type Ending = 'refusedStarts' | 'failedRequests' | 'survived';

/**
 * Executes one request a device in each direction under control, again and again: first with nothing failing, then
 * with exactly the k-th fallible call failing, for k = 1, 2, ... until there is no k-th call. Each execution must end
 * cleanly: the driver refuses to start, or the request completes (with an error, or with the right bytes), and after
 * removal nothing is left. Throws UsageError for bad parameters only.
 */
export async function failNth(scenario: Scenario, settings: FailNthSettings): Promise<FailNthReport> {
  await loadDeviceModules(scenario);
  const { overrides, signal } = settings;
  const tally = new Tally(settings);
  const series: FailNthSeries[] = [];
  for (const direction of ['read', 'write'] as const) {
    if (signal.aborted) break;
    series.push(
      await runSeries(
        direction,
        new ControlledBackend(resolveParameters(scenario, oneRequest(scenario, overrides, direction))),
        tally,
        settings,
      ),
    );
  }
  const sum = (of: (one: FailNthSeries) => number): number => series.reduce((total, one) => total + of(one), 0);
  return {
    verdict: tally.findingsTotal > 0 ? 'finding' : signal.aborted ? 'interrupted' : 'ok',
    scenario: scenario.name,
    seed: overrides.seed,
    findings: tally.findings.map((violation) => toFinding(violation, null, settings.again)),
    findingsTotal: tally.findingsTotal,
    failNth: { calls: sum(({ calls }) => calls), clean: sum(({ clean }) => clean), findings: tally.findingsTotal, series },
  };
}

/** One request on each device, as long as they get, in one direction. */
function oneRequest(scenario: Scenario, overrides: Overrides, direction: 'read' | 'write'): Overrides {
  const instances = overrides.instances ?? 1;
  const maxBytes = overrides.workload?.maxBytes ?? scenario.workload.maxBytes ?? workloadDefaults.maxBytes;
  const workload = {
    ...overrides.workload,
    requests: scenario.devices.length * instances,
    outstanding: 1,
    readsPercent: direction === 'read' ? 100 : 0,
  };
  return { ...overrides, failCall: NO_CALL, workload: { minBytes: maxBytes, ...workload, maxBytes } };
}

/** Findings and progress over all executions. */
class Tally {
  readonly findings: RecordedViolation[] = [];
  findingsTotal = 0;
  executions = 0;
  readonly #startMs = hostTimeMs();
  #lastTurnMs = this.#startMs;

  constructor(private readonly settings: FailNthSettings) {}

  /** `failed` names the call that was failed; null when none was. */
  add(execution: Execution, call: number, failed: string | null): void {
    this.executions++;
    this.findingsTotal += execution.findingsTotal;
    const where = failed === null ? 'with no call failing' : `with fallible call ${call} (${failed}) failing`;
    for (const violation of execution.findings) {
      if (this.findings.length < FINDINGS_KEPT_MAX) this.findings.push({ ...violation, message: `${where}: ${violation.message}` });
    }
  }

  async turn(): Promise<void> {
    const nowMs = hostTimeMs();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    this.#lastTurnMs = nowMs;
    this.settings.onProgress(this.executions, (nowMs - this.#startMs) / 1000, this.findingsTotal);
    await hostTurn();
  }
}

async function runSeries(
  direction: 'read' | 'write',
  backend: ControlledBackend,
  tally: Tally,
  settings: FailNthSettings,
): Promise<FailNthSeries> {
  const strategy = new RandomWalk();
  const platform = backend.machine.faults.platform!;
  const endings: Record<Ending, number> = { refusedStarts: 0, failedRequests: 0, survived: 0 };
  const failed: Record<string, number> = {};
  let calls = 0;
  let clean = 0;
  for (let call = NO_CALL; call <= CALLS_MAX && !settings.signal.aborted; call++) {
    platform.failCall = call;
    strategy.newExecution(deriveSeed(settings.overrides.seed, `fail-nth ${direction}`));
    const execution = backend.execute(strategy);
    const { failedCall } = platform;
    // There is no such call any more: this execution was the first one again.
    if (call !== NO_CALL && failedCall === null) break;
    tally.add(execution, call, failedCall);
    if (failedCall !== null) {
      calls++;
      failed[failedCall] = (failed[failedCall] ?? 0) + 1;
      if (execution.findingsTotal === 0) {
        clean++;
        endings[endingOf(backend.machine)]++;
      }
    }
    await tally.turn();
  }
  return { direction, calls, clean, ...endings, failed };
}

function endingOf({ devices }: Machine): Ending {
  if (devices.some((device) => device.refusedStart)) return 'refusedStarts';
  return devices.some(({ workload }) => (workload?.failed ?? 0) > 0) ? 'failedRequests' : 'survived';
}
