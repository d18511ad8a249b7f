import { Command } from 'commander';
import { UsageError } from '../nt/index.js';
import type { Scenario } from '../machine/scenario.js';
import { formatFailNthReport, formatRunReport, formatTour, tourStops } from '../report/index.js';
import { given } from './given.js';
import type { Lab, Ratio, RunOptions, RunProgress } from './lab.js';
import { loadScenario } from './load-scenario.js';
import { addMachineFlags, machineOptions, type MachineFlags } from './machine-flags.js';
import { count, rate, ratio, seconds, seed, wholeNumber } from './numbers.js';
import { DEFAULT_OUT_DIR, prepareOutDir } from './out-dir.js';
import { pasteAgain } from './paste-line.js';
import { runState } from './progress.js';
import { recordOptions, type RecordFlags } from './record-flags.js';
import type { Session } from './session.js';

/** What commander hands over: the flags after their parsers. */
interface RunFlags extends MachineFlags, RecordFlags {
  readonly requests?: number;
  readonly duration?: number;
  readonly seed: number;
  readonly reads?: number;
  readonly preempt?: Ratio;
  readonly verifyPayload: boolean;
  readonly keepGoing?: boolean;
  readonly out?: string;
  readonly quiet?: boolean;
  readonly tour?: boolean;
}

const AFTER_HELP = `
A scenario is a name that 'dmalab list' shows, or the path of a JavaScript module whose default export is one.
The run ends when all requests are complete or the time is over, whichever is first, and at a crash.
Exit code: 0 nothing found, 1 a finding, 2 wrong usage, 3 an error of dmalab itself, 130 interrupted.`;

/** `dmalab run <scenario>`: stress on real threads. */
export function runCommand(session: Session): Command {
  const command = new Command('run')
    .description('run a scenario on real threads, under load')
    .argument('<scenario>', 'name, or path of a module');
  return addMachineFlags(command)
    .option('--requests <n>', 'requests to complete, over all devices (default: the scenario says)', count('--requests'))
    .option('--duration <seconds>', 'end after this many seconds', seconds('--duration'))
    .option('--seed <n>', 'names the run: payloads, lengths, preemption', seed('--seed'), 1)
    .option('--rate <n>', 'open loop: requests due per second and device, 0 is the closed loop', rate('--rate'))
    .option('--reads <percent>', 'share of reads, 0 to 100', wholeNumber('--reads', 0, 100))
    .option('--preempt <rate>', 'chance to switch virtual CPUs at a scheduling point, such as 0.05 or 1/20', ratio('--preempt'))
    .option('--fail-nth', 'instead: one request each way under control, with each fallible call failed once')
    .option(
      '--record',
      'record every execution on threads; a finding becomes a schedule file that replays exactly; the first of each rule is shrunk',
    )
    .option('--keep-recording', 'with --record: write the last execution even when it found nothing')
    .option('--epoch <n>', 'with --record: requests of one execution (default: 32)', count('--epoch'))
    .option('--no-verify-payload', 'do not compare the bytes that arrive')
    .option('--keep-going', 'after a crash, boot a new machine and go on until the requests or the time are over')
    .option('--out <dir>', `directory for schedule files (default: ${DEFAULT_OUT_DIR})`)
    .option('--tour', 'end with commands to try next')
    .option('--quiet', 'no progress and no tables, only findings and the verdict')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((reference: string, flags: RunFlags) => run(session, reference, flags));
}

async function run(session: Session, reference: string, flags: RunFlags): Promise<void> {
  session.scenario = reference;
  session.seed = flags.seed;
  const lab = await session.lab();
  const loaded = await loadScenario(reference, lab, session.io);
  session.scenario = loaded.scenario.name;
  session.outDir = flags.out ?? DEFAULT_OUT_DIR;
  const options = runOptions(session, loaded.reference, flags, session.outDir, loaded.scenario);
  if (flags.out !== undefined) prepareOutDir(flags.out);
  if (flags.failNth === true) return runFailNth(session, lab, loaded.scenario, flags, options);
  const report = await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: RunProgress) => view.update(runState(progress)),
    body: (hooks) => lab.run(loaded.scenario, options, hooks),
    format: formatRunReport,
  });
  if (report?.verdict === 'ok' && wantsTour(session, reference, flags)) showTour(session, lab);
}

async function runFailNth(session: Session, lab: Lab, scenario: Scenario, flags: RunFlags, options: RunOptions): Promise<void> {
  if (flags.faults !== undefined && flags.faults !== 'none') {
    throw new UsageError('USAGE_FLAGS', '--fail-nth fails one call at a time and takes no other faults', {
      where: '--faults',
      expected: '--fail-nth or --faults, not both',
    });
  }
  await session.execute({
    quiet: flags.quiet === true,
    progress: (view, progress: RunProgress) => view.update(runState(progress)),
    body: (hooks) => lab.failNth(scenario, options, hooks),
    format: formatFailNthReport,
  });
}

function runOptions(session: Session, scenarioReference: string, flags: RunFlags, outDir: string, scenario: Scenario): RunOptions {
  const { program } = session.io;
  return {
    seed: flags.seed,
    ...given('requests', flags.requests),
    ...given('durationSeconds', flags.duration),
    ...given('ratePerSecond', flags.rate),
    ...given('readsPercent', flags.reads),
    ...given('preempt', flags.preempt),
    ...machineOptions(flags, scenario),
    verifyPayload: flags.verifyPayload,
    keepGoing: flags.keepGoing === true,
    ...given('record', recordOptions(flags)),
    outDir,
    scenarioReference,
    paste: { program, again: pasteAgain(program, session.argv, flags.seed) },
    blocking: true,
  };
}

/** `npm start` runs the demo for somebody who is new here. */
function wantsTour(session: Session, reference: string, flags: RunFlags): boolean {
  if (session.json || flags.quiet === true) return false;
  return flags.tour === true || (reference === 'demo' && session.io.env['npm_lifecycle_event'] === 'start');
}

function showTour(session: Session, lab: Lab): void {
  const samples = lab.scenarios().filter((scenario) => scenario.kind === 'sample');
  const stops = tourStops(
    session.io.program,
    samples.map((scenario) => scenario.name),
  );
  session.output.text(`\n${formatTour(stops, session.output.paint)}`);
}
