import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { UsageError } from '../nt/index.js';
import { flagValueOf, operandOf } from './argv-facts.js';
import { expectedName } from './choice.js';
import { ExitCode } from './errors.js';
import { conformanceCommand } from './conformance.js';
import { explainCommand } from './explain.js';
import { exploreCommand } from './explore.js';
import type { Io } from './io.js';
import type { Lab } from './lab.js';
import { listCommand } from './list.js';
import { SEED_MAX } from './numbers.js';
import { replayCommand } from './replay.js';
import { rulesCommand } from './rules.js';
import { runCommand } from './run.js';
import { shrinkCommand } from './shrink.js';
import { sweepCommand } from './sweep.js';
import { Session } from './session.js';

/** From `dist/src/cli` to the package's own manifest. */
const PACKAGE_URL = new URL('../../../package.json', import.meta.url);

function packageVersion(): string {
  return (JSON.parse(readFileSync(PACKAGE_URL, 'utf8')) as { version: string }).version;
}

/**
 * Runs one command line (without node and script) and resolves to its exit code. Never rejects and never ends the
 * process: stdout may still be draining when it resolves.
 */
export async function runCli(argv: readonly string[], io: Io, openLab: () => Promise<Lab>): Promise<ExitCode> {
  const session = new Session(argv, io, openLab);
  const program = buildProgram(session);
  expectOperands(session, program);
  try {
    if (argv.length === 0) throw noCommand(program);
    await program.parseAsync([...argv], { from: 'user' });
    return session.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.Ok;
    return session.fail(error);
  }
}

function buildProgram(session: Session): Command {
  const program = new Command('dmalab')
    .description('A laboratory for DMA drivers: stress on real threads, and the same code step by step under control.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help');
  const commands = [
    listCommand(session),
    runCommand(session),
    exploreCommand(session),
    replayCommand(session),
    shrinkCommand(session),
    explainCommand(session),
    sweepCommand(session),
    conformanceCommand(session),
    rulesCommand(session),
  ];
  for (const command of commands) program.addCommand(command);
  for (const command of [program, ...commands]) {
    command
      .helpOption('-h, --help', 'print this help')
      .showSuggestionAfterError(false)
      .configureOutput({ writeOut: (text) => session.io.stdout.write(text), writeErr: () => undefined })
      .exitOverride((error) => {
        throw error.exitCode === 0 ? error : usageErrorOf(error, command, session.argv);
      });
  }
  return program;
}

/** Wrong flags are found before the scenario is known; the report of them names it all the same. */
function expectOperands(session: Session, program: Command): void {
  const command = program.commands.find((candidate) => candidate.name() === session.argv[0]);
  const seedOption = command?.options.find((option) => option.long === '--seed');
  if (command === undefined || seedOption === undefined) return;
  const words = session.argv.slice(1);
  const valueFlags = new Set(command.options.filter((option) => option.required).map((option) => option.long ?? option.flags));
  session.scenario = operandOf(words, valueFlags);
  const seedText = flagValueOf(words, '--seed');
  const seed = seedText === null ? Number(seedOption.defaultValue) : Number(seedText);
  session.seed = Number.isInteger(seed) && seed >= 0 && seed <= SEED_MAX ? seed : null;
}

function commandNames(program: Command): readonly string[] {
  return program.commands.map((command) => command.name());
}

function noCommand(program: Command): UsageError {
  return new UsageError('USAGE_NO_COMMAND', 'no command was given', {
    where: 'command line',
    expected: `one of ${commandNames(program).join(', ')}; 'dmalab --help' says what they do`,
  });
}

/** What commander put between quotes: the flag, command or argument that is wrong. */
function quotedIn(message: string): string {
  return /'([^']*)'/.exec(message)?.[1] ?? message;
}

/** `too many arguments for 'run'. Expected 1 argument but got 2.` */
function plain(error: CommanderError): string {
  return error.message.replace(/^error: /, '').replace(/\.$/, '');
}

/** Commander's complaint in the words of all our usage errors: what, where, what would be right. */
function usageErrorOf(error: CommanderError, command: Command, argv: readonly string[]): UsageError {
  // 'help' with a name nobody knows is reported without the name.
  const quoted = error.code === 'commander.help' ? (argv[1] ?? '') : quotedIn(error.message);
  const where = command.parent === null ? 'command line' : `dmalab ${command.name()}`;
  switch (error.code) {
    case 'commander.unknownOption': {
      const flags = command.options.map((option) => option.long ?? option.flags).concat('--help');
      const listing = `'${usageOf(command).split(' [')[0]} --help' lists the flags`;
      return new UsageError('USAGE_UNKNOWN_FLAG', `there is no flag '${quoted}'`, {
        where,
        expected: expectedName(quoted, flags, listing),
      });
    }
    case 'commander.help':
    case 'commander.unknownCommand':
      return new UsageError('USAGE_UNKNOWN_COMMAND', `there is no command '${quoted}'`, {
        where,
        expected: expectedName(quoted, commandNames(command)),
      });
    case 'commander.missingArgument':
      return new UsageError('USAGE_MISSING_ARGUMENT', `'${command.name()}' needs a ${quoted}`, { where, expected: usageOf(command) });
    case 'commander.optionMissingArgument':
      return new UsageError('USAGE_MISSING_VALUE', `the flag '${quoted}' needs a value`, { where, expected: quoted });
    case 'commander.excessArguments':
      return new UsageError('USAGE_EXCESS_ARGUMENT', plain(error), { where, expected: usageOf(command) });
    default:
      return new UsageError('USAGE_BAD_COMMAND_LINE', plain(error), { where, expected: usageOf(command) });
  }
}

function usageOf(command: Command): string {
  return command.parent === null ? `dmalab ${command.usage()}` : `dmalab ${command.name()} ${command.usage()}`;
}
