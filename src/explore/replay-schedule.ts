import { ControlledBackend } from '../backends/controlled.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { resolveParameters } from '../machine/parameters.js';
import type { ReplayReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { toFinding } from '../backends/to-finding.js';
import { parseOverrides } from './overrides-text.js';
import { decodeChoices, type Schedule } from './schedule-file.js';
import { Replay } from './strategies/index.js';

/**
 * Executes a schedule again. Verdict `finding`: it found what the file says. `ok`: a schedule without a finding ran to
 * the same hashes. `diverged`: the execution could not follow the file, or came to other hashes; the report names the
 * first step. Throws UsageError USAGE_BAD_SCHEDULE for a file that cannot be right.
 */
export async function replaySchedule(scenario: Scenario, schedule: Schedule, file: string, program: string): Promise<ReplayReport> {
  await loadDeviceModules(scenario);
  const choices = decodeChoices(schedule.choices, file);
  const parameters = resolveParameters(scenario, parseOverrides(schedule.seed, schedule.parameters, file));
  const backend = new ControlledBackend(parameters);
  const strategy = new Replay(choices);
  strategy.newExecution();
  const execution = backend.execute(strategy);
  const divergence = strategy.divergence();
  const expectedHash = `events ${schedule.eventHash}, memory ${schedule.memoryHash}`;
  const foundHash = `events ${execution.eventHash}, memory ${execution.memoryHash}`;
  const diverged =
    divergence !== null
      ? { step: divergence.choice, expected: divergence.expected, found: divergence.found }
      : expectedHash !== foundHash
        ? { step: execution.steps, expected: expectedHash, found: foundHash }
        : null;
  const findings = execution.findings.map((violation) => toFinding(violation, file, `${program} replay ${file}`));
  return {
    verdict: diverged !== null ? 'diverged' : findings.length > 0 ? 'finding' : 'ok',
    scenario: scenario.name,
    seed: schedule.seed,
    steps: execution.steps,
    eventHash: execution.eventHash,
    memoryHash: execution.memoryHash,
    findings,
    findingsTotal: execution.findingsTotal,
    divergence: diverged,
  };
}
