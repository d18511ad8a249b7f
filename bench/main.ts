import { loadavg } from 'node:os';
import { BenchUsageError, parseOptions, usage, type BenchOptions } from './options.js';
import { reportMarkdown, reportOf, reportText, type BenchReport } from './report.js';
import type { SuiteResult } from './results.js';
import { runSuite } from './run-suite.js';

const writers: Readonly<Record<BenchOptions['format'], (report: BenchReport) => string>> = {
  text: reportText,
  json: (report) => JSON.stringify(report, null, 2),
  markdown: reportMarkdown,
};

/** The entry of `npm run bench`: suites one after the other, each in a process of its own. Exit codes: 0, 2 usage, 3 a suite failed; the others are still run and reported. */
async function main(options: BenchOptions): Promise<void> {
  const loadAverage = loadavg()[0]!;
  const results: SuiteResult[] = [];
  const failures: string[] = [];
  for (const suite of options.suites) {
    process.stderr.write(`${suite} ...\n`);
    try {
      results.push(await runSuite(suite, options.effort, (message) => process.stderr.write(`  ${message}\n`)));
    } catch (error) {
      failures.push((error as Error).message);
    }
  }
  const report = reportOf(options, results, loadAverage);
  process.stdout.write(`${writers[options.format](report)}\n`);
  if (failures.length > 0) failWith(3, failures.join('\n'));
}

function failWith(exitCode: number, message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(`${usage}\n`);
  else await main(options);
} catch (error) {
  if (error instanceof BenchUsageError) failWith(2, error.message);
  else failWith(3, error instanceof Error ? (error.stack ?? error.message) : String(error));
}
