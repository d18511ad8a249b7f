import type { Execution } from '../backends/controlled.js';
import type { Overrides } from '../machine/parameters.js';
import { flattenOverrides } from './overrides-text.js';
import { encodeChoices, SCHEDULE_FORMAT, SCHEDULE_VERSION, type Schedule } from './schedule-file.js';

/** An execution and what led to it. */
export interface Executed {
  /** Name of the scenario, or path of its module. */
  readonly reference: string;
  /** Name of the strategy that found it. */
  readonly strategy: string;
  readonly overrides: Overrides;
  readonly choices: ArrayLike<number>;
  readonly execution: Execution;
}

/** An execution as the schedule that leads to it again. */
export function scheduleOf({ reference, strategy, overrides, choices, execution }: Executed): Schedule {
  const first = execution.findings[0];
  return {
    format: SCHEDULE_FORMAT,
    version: SCHEDULE_VERSION,
    scenario: reference,
    seed: overrides.seed,
    strategy,
    parameters: flattenOverrides(overrides),
    choices: encodeChoices(choices),
    eventHash: execution.eventHash,
    memoryHash: execution.memoryHash,
    finding: first === undefined ? null : { rule: first.rule, message: first.message },
  };
}
