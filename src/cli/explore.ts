import { Command } from 'commander';
import { GRANULARITIES, type Granularity } from '../backends/granularity.js';
import { armStrictTraps } from '../backends/strict-traps.js';
import { UsageError } from '../nt/index.js';
import { STEPS_MAX } from '../backends/controlled-scheduler.js';
import { LEAP_DISTANCE } from '../explore/index.js';
import { formatExploreReport } from '../report/index.js';
import { choice, expectedName } from './choice.js';
import { addControlFlags, controlOptions, type ControlFlags } from './control-flags.js';
import { given } from './given.js';
import type { ExploreOptions, ExploreProgress, Lab } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { addMachineFlags, machineOptions, type MachineFlags } from './machine-flags.js';
import { count, seconds, seed, wholeNumber } from './numbers.js';
import { DEFAULT_OUT_DIR, prepareOutDir } from './out-dir.js';
import { pasteAgain } from './paste-line.js';
import { exploreState } from './progress.js';
import type { Session } from './session.js';

interface ExploreFlags extends MachineFlags, ControlFlags {
  readonly strategy: string;
  readonly schedules?: number;
  readonly seconds?: number;
  readonly workers?: number;
  readonly seed: number;
  readonly requests?: number;
  readonly out?: string;
  readonly granularity?: Granularity;
  readonly leapDistance?: number;
  readonly quiet?: boolean;
}

/** Schedules of a search that nobody bounded. */
const DEFAULT_SCHEDULES = 1000;
/** More threads than this no machine has cores for. */
const WORKERS_MAX = 256;

const AFTER_HELP = `
Ends at the first finding, whose schedule file 'dmalab replay' runs again, or when schedules or seconds are used up.
Exit code: 0 nothing found, 1 a finding, 2 wrong usage, 3 an error of dmalab itself, 130 interrupted.`;

/** `dmalab explore <scenario>`: controlled search over schedules. */
export function exploreCommand(session: Session): Command {
  const command = new Command('explore')
    .description('run a scenario step by step, in a different order each time, and stop at the first finding')
    .argument('<scenario>', 'name, or path of a module');
  return addControlFlags(addMachineFlags(command), '1000000, or 20000 a request')
    .option('--strategy <name>', 'who chooses the order', 'pos')
    .option(
      '--schedules <n>',
      `most schedules to execute (default: ${DEFAULT_SCHEDULES}, or no bound with --seconds)`,
      count('--schedules'),
    )
    .option('--seconds <s>', 'end after so long; how far the search goes depends on it, not which schedule it finds', seconds('--seconds'))
    .option(
      '--workers <n>',
      'threads that share the search; the result is the same for any number (default: by the number of schedules)',
      wholeNumber('--workers', 1, WORKERS_MAX),
    )
    .option('--seed <n>', 'names the search', seed('--seed'), 1)
    .option('--requests <n>', 'requests in each schedule (default: the scenario says)', count('--requests'))
    .option(
      '--granularity <how>',
      `where the order may change: ${GRANULARITIES.join(', ')} (default: all)`,
      choice('--granularity', GRANULARITIES),
    )
    .option(
      '--leap-distance <n>',
      `operations from one moment at which time runs ahead of others to the next (default: ${LEAP_DISTANCE} where schedules are drawn, else 1)`,
      wholeNumber('--leap-distance', 1, STEPS_MAX),
    )
    .option('--out <dir>', `directory for schedule files (default: ${DEFAULT_OUT_DIR})`)
    .option('--quiet', 'no progress and no tables, only findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((reference: string, flags: ExploreFlags) => explore(session, reference, flags));
}

async function explore(session: Session, reference: string, flags: ExploreFlags): Promise<void> {
  session.scenario = reference;
  session.seed = flags.seed;
  const lab = await session.lab();
  requireStrategy(lab, flags.strategy);
  // Before the module is loaded: it may keep functions under names of its own.
  if (flags.strict === true) armStrictTraps();
  const loaded = await loadScenario(reference, lab, session.io);
  session.scenario = loaded.scenario.name;
  session.outDir = flags.out ?? DEFAULT_OUT_DIR;
  const { program } = session.io;
  const options: ExploreOptions = {
    strategy: flags.strategy,
    ...budgetOf(flags),
    ...given('workers', flags.workers),
    seed: flags.seed,
    ...given('requests', flags.requests),
    ...given('granularity', flags.granularity),
    ...given('leapDistance', flags.leapDistance),
    ...controlOptions(flags),
    ...machineOptions(flags, loaded.scenario),
    outDir: session.outDir,
    scenarioReference: loaded.reference,
    paste: { program, again: pasteAgain(program, session.argv, flags.seed) },
  };
  if (flags.out !== undefined) prepareOutDir(flags.out);
  await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: ExploreProgress) => view.update(exploreState(progress)),
    body: (hooks) => lab.explore(loaded.scenario, options, hooks),
    format: formatExploreReport,
  });
}

function budgetOf({ schedules, seconds }: ExploreFlags): Pick<ExploreOptions, 'schedules' | 'seconds'> {
  if (seconds === undefined) return { schedules: schedules ?? DEFAULT_SCHEDULES };
  return { seconds, ...given('schedules', schedules) };
}

function requireStrategy(lab: Lab, name: string): void {
  const names = lab.strategies().map((strategy) => strategy.name);
  if (names.includes(name)) return;
  throw new UsageError('USAGE_UNKNOWN_STRATEGY', `there is no strategy '${name}'`, {
    where: '--strategy',
    expected: expectedName(name, names),
  });
}
