import { SeededRandom } from '../../src/kernel/index.js';

/** A strand with nothing around it: one shared word touched and one yield an operation. */
function* bareStrand(words: Int32Array, operations: number): Generator<undefined, void> {
  for (let i = 0; i < operations; i++) {
    yield;
    words[0]!++;
  }
}

/**
 * The floor under any scheduler of generators: `strands` generators of `operations` yields each, resumed in a random
 * order by a loop that does nothing else. Runs `schedules` times and returns nanoseconds per operation.
 */
export function runGeneratorLoop(schedules: number, strands: number, operations: number): number {
  const random = new SeededRandom(1);
  const words = new Int32Array(1);
  const live: Generator<undefined, void>[] = [];
  const begin = performance.now();
  for (let schedule = 0; schedule < schedules; schedule++) {
    random.reseed(schedule);
    for (let i = 0; i < strands; i++) live.push(bareStrand(words, operations));
    while (live.length > 0) {
      const chosen = live.length === 1 ? 0 : random.below(live.length);
      if (live[chosen]!.next().done === true) live.splice(chosen, 1);
    }
  }
  const elapsedMs = performance.now() - begin;
  const total = schedules * strands * operations;
  if (words[0] !== (total | 0)) throw new Error(`the generator loop performed ${words[0]} operations of ${total}`);
  return (elapsedMs * 1e6) / total;
}
