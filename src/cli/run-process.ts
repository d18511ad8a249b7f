import { leftBehindViolation } from '../backends/left-behind.js';
import { runCli } from './cli.js';
import { ExitCode } from './errors.js';
import type { Lab } from './lab.js';
import { processIo } from './process-io.js';
import { endSoon } from './process-end.js';

/**
 * Runs the command line of this process and leaves its exit code in `process.exitCode`. The process ends when nothing
 * is left to do, or when all is written and only what code under test has left behind is to be waited for.
 */
export function runProcess(openLab: () => Promise<Lab>): void {
  let exitCode: ExitCode | null = null;
  let outputFailure: NodeJS.ErrnoException | null = null;
  let hasEscaped = false;
  let isLeftBehindTold = false;

  // A reader that has seen enough closes the pipe: no error of ours. A full disk under stdout is one.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') outputFailure ??= error;
  });
  process.stderr.on('error', () => {});

  // Node would exit with 1, which means a finding. While a command executes it has a listener of its own, and reports.
  process.on('uncaughtException', (error: Error) => {
    if (process.listenerCount('uncaughtException') > 1) return;
    const leftBehind = exitCode === null ? null : leftBehindViolation(error);
    if (leftBehind !== null) {
      // Too late to be a finding, and each execution may have left one: the first is told.
      if (!isLeftBehindTold) process.stderr.write(`dmalab: after the results, ${leftBehind.message}\n`);
      isLeftBehindTold = true;
      return;
    }
    hasEscaped = true;
    process.stderr.write(`dmalab: internal error: an error escaped: ${error.message} (UNCAUGHT)\n`);
  });

  process.once('exit', () => {
    if (outputFailure !== null) {
      process.stderr.write(`dmalab: error: cannot write the results to stdout: ${outputFailure.message} (USAGE_STDOUT)\n`);
      process.exitCode = ExitCode.Usage;
    } else if (exitCode === null) {
      process.stderr.write('dmalab: internal error: the process ran out of work before there was a result (NO_RESULT)\n');
      process.exitCode = ExitCode.Internal;
    }
  });

  void runCli(process.argv.slice(2), processIo(), openLab).then((code) => {
    exitCode = hasEscaped ? ExitCode.Internal : code;
    process.exitCode = exitCode;
    return endSoon();
  });
}
