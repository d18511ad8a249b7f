import type { SeededRandom } from '../../kernel/index.js';

/** Draws until seeds that differ in few bits give unrelated numbers. */
const WARM_UP_DRAWS = 6;

/** Starts a generator for one execution. Priorities compare the very first draws, so those must not resemble the seed. */
export function startDraws(random: SeededRandom, seed: number): void {
  let mixed = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  random.reseed(mixed ^ (mixed >>> 16));
  random.skip(WARM_UP_DRAWS);
}
