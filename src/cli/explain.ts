import { Command } from 'commander';
import { formatExplainReport } from '../report/index.js';
import type { ExplainOptions, ExploreProgress } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { pasteAgain } from './paste-line.js';
import { exploreState } from './progress.js';
import { memberOf, readSchedule } from './schedule-argument.js';
import type { Session } from './session.js';

interface ExplainFlags {
  readonly scenario?: string;
  readonly quiet?: boolean;
}

const AFTER_HELP = `
Every prefix of the schedule is continued in other orders: how many of those fail shows where the finding became inevitable.
Then the nearest schedule that passes is looked for, and the two operations whose order decides.
Exit code: 1 the finding is there again and is explained, 2 wrong usage or the schedule does not fail any more, 3 an error of dmalab itself.`;

/** `dmalab explain FILE`: where a failing schedule became inevitable. */
export function explainCommand(session: Session): Command {
  return new Command('explain')
    .description('say where a failing schedule became inevitable, and which order decides')
    .argument('<file>', 'schedule file that explore wrote, or its token')
    .option('--scenario <name>', 'another scenario than the file names: its module was moved, or its driver repaired')
    .option('--quiet', 'no picture and no tables, only sentences, findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((file: string, flags: ExplainFlags) => explain(session, file, flags));
}

async function explain(session: Session, argument: string, flags: ExplainFlags): Promise<void> {
  const { json, flags: lineFlags } = readSchedule(argument, flags.scenario);
  session.scenario = memberOf(json, 'scenario', 'string');
  session.seed = memberOf(json, 'seed', 'number');
  const lab = await session.lab();
  const { program } = session.io;
  const options: ExplainOptions = {
    // Whole, also when it is a token: the line to paste is made of it.
    file: argument,
    lineFlags,
    loadScenario: async (reference) => (await loadScenario(reference, lab, session.io)).scenario,
    paste: { program, again: pasteAgain(program, session.argv, null) },
  };
  await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: ExploreProgress) => view.update(exploreState(progress)),
    body: () => lab.explain(json, options),
    format: formatExplainReport,
  });
}
