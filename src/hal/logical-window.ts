import { PAGE_SIZE } from '../memory/index.js';
import type { DmaDomain } from './dma-domain.js';

/** No run of free pages is long enough. */
export const NO_SLOT = -1;

/**
 * Hands out runs of adjacent pages of one domain's translation window, next fit: a slot that was just freed stays
 * unused for a while, so that a device that still writes through it is seen.
 */
export class LogicalWindow {
  readonly #taken: Uint8Array;
  #next = 0;
  /** Pages free, in all runs. */
  freeSlots: number;

  constructor(readonly domain: DmaDomain) {
    this.#taken = new Uint8Array(domain.windowSlots);
    this.freeSlots = domain.windowSlots;
  }

  /** Every page is free. */
  reset(): void {
    this.#taken.fill(0);
    this.#next = 0;
    this.freeSlots = this.domain.windowSlots;
  }

  address(slot: number): number {
    return this.domain.windowBase + slot * PAGE_SIZE;
  }

  /** First slot of `count` adjacent free ones, now taken; NO_SLOT when there is no such run (rule A02's case). */
  take(count: number): number {
    if (count > this.freeSlots) return NO_SLOT;
    let slot = this.#findRun(this.#next, count);
    if (slot === NO_SLOT && this.#next > 0) slot = this.#findRun(0, count);
    if (slot === NO_SLOT) return NO_SLOT;
    this.#taken.fill(1, slot, slot + count);
    this.freeSlots -= count;
    this.#next = slot + count;
    return slot;
  }

  give(slot: number, count: number): void {
    this.#taken.fill(0, slot, slot + count);
    this.freeSlots += count;
  }

  #findRun(from: number, count: number): number {
    const taken = this.#taken;
    let run = 0;
    for (let slot = from; slot < taken.length; slot++) {
      run = taken[slot] === 0 ? run + 1 : 0;
      if (run === count) return slot - count + 1;
    }
    return NO_SLOT;
  }
}
