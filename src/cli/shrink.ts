import { Command } from 'commander';
import { formatShrinkReport } from '../report/index.js';
import type { ExploreProgress, ShrinkOptions } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { pasteAgain } from './paste-line.js';
import { exploreState } from './progress.js';
import { memberOf, readSchedule } from './schedule-argument.js';
import type { Session } from './session.js';

interface ShrinkFlags {
  readonly scenario?: string;
  readonly to?: string;
  readonly quiet?: boolean;
}

const AFTER_HELP = `
What explore, sweep and run --record write is shrunk already, but for further findings of one rule; this is for those, for
.full.json files and for schedules from elsewhere.
Exit code: 1 the shrunk schedule fails, 2 wrong usage or the schedule does not fail any more, 3 an error of dmalab itself.`;

/** `dmalab shrink FILE`: the simplest schedule that still fails. */
export function shrinkCommand(session: Session): Command {
  return new Command('shrink')
    .description('make a failing schedule simpler: fewest preemptions, then fewer orders left open, requests, devices and faults')
    .argument('<file>', 'schedule file that explore wrote, or its token')
    .option('--scenario <name>', 'another scenario than the file names: its module was moved, or its driver repaired')
    .option('--to <file>', 'where the result goes (default: beside the file, .shrunk.json)')
    .option('--quiet', 'no progress and no tables, only findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((file: string, flags: ShrinkFlags) => shrink(session, file, flags));
}

async function shrink(session: Session, argument: string, flags: ShrinkFlags): Promise<void> {
  const { json, label } = readSchedule(argument, flags.scenario);
  session.scenario = memberOf(json, 'scenario', 'string');
  session.seed = memberOf(json, 'seed', 'number');
  const lab = await session.lab();
  const { program } = session.io;
  const options: ShrinkOptions = {
    file: label,
    out: flags.to ?? besideOf(label === argument ? label : 'dmalab-schedule.json'),
    loadScenario: async (reference) => (await loadScenario(reference, lab, session.io)).scenario,
    paste: { program, again: pasteAgain(program, session.argv, null) },
  };
  await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: ExploreProgress) => view.update(exploreState(progress)),
    body: () => lab.shrink(json, options),
    format: formatShrinkReport,
  });
}

/** `a.full.json` and `a.json` become `a.shrunk.json`: what is there is kept. */
function besideOf(file: string): string {
  return `${file.replace(/(?:\.full)?\.json$/, '')}.shrunk.json`;
}
