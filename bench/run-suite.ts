import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Effort, SuiteName } from './options.js';
import type { SuiteResult } from './results.js';
import type { SuiteMessage, SuiteRequest } from './suite-process.js';

const entry = fileURLToPath(new URL('./suite-process.js', import.meta.url));
/** A suite that takes longer hangs. */
const SUITE_TIMEOUT_MS = 240_000;
/** Counting allocations begins with a collection. */
const flags: Partial<Record<SuiteName, readonly string[]>> = { allocations: ['--expose-gc'] };

/** Runs one suite in a process of its own. Rejects when it fails, dies or hangs. */
export function runSuite(suite: SuiteName, effort: Effort, progress: (message: string) => void): Promise<SuiteResult> {
  const child = fork(entry, [], { execArgv: [...process.execArgv, ...(flags[suite] ?? [])], timeout: SUITE_TIMEOUT_MS });
  return new Promise<SuiteResult>((resolve, reject) => {
    child.on('message', (message: SuiteMessage) => {
      if (message.kind === 'progress') progress(message.message);
      else if (message.kind === 'result') resolve(message.result);
      else {
        reject(new Error(`suite ${suite} failed: ${message.message}`));
        // What failed may have left a thread that never ends.
        child.kill();
      }
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`suite ${suite} ended without a result (exit code ${code}, signal ${signal})`)));
    const request: SuiteRequest = { suite, effort };
    child.send(request);
  });
}
