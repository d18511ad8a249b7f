import { DONE, SeededRandom, type Op } from '../../kernel/index.js';
import type { Strategy } from '../../backends/strategy.js';
import { conflicts } from './conflict.js';
import { startDraws } from './draws.js';
import { STRANDS_AT_FIRST, withRoomFor } from './strand-words.js';

/**
 * Partial order sampling (Yuan, Yang, Gu, CAV 2018): every pending operation has a random priority and the highest
 * runs; then the strand's next operation, and all pending ones that conflict with the one that ran, draw
 * anew. Orders that differ only in operations that do not conflict are sampled as one.
 */
export class Pos implements Strategy {
  readonly name = 'pos';
  readonly isSample = true;
  readonly isIndependent = true;
  readonly #random = new SeededRandom(0);
  #priorities = new Int32Array(STRANDS_AT_FIRST);
  /** The operation that the strand's priority was drawn for; DONE: the next one it is seen before gets another. */
  #pending = new Int32Array(STRANDS_AT_FIRST).fill(DONE);
  /** Strands 0..n-1 have been seen. */
  #strands = 0;

  newExecution(seed: number): boolean {
    startDraws(this.#random, seed);
    for (let strand = 0; strand < this.#strands; strand++) this.#pending[strand] = DONE;
    return true;
  }

  pick(enabled: Int32Array, count: number, _current: number, ops: Int32Array): number {
    if (enabled[count - 1]! >= this.#strands) this.#see(enabled[count - 1]!);
    const priorities = this.#priorities;
    const pending = this.#pending;
    let best = 0;
    let bestPriority = -1;
    for (let i = 0; i < count; i++) {
      const strand = enabled[i]!;
      const op = ops[i]!;
      // Also when an interrupt has put other code on top of what the strand stood before.
      if (pending[strand] !== op) {
        pending[strand] = op;
        priorities[strand] = this.#random.next() & 0x7fff_ffff;
      }
      const priority = priorities[strand]!;
      if (priority <= bestPriority) continue;
      best = i;
      bestPriority = priority;
    }
    return best;
  }

  #see(strand: number): void {
    const from = this.#pending.length;
    this.#strands = strand + 1;
    if (strand < from) return;
    this.#priorities = withRoomFor(this.#priorities, strand);
    this.#pending = withRoomFor(this.#pending, strand).fill(DONE, from);
  }

  executed(strand: number, op: Op): void {
    const pending = this.#pending;
    const strands = this.#strands;
    for (let other = 0; other < strands; other++) if (other === strand || conflicts(pending[other]!, op)) pending[other] = DONE;
  }

  finished(): void {}
}
