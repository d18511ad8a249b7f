import type { RecordedViolation } from '../kernel/index.js';
import type { Machine } from '../machine/machine.js';
import type { Finding, RunReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { ruleTitle } from '../verifier/index.js';
import type { EnginePool } from './engine-pool.js';
import type { RunSettings, ThreadsRun } from './threads.js';

/** A finding for the outside: the rule's title, the schedule file if there is one, the line to paste. */
export function toFinding(violation: RecordedViolation, schedule: string | null, replay: string): Finding {
  return {
    rule: violation.rule,
    title: ruleTitle(violation.rule),
    severity: violation.severity,
    message: violation.message,
    object: violation.object,
    step: schedule === null ? null : violation.step,
    schedule,
    replay,
    bugCheck: violation.bugCheck ?? null,
  };
}

/** Sums a free-running run up. */
export function buildRunReport(scenario: Scenario, machine: Machine, pool: EnginePool, settings: RunSettings, run: ThreadsRun): RunReport {
  const { findings } = machine.kernel;
  const perDevice = machine.devices.map(({ name, workload, vectors }) => ({
    device: name,
    requests: workload?.completed ?? 0,
    bytes: workload?.bytes ?? 0,
    interrupts: vectors.reduce((sum, vector) => sum + vector.delivered, 0),
  }));
  const requests = perDevice.reduce((sum, device) => sum + device.requests, 0);
  const bytes = perDevice.reduce((sum, device) => sum + device.bytes, 0);
  const { seconds } = run;
  return {
    verdict: findings.total > 0 ? 'finding' : run.interrupted ? 'interrupted' : 'ok',
    scenario: scenario.name,
    seed: settings.overrides.seed,
    findings: findings.kept.map((violation) => toFinding(violation, null, settings.again)),
    findingsTotal: findings.total,
    requests,
    bytes,
    bytesVerified: machine.devices.reduce((sum, { workload }) => sum + (workload?.bytesVerified ?? 0), 0),
    seconds,
    requestsPerSecond: seconds > 0 ? requests / seconds : 0,
    bytesPerSecond: seconds > 0 ? bytes / seconds : 0,
    latencyNs: machine.latency.summary(),
    // A shared line's deliveries stand in the row of every device on it; here each counts once.
    interrupts: machine.vectors.reduce((sum, vector) => sum + vector.delivered, 0),
    nestedInterrupts: machine.kernel.vcpus.reduce((sum, cpu) => sum + cpu.nestedInterrupts, 0),
    cancels: { requested: 0, won: 0, lost: 0, byWindow: {} },
    engines: pool.reports(),
    engineOverlapMs: pool.overlapMs(),
    perDevice,
  };
}
