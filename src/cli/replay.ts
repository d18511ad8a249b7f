import { Command } from 'commander';
import { formatReplayReport } from '../report/index.js';
import type { ReplayBackend } from '../machine/report.js';
import { choice } from './choice.js';
import type { ExploreProgress, ReplayOptions } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { pasteAgain } from './paste-line.js';
import { exploreState } from './progress.js';
import { memberOf, readSchedule } from './schedule-argument.js';
import type { Session } from './session.js';

const BACKENDS = ['controlled', 'lockstep'] as const satisfies readonly ReplayBackend[];

interface ReplayFlags {
  readonly scenario?: string;
  readonly backend: (typeof BACKENDS)[number];
  readonly quiet?: boolean;
}

const AFTER_HELP = `
controlled executes everything on one thread; lockstep grants each device step to the worker thread that hosts the device.
Exit code: 0 it ran to its end and nothing was found, 1 the finding is there again, 2 wrong usage or the replay
diverged from the file (the scenario was changed since), 3 an error of dmalab itself, 130 interrupted.`;

/** `dmalab replay FILE`: the schedule of a finding again. */
export function replayCommand(session: Session): Command {
  return new Command('replay')
    .description('run a schedule file again, exactly')
    .argument('<file>', 'schedule file that explore or run --record wrote, or its token')
    .option('--scenario <name>', 'another scenario than the file names: its module was moved, or its driver repaired')
    .option('--backend <name>', `what executes it: ${BACKENDS.join(', ')}`, choice('--backend', BACKENDS), 'controlled')
    .option('--quiet', 'no progress and no tables, only findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((file: string, flags: ReplayFlags) => replay(session, file, flags));
}

async function replay(session: Session, argument: string, flags: ReplayFlags): Promise<void> {
  const { json: schedule, flags: lineFlags } = readSchedule(argument, flags.scenario);
  session.scenario = memberOf(schedule, 'scenario', 'string');
  session.seed = memberOf(schedule, 'seed', 'number');
  const lab = await session.lab();
  const { program } = session.io;
  const options: ReplayOptions = {
    backend: flags.backend,
    file: argument,
    lineFlags,
    loadScenario: async (reference) => (await loadScenario(reference, lab, session.io)).scenario,
    paste: { program, again: pasteAgain(program, session.argv, null) },
  };
  await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: ExploreProgress) => view.update(exploreState(progress)),
    body: (hooks) => lab.replay(schedule, options, hooks),
    format: formatReplayReport,
  });
}
