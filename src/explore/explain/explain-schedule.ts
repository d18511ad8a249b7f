import { loadDeviceModules } from '../../machine/device-modules.js';
import type { ExplainReport } from '../../machine/explanation.js';
import type { Scenario } from '../../machine/scenario.js';
import { UsageError } from '../../nt/index.js';
import { requireRepeatable } from '../failing-machine.js';
import { parseOverrides } from '../overrides-text.js';
import { replaySchedule } from '../replay-schedule.js';
import { decodeChoices, type Schedule } from '../schedule-file.js';
import { explainFailure } from './explain-failure.js';

/**
 * Replays the schedule of a finding and explains it. Verdict `finding`: it failed again. `diverged`: it does not fail any
 * more, or not by its rule; nothing is explained then. Throws UsageError USAGE_NOTHING_TO_EXPLAIN for a schedule that never failed,
 * USAGE_TOO_LONG for one that cannot be repeated so often.
 */
export async function explainSchedule(
  scenario: Scenario,
  schedule: Schedule,
  file: string,
  program: string,
  flags: readonly string[] = [],
): Promise<ExplainReport> {
  if (schedule.finding === null) {
    throw new UsageError('USAGE_NOTHING_TO_EXPLAIN', `${file} is the schedule of an execution that found nothing`, {
      where: file,
      expected: 'the schedule file of a finding',
    });
  }
  await loadDeviceModules(scenario);
  const { rule } = schedule.finding;
  const replayed = await replaySchedule(scenario, schedule, file, program, 'controlled', flags);
  const overrides = parseOverrides(schedule.seed, schedule.parameters, file);
  // Hashes of another version may differ; what counts here is that it fails again, by the same rule.
  const failsAgain = replayed.findings[0]?.rule === rule;
  if (failsAgain) requireRepeatable(replayed.steps, file);
  const explanation = failsAgain ? explainFailure(scenario, overrides, decodeChoices(schedule.choices, file), rule) : null;
  return {
    verdict: explanation === null ? 'diverged' : 'finding',
    scenario: scenario.name,
    seed: schedule.seed,
    rule,
    explanation,
    divergence: replayed.divergence,
    findings: replayed.findings,
    findingsTotal: replayed.findingsTotal,
  };
}
