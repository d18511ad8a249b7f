import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { UsageError } from '../nt/index.js';
import { formatReplayReport } from '../report/index.js';
import { choice } from './choice.js';
import { fileErrorText } from './errors.js';
import type { ExploreProgress, ReplayOptions } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { pasteAgain } from './paste-line.js';
import { exploreState } from './progress.js';
import type { Session } from './session.js';

const BACKENDS = ['controlled'] as const;

interface ReplayFlags {
  readonly backend: (typeof BACKENDS)[number];
  readonly quiet?: boolean;
}

const AFTER_HELP = `
Exit code: 0 it ran to its end and nothing was found, 1 the finding is there again, 2 wrong usage or the replay
diverged from the file (the scenario was changed since), 3 an error of dmalab itself, 130 interrupted.`;

/** `dmalab replay FILE`: the schedule of a finding again. */
export function replayCommand(session: Session): Command {
  return new Command('replay')
    .description('run a schedule file again, exactly')
    .argument('<file>', 'schedule file that explore wrote')
    .option('--backend <name>', `what executes it: ${BACKENDS.join(', ')}`, choice('--backend', BACKENDS), 'controlled')
    .option('--quiet', 'no progress and no tables, only findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((file: string, flags: ReplayFlags) => replay(session, file, flags));
}

async function replay(session: Session, file: string, flags: ReplayFlags): Promise<void> {
  const schedule = readSchedule(file);
  session.scenario = memberOf(schedule, 'scenario', 'string');
  session.seed = memberOf(schedule, 'seed', 'number');
  const lab = await session.lab();
  const { program } = session.io;
  const options: ReplayOptions = {
    backend: flags.backend,
    file,
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

function badSchedule(file: string, problem: string): UsageError {
  const expected = "a schedule file as 'dmalab explore' writes it";
  return new UsageError('USAGE_BAD_SCHEDULE', `${file} is no schedule file: ${problem}`, { where: file, expected });
}

/** A JSON object; what it must hold is checked by the laboratory, which wrote it. */
function readSchedule(file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const expected = "the path of a schedule file that 'dmalab explore' wrote";
    throw new UsageError('USAGE_NO_SUCH_FILE', `cannot read the schedule file ${file}: ${fileErrorText(error) ?? String(error)}`, {
      where: file,
      expected,
    });
  }
  if (text.trim() === '') throw badSchedule(file, 'it is empty');
  let schedule: unknown;
  try {
    schedule = JSON.parse(text);
  } catch (error) {
    throw badSchedule(file, `it is not JSON, ${(error as SyntaxError).message}`);
  }
  if (typeof schedule !== 'object' || schedule === null || Array.isArray(schedule)) throw badSchedule(file, 'it holds no JSON object');
  return schedule;
}

/** For the report of a failure only. */
function memberOf<T extends 'string' | 'number'>(schedule: object, name: string, type: T): (T extends 'string' ? string : number) | null {
  const value: unknown = (schedule as Record<string, unknown>)[name];
  return typeof value === type ? (value as T extends 'string' ? string : number) : null;
}
