import { Command } from 'commander';
import { armStrictTraps } from '../backends/strict-traps.js';
import { SWEEP_STEPS_MAX } from '../explore/index.js';
import { UsageError } from '../nt/index.js';
import { parseOrderings } from '../machine/ordering.js';
import type { MachineConfig } from '../machine/scenario.js';
import type { OutsideEvent } from '../machine/sweep-report.js';
import { formatSweepReport } from '../report/index.js';
import { addControlFlags, controlOptions, type ControlFlags } from './control-flags.js';
import { given } from './given.js';
import type { ExploreProgress, SweepOptions } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { ORDERING_TITLE } from './machine-flags.js';
import { count, seed } from './numbers.js';
import { DEFAULT_OUT_DIR, prepareOutDir } from './out-dir.js';
import { pasteAgain } from './paste-line.js';
import { exploreState } from './progress.js';
import type { Session } from './session.js';

interface SweepFlags extends ControlFlags {
  readonly cancel?: boolean;
  readonly unplug?: boolean;
  readonly powerDown?: boolean;
  readonly requests: number;
  readonly orders?: number;
  readonly ordering?: MachineConfig['ordering'];
  readonly seed: number;
  readonly out?: string;
  readonly quiet?: boolean;
}

/** More requests in flight at once than this are no sweep any more but a search. */
const REQUESTS_MAX = 64;

const AFTER_HELP = `
Exactly one of --cancel, --unplug, --power-down says what comes from outside. It comes once in each execution: before the
first operation after the request was submitted, before the second, and so on to the last, for a read and for a write.
The first finding of each rule is kept, its schedule shrunk.
Exit code: 0 nothing found, 1 a finding, 2 wrong usage, 3 an error of dmalab itself, 130 interrupted.`;

/** `dmalab sweep <scenario>`: the outside world at every operation of a request. */
export function sweepCommand(session: Session): Command {
  const command = new Command('sweep')
    .description('cancel, unplug or power down before each single operation of a request, and count how it ends')
    .argument('<scenario>', 'name, or path of a module');
  return addControlFlags(command, `${SWEEP_STEPS_MAX}`)
    .option('--cancel', 'cancel the request')
    .option('--unplug', 'pull the device out')
    .option('--power-down', 'send the device to D3 and back')
    .option('--requests <n>', 'requests in flight; the event comes while the first of them lives', count('--requests', REQUESTS_MAX), 1)
    .option('--orders <n>', 'seeded orders beside the straight one (default: none)', count('--orders'))
    .option('--seed <n>', 'names traffic and seeded orders', seed('--seed'), 1)
    .option('--ordering <list>', ORDERING_TITLE, parseOrderings)
    .option('--out <dir>', `directory for schedule files (default: ${DEFAULT_OUT_DIR})`)
    .option('--quiet', 'no progress and no tables, only findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((reference: string, flags: SweepFlags) => runSweep(session, reference, flags));
}

async function runSweep(session: Session, reference: string, flags: SweepFlags): Promise<void> {
  session.scenario = reference;
  session.seed = flags.seed;
  const event = eventOf(flags);
  const lab = await session.lab();
  // Before the module is loaded: it may keep functions under names of its own.
  if (flags.strict === true) armStrictTraps();
  const loaded = await loadScenario(reference, lab, session.io);
  session.scenario = loaded.scenario.name;
  session.outDir = flags.out ?? DEFAULT_OUT_DIR;
  const { program } = session.io;
  const options: SweepOptions = {
    event,
    requests: flags.requests,
    orders: flags.orders ?? 0,
    ...given('ordering', flags.ordering),
    ...controlOptions(flags),
    seed: flags.seed,
    outDir: session.outDir,
    scenarioReference: loaded.reference,
    paste: { program, again: pasteAgain(program, session.argv, flags.seed) },
  };
  if (flags.out !== undefined) prepareOutDir(flags.out);
  await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: ExploreProgress) => view.update(exploreState(progress)),
    body: (hooks) => lab.sweep(loaded.scenario, options, hooks),
    format: formatSweepReport,
  });
}

function eventOf({ cancel, unplug, powerDown }: SweepFlags): OutsideEvent {
  const events: OutsideEvent[] = [];
  if (cancel === true) events.push('cancel');
  if (unplug === true) events.push('unplug');
  if (powerDown === true) events.push('power-down');
  if (events.length === 1) return events[0]!;
  const what = events.length === 0 ? 'sweep was not told what comes from outside' : `sweep takes one event, not ${events.join(' and ')}`;
  throw new UsageError('USAGE_SWEEP_EVENT', what, { where: 'dmalab sweep', expected: 'one of --cancel, --unplug, --power-down' });
}
