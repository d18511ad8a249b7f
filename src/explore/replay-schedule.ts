import { ControlledBackend, type Execution } from '../backends/controlled.js';
import { LockstepBackend } from '../backends/lockstep.js';
import type { Strategy } from '../backends/strategy.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { resolveParameters, type MachineParameters } from '../machine/parameters.js';
import { replayLine } from '../machine/replay-line.js';
import type { ReplayBackend, ReplayReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { toFinding } from '../backends/to-finding.js';
import { parseOverrides } from './overrides-text.js';
import { decodeChoices, type Schedule } from './schedule-file.js';
import { Replay } from './strategies/index.js';

/**
 * Executes a schedule again. Verdict `finding`: it found what the file says. `ok`: a schedule without a finding ran to
 * the same hashes. `diverged`: the execution could not follow the file, or came to other hashes; the report names the
 * first step. On the backend `lockstep`, worker threads execute the device steps.
 * `flags` belong to the line that replays it again. Throws UsageError USAGE_BAD_SCHEDULE for a file that cannot be right.
 */
export async function replaySchedule(
  scenario: Scenario,
  schedule: Schedule,
  file: string,
  program: string,
  backend: ReplayBackend = 'controlled',
  flags: readonly string[] = [],
): Promise<ReplayReport> {
  await loadDeviceModules(scenario);
  const choices = decodeChoices(schedule.choices, file);
  const parameters = resolveParameters(scenario, parseOverrides(schedule.seed, schedule.parameters, file));
  const strategy = new Replay(choices);
  strategy.newExecution();
  const execution =
    backend === 'lockstep' ? await executeInLockstep(parameters, strategy) : new ControlledBackend(parameters).execute(strategy);
  const divergence = strategy.divergence();
  const expectedHash = `events ${schedule.eventHash}, memory ${schedule.memoryHash}`;
  const foundHash = `events ${execution.eventHash}, memory ${execution.memoryHash}`;
  const diverged =
    divergence !== null
      ? { step: divergence.choice, expected: divergence.expected, found: divergence.found }
      : expectedHash !== foundHash
        ? { step: execution.steps, expected: expectedHash, found: foundHash }
        : null;
  const again = replayLine(program, file, [...flags, ...(backend === 'controlled' ? [] : ['--backend', backend])]);
  const findings = execution.findings.map((violation) => toFinding(violation, file, again));
  return {
    verdict: diverged !== null ? 'diverged' : findings.length > 0 ? 'finding' : 'ok',
    scenario: scenario.name,
    seed: schedule.seed,
    backend,
    steps: execution.steps,
    eventHash: execution.eventHash,
    memoryHash: execution.memoryHash,
    deviceStepsByThread: execution.deviceStepsByThread,
    findings,
    findingsTotal: execution.findingsTotal,
    divergence: diverged,
  };
}

async function executeInLockstep(parameters: MachineParameters, strategy: Strategy): Promise<Execution> {
  const lockstep = new LockstepBackend(parameters);
  try {
    await lockstep.start();
    return lockstep.execute(strategy);
  } finally {
    await lockstep.stop();
  }
}
