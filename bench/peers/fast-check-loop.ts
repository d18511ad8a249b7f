import fc from 'fast-check';

/**
 * fast-check's scheduler on the same workload: `strands` async functions of `operations` scheduled steps each, in the
 * random order it chooses. Runs `schedules` times and returns nanoseconds per operation.
 */
export async function runFastCheckLoop(schedules: number, strands: number, operations: number): Promise<number> {
  const words = new Int32Array(1);
  // Schedulers are drawn outside the clock: what is measured is scheduling, not generating them.
  const schedulers = fc.sample(fc.scheduler(), { numRuns: schedules, seed: 1 });
  const begin = performance.now();
  for (const scheduler of schedulers) {
    const strand = async (): Promise<void> => {
      for (let i = 0; i < operations; i++) {
        await scheduler.schedule(Promise.resolve(i));
        words[0]!++;
      }
    };
    const all = Promise.all(Array.from({ length: strands }, strand));
    await scheduler.waitFor(all);
  }
  const elapsedMs = performance.now() - begin;
  const total = schedules * strands * operations;
  if (words[0] !== total) throw new Error(`fast-check's scheduler performed ${words[0]} operations of ${total}`);
  return (elapsedMs * 1e6) / total;
}
