import type { FaultKind } from '../faults/index.js';
import { FINDINGS_KEPT_MAX, type RecordedViolation } from '../kernel/index.js';
import type { Machine, MachineDevice } from '../machine/machine.js';
import type { EngineReport, RunReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { LatencyRecorder, type CancelCounts, type PowerActor } from '../workload/index.js';
import { ContentionTotals } from './contention-totals.js';
import type { EnginePool } from './engine-pool.js';
import { toFinding } from './to-finding.js';

interface DeviceRow {
  requests: number;
  bytes: number;
  interrupts: number;
  cancels?: CancelCounts;
}

const noCancels = (): CancelCounts => ({ requested: 0, won: 0, lost: 0, byWindow: {} });

function addCancels(sum: CancelCounts, counts: CancelCounts): void {
  sum.requested += counts.requested;
  sum.won += counts.won;
  sum.lost += counts.lost;
  for (const [window, count] of Object.entries(counts.byWindow)) sum.byWindow[window] = (sum.byWindow[window] ?? 0) + count;
}

/** Sums of a free-running run, over all machines it booted. */
export class RunTotals {
  readonly #latency = new LatencyRecorder();
  readonly #findings: { readonly violation: RecordedViolation; readonly schedule: string | null }[] = [];
  readonly #perDevice = new Map<string, DeviceRow>();
  readonly #engines: EngineReport[] = [];
  readonly #contention = new ContentionTotals();
  #findingsTotal = 0;
  #bytesVerified = 0;
  #seconds = 0;
  #interrupts = 0;
  #nestedInterrupts = 0;
  #engineOverlapMs = 0;
  #powerCycles = 0;
  #unplugs = 0;
  #failedRequests = 0;
  #recoveredRequests = 0;
  readonly #faults: Partial<Record<FaultKind, number>> = {};
  readonly #cancels = noCancels();

  /** Requests completed so far. */
  requests = 0;

  get bytes(): number {
    return [...this.#perDevice.values()].reduce((sum, row) => sum + row.bytes, 0);
  }

  /** Findings so far. */
  get findings(): number {
    return this.#findingsTotal;
  }

  /** Another finding would still be kept, not only counted. */
  get hasRoomForFindings(): boolean {
    return this.#findings.length < FINDINGS_KEPT_MAX;
  }

  /** Adds what one machine came to; its pool has been stopped. */
  add(machine: Machine, pool: EnginePool, seconds: number): void {
    this.addExecution(machine, seconds, null);
    this.addEngines(pool);
  }

  /** A finding of no execution by itself. */
  addFinding(violation: RecordedViolation, schedule: string | null = null): void {
    this.#findingsTotal++;
    if (this.hasRoomForFindings) this.#findings.push({ violation, schedule });
  }

  /** What the engines of a machine did, once; their pool has been stopped. */
  addEngines(pool: EnginePool): void {
    this.#engineOverlapMs += pool.overlapMs();
    this.#engines.push(...pool.reports());
  }

  /** Adds one execution on a machine; `schedule` is the file that leads to its findings again. */
  addExecution(machine: Machine, seconds: number, schedule: string | null): void {
    const { findings, vcpus } = machine.kernel;
    for (const violation of findings.kept) if (this.hasRoomForFindings) this.#findings.push({ violation, schedule });
    this.#findingsTotal += findings.total;
    this.#latency.add(machine.latency);
    this.#seconds += seconds;
    // A shared line's deliveries stand in the row of every device on it; in the sum each counts once.
    this.#interrupts += machine.vectors.reduce((sum, vector) => sum + vector.delivered, 0);
    this.#nestedInterrupts += vcpus.reduce((sum, cpu) => sum + cpu.nestedInterrupts, 0);
    for (const device of machine.devices) this.#addDevice(device);
    this.#contention.add(machine.platform);
    for (const [kind, count] of Object.entries(machine.faults.report()))
      this.#faults[kind as FaultKind] = (this.#faults[kind as FaultKind] ?? 0) + count;
  }

  #addDevice({ name, workload, vectors, canceller, power }: MachineDevice): void {
    if (power !== null) this.#addPower(power);
    const row = this.#perDevice.get(name) ?? { requests: 0, bytes: 0, interrupts: 0 };
    if (canceller !== null) {
      addCancels(this.#cancels, canceller.counts);
      addCancels((row.cancels ??= noCancels()), canceller.counts);
    }
    row.requests += workload?.completed ?? 0;
    row.bytes += workload?.bytes ?? 0;
    row.interrupts += vectors.reduce((sum, vector) => sum + vector.delivered, 0);
    this.#perDevice.set(name, row);
    this.requests += workload?.completed ?? 0;
    this.#failedRequests += (workload?.failed ?? 0) + (workload?.shortened ?? 0);
    this.#recoveredRequests += workload?.timedOut ?? 0;
    this.#bytesVerified += workload?.bytesVerified ?? 0;
  }

  #addPower(power: PowerActor): void {
    this.#powerCycles += power.powerCycles;
    if (power.isGone) this.#unplugs++;
  }

  /** `replayOf` gives the line to paste for a finding, by its schedule file. */
  report(scenario: Scenario, seed: number, replayOf: (schedule: string | null) => string, interrupted: boolean): RunReport {
    const { bytes } = this;
    const seconds = this.#seconds;
    return {
      verdict: this.#findingsTotal > 0 ? 'finding' : interrupted ? 'interrupted' : 'ok',
      scenario: scenario.name,
      seed,
      findings: this.#findings.map(({ violation, schedule }) => toFinding(violation, schedule, replayOf(schedule))),
      findingsTotal: this.#findingsTotal,
      requests: this.requests,
      bytes,
      bytesVerified: this.#bytesVerified,
      seconds,
      requestsPerSecond: seconds > 0 ? this.requests / seconds : 0,
      bytesPerSecond: seconds > 0 ? bytes / seconds : 0,
      latencyNs: this.#latency.summary(),
      interrupts: this.#interrupts,
      nestedInterrupts: this.#nestedInterrupts,
      cancels: this.#cancels,
      powerCycles: this.#powerCycles,
      unplugs: this.#unplugs,
      engines: this.#engines,
      engineOverlapMs: this.#engineOverlapMs,
      ...(Object.keys(this.#faults).length === 0
        ? {}
        : { faults: this.#faults, failedRequests: this.#failedRequests, recoveredRequests: this.#recoveredRequests }),
      perDevice: [...this.#perDevice].map(([device, row]) => ({ device, ...row })),
      contention: this.#contention.report(),
    };
  }
}
