import { hostInterval } from '../kernel/host-turn.js';

/** What is late by less than this, an error that escapes behind the results, is still told. */
const GRACE_MS = 100;

/**
 * The results are out, and nothing the lab does is left: what keeps the process alive behind this is code under test's, a timer
 * of Node's for one, and is not waited for. A process that nothing keeps alive ends by itself, and at once. Never before all is
 * written: process.exit() cuts off what a stream still holds.
 */
export async function endSoon(): Promise<void> {
  await Promise.all([written(process.stdout), written(process.stderr)]);
  const stop = hostInterval(GRACE_MS, () => {
    stop();
    const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    if (timers > 0) process.stderr.write(`dmalab: code under test has left timers of Node's behind (${timers}); they are not waited for\n`);
    void written(process.stderr).then(() => process.exit());
  });
}

/** Resolves when the stream has written all it was given, or its reader is gone. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}
