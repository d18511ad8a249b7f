import { toFinding } from '../backends/to-finding.js';
import { UsageError } from '../nt/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { replayLine } from '../machine/replay-line.js';
import type { ShrinkReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { requireRepeatable } from './failing-machine.js';
import { parseOverrides } from './overrides-text.js';
import { replaySchedule } from './replay-schedule.js';
import { decodeChoices, writeSchedule, type Schedule } from './schedule-file.js';
import { scheduleToken } from './schedule-token.js';
import { scheduleOf } from './schedule-of.js';
import { shrinkFailure } from './shrink-failure.js';

/**
 * Shrinks the schedule of a file and writes the result to `out`. Verdict `finding`: the shrunk schedule fails by the
 * same rule. `diverged`: the file does not fail any more. Throws UsageError USAGE_NOTHING_TO_SHRINK for a schedule
 * that never failed, USAGE_TOO_LONG for one that cannot be repeated so often.
 */
export async function shrinkSchedule(
  scenario: Scenario,
  schedule: Schedule,
  file: string,
  out: string,
  program: string,
): Promise<ShrinkReport> {
  if (schedule.finding === null) {
    throw new UsageError('USAGE_NOTHING_TO_SHRINK', `${file} is the schedule of an execution that found nothing`, {
      where: file,
      expected: 'the schedule file of a finding',
    });
  }
  await loadDeviceModules(scenario);
  const { rule } = schedule.finding;
  const overrides = parseOverrides(schedule.seed, schedule.parameters, file);
  const shrunk = shrinkFailure(scenario, { overrides, choices: decodeChoices(schedule.choices, file), rule });
  const common = { scenario: scenario.name, seed: schedule.seed, rule };
  if (shrunk === null) requireRepeatable((await replaySchedule(scenario, schedule, file, program)).steps, file);
  if (shrunk === null) return { ...common, verdict: 'diverged', schedule: null, token: null, shrink: null, findings: [], findingsTotal: 0 };
  const written = scheduleOf({ reference: schedule.scenario, strategy: schedule.strategy, ...shrunk });
  writeSchedule(out, written);
  return {
    ...common,
    verdict: 'finding',
    schedule: out,
    token: scheduleToken(written),
    shrink: shrunk.summary,
    findings: shrunk.execution.findings.map((violation) => toFinding(violation, out, replayLine(program, out))),
    findingsTotal: shrunk.execution.findingsTotal,
  };
}
