import type { RootHookObject } from 'mocha';
import { subscribe } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { hostDelay } from '../src/kernel/host-turn.js';

const GRACE_MS = 2000;
const POLL_MS = 20;

/** Threads that live now, with the file they run. process.getActiveResourcesInfo does not list workers, so they are counted at birth. */
const living = new Map<Worker, string>();

subscribe('worker_threads', (message) => {
  const { worker } = message as { worker: Worker };
  const { stack } = new Error();
  living.set(worker, /[^\s(]*(?:dist|workers|src)\/[^\s)]*/.exec(stack?.replace(/.*root-hooks.*/g, '') ?? '')?.[0] ?? 'a pool');
  worker.once('exit', () => living.delete(worker));
});

/** One line a living thread: its id and the code that started it. */
export function leftoverThreads(): string[] {
  return [...living].map(([worker, startedBy]) => `thread ${worker.threadId} started by ${startedBy}`);
}

/**
 * A suite whose engine still sleeps in `Atomics.wait` would pass and then hang for ever; `--exit` would hide it. So
 * a leftover is a failure with a name. Threads that are just being terminated get a moment; then they are killed, so
 * that the run ends after it has failed.
 */
export async function failOnLeftoverThreads(graceMs: number = GRACE_MS): Promise<void> {
  for (let waitedMs = 0; waitedMs < graceMs && living.size > 0; waitedMs += POLL_MS) await hostDelay(POLL_MS);
  const left = leftoverThreads();
  if (left.length === 0) return;
  await Promise.all([...living.keys()].map((worker) => worker.terminate()));
  throw new Error(`worker threads or pools were left running by a test: ${left.join('; ')}`);
}

export const mochaHooks: RootHookObject = {
  async afterAll(): Promise<void> {
    await failOnLeftoverThreads();
  },
};
