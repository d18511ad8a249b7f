import type { ControlledBackend } from '../../backends/controlled.js';
import { GuidedRun, type Run } from '../guided-run.js';
import { runsOf } from '../shrink.js';
import { commonLength, type PassingSchedule } from './prefix-odds.js';
import type { Trace } from './traced-run.js';

/** Operations that another strand may perform first: one, some, or all it can. */
const HEAD_STARTS = [1, 2, 4, 1_000_000] as const;

/**
 * The schedule without a finding that is most like the failing one: it goes another way at one choice, as late as
 * possible, by letting one other strand go first, and then follows the failing order as far as it can. `before` is the
 * choice to start from, counting down. Null when none was found within `executions`.
 */
export function nearestPassing(backend: ControlledBackend, failing: Trace, before: number, executions: number): PassingSchedule | null {
  const guide = new GuidedRun();
  let left = executions;
  for (let choice = Math.min(before, failing.choices.length) - 1; choice >= 0; choice--) {
    const head = runsOf(failing.choices.slice(0, choice));
    const tail = runsOf(failing.choices.slice(choice));
    for (const strand of failing.enabled[choice]!) {
      if (strand === failing.choices[choice]) continue;
      for (const length of HEAD_STARTS) {
        if (left-- === 0) return null;
        const other: Run = { strand, length };
        guide.follow([...head, other, ...tail]);
        const execution = backend.execute(guide, false);
        if (execution.findingsTotal > 0) continue;
        return { choices: Array.from(execution.choices), common: commonLength(execution.choices, failing.choices) };
      }
    }
  }
  return null;
}
