import { hashedRanges, type Region } from './layout.js';
import { PAGE_SIZE, type MachineMemory } from './machine-memory.js';

/** The first page of memory is never used: what every untouched page looks like. */
const ZERO_PAGE = 0;

interface Range {
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * What belongs to the machine among everything in its memory: what a reset clears and a hash covers.
 *
 * Small regions (registers, device state, translation tables) count as a whole. RAM and device memories are mostly
 * empty: only their pages that are not zero enter the hash, each with its place, so that a memory which keeps count of
 * touched pages and one which does not come to the same figure.
 */
export class MachineImage {
  readonly #dense: readonly Range[];
  readonly #sparse: readonly Range[];

  constructor(
    private readonly memory: MachineMemory,
    regions: readonly Region[],
  ) {
    this.#dense = hashedRanges(regions.map((region) => ({ ...region, hashed: region.hashed && !region.sparse })));
    this.#sparse = regions
      .filter(({ sparse }) => sparse)
      .map(({ offset, lengthBytes }) => ({ offset, lengthBytes: Math.ceil(lengthBytes / PAGE_SIZE) * PAGE_SIZE }));
  }

  /** Everything zero again. */
  clear(): void {
    const { memory } = this;
    for (const { offset, lengthBytes } of this.#dense) memory.clear(offset, lengthBytes);
    memory.clearTouched(this.#sparse);
  }

  /** Sixteen hex digits. */
  hash(): string {
    const { memory } = this;
    let hash = 0n;
    for (const { offset, lengthBytes } of this.#dense) hash = memory.hash(offset, lengthBytes, hash);
    for (const { offset, lengthBytes } of this.#sparse) {
      for (let page = offset; page < offset + lengthBytes; page += PAGE_SIZE) {
        if (!memory.isTouched(page) || memory.firstDifference(page, ZERO_PAGE, PAGE_SIZE) < 0) continue;
        hash = memory.hash(page, PAGE_SIZE, hash + BigInt(page));
      }
    }
    return BigInt.asUintN(64, hash).toString(16).padStart(16, '0');
  }
}
