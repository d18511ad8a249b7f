import type { Effort, SuiteName } from './options.js';
import type { SuiteResult } from './results.js';
import { suites } from './suites.js';

/** What the parent sends first. */
export interface SuiteRequest {
  readonly suite: SuiteName;
  readonly effort: Effort;
}

/** What the child answers, any number of `progress` and then one of the others. */
export type SuiteMessage =
  | { readonly kind: 'progress'; readonly message: string }
  | { readonly kind: 'result'; readonly result: SuiteResult }
  | { readonly kind: 'failure'; readonly message: string };

/** The entry of a child process that runs one suite; see run-suite.ts. */
function answer(message: SuiteMessage): void {
  process.send?.(message);
}

async function runRequested({ suite, effort }: SuiteRequest): Promise<void> {
  const begin = performance.now();
  const run = await suites[suite]();
  const measured = await run(effort, (message) => answer({ kind: 'progress', message }));
  answer({ kind: 'result', result: { suite, ...measured, seconds: (performance.now() - begin) / 1000 } });
}

process.once('message', (request: SuiteRequest) => {
  runRequested(request)
    .catch((error: unknown) =>
      answer({ kind: 'failure', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
    .finally(() => process.disconnect());
});
