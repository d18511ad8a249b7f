import { parseArgs } from 'node:util';

export const suiteNames = ['S1', 'S2', 'S3', 'S6', 'S8', 'allocations'] as const;
export type SuiteName = (typeof suiteNames)[number];

/** What one measurement may cost. All loops of the benchmarks are bounded by these. */
export interface Effort {
  /** Interleaved rounds that count; one more is thrown away. */
  readonly rounds: number;
  /** Time one contestant gets in one round, in milliseconds; a target, not a limit. */
  readonly measureMs: number;
  /** The same for a contestant that starts a worker each time: its code must become hot first. */
  readonly threadMs: number;
}

export const fullEffort: Effort = { rounds: 7, measureMs: 300, threadMs: 1000 };
/** Enough to see a ratio to within a tenth or two on an idle machine. */
export const quickEffort: Effort = { rounds: 5, measureMs: 60, threadMs: 350 };

export interface BenchOptions {
  readonly suites: readonly SuiteName[];
  readonly effort: Effort;
  readonly quick: boolean;
  readonly format: 'text' | 'json' | 'markdown';
}

/** The command line was wrong; the message says how it would be right. */
export class BenchUsageError extends Error {
  override readonly name = 'BenchUsageError';
}

export const usage = `usage: npm run bench -- [--quick] [--json | --markdown] [--only S1,S2,S3,S6,S8,allocations]

  --quick     short measurements, under 40 s in all; default: under 4 minutes
  --only      these suites only, separated by commas
  --json      one JSON object on stdout instead of tables; progress stays on stderr
  --markdown  the tables of docs/performance.md`;

/** Throws BenchUsageError for an unknown flag or suite. */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' {
  const flags = readFlags(args);
  if (flags.help === true) return 'help';
  const quick = flags.quick === true;
  return {
    suites: flags.only === undefined ? suiteNames : readSuites(flags.only),
    effort: quick ? quickEffort : fullEffort,
    quick,
    format: formatOf(flags),
  };
}

interface Flags {
  readonly quick?: boolean;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly help?: boolean;
  readonly only?: string;
}

function formatOf({ json = false, markdown = false }: Flags): BenchOptions['format'] {
  if (json && markdown) throw new BenchUsageError('--json and --markdown cannot both be had');
  if (json) return 'json';
  return markdown ? 'markdown' : 'text';
}

function readFlags(args: readonly string[]): Flags {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean' },
        json: { type: 'boolean' },
        markdown: { type: 'boolean' },
        help: { type: 'boolean' },
        only: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new BenchUsageError(`${(error as Error).message}\n\n${usage}`);
  }
}

function readSuites(list: string): SuiteName[] {
  const wanted = list.split(',').map((name) => name.trim());
  return wanted.map((name) => {
    const known = suiteNames.find((suite) => suite.toLowerCase() === name.toLowerCase());
    if (known === undefined) throw new BenchUsageError(`there is no suite '${name}'; --only takes ${suiteNames.join(', ')}`);
    return known;
  });
}
