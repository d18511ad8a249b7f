import { PAGE_SIZE, type LayoutBuilder, type MachineMemory } from '../memory/index.js';
import type { RandomSource } from '../kernel/index.js';
import type { Mdl } from '../hal/index.js';

/** Distinct starting points of the pattern; two requests rarely carry the same bytes. */
const PATTERN_STARTS = 65536;

/**
 * The bytes of every payload: a block of seeded random bytes in machine memory. A request's payload is the block from
 * some start on, so filling and checking are bulk copies and compares.
 */
export class PayloadPattern {
  readonly #base: number;
  readonly #lengthBytes: number;

  constructor(layout: LayoutBuilder, maxBytes: number) {
    this.#lengthBytes = PATTERN_STARTS + Math.ceil(maxBytes / 8) * 8;
    // Not part of the machine: it is an oracle of the lab.
    this.#base = layout.reserve('payload pattern', this.#lengthBytes, { hashed: false });
  }

  fill(memory: MachineMemory, random: RandomSource): void {
    const end = (this.#base + this.#lengthBytes) >> 2;
    for (let word = this.#base >> 2; word < end; word++) memory.i32[word] = random.next();
  }

  drawStart(random: RandomSource): number {
    return random.below(PATTERN_STARTS);
  }

  /** Physical address of the payload's byte at `offset`. */
  at(start: number, offset: number): number {
    return this.#base + start + offset;
  }

  /** Writes the payload into a buffer's pages. */
  writeTo(memory: MachineMemory, first: Mdl | null, start: number): void {
    let offset = 0;
    for (let mdl = first; mdl !== null; mdl = mdl.next) {
      for (let done = 0; done < mdl.byteCount;) {
        const physical = mdl.physicalAddress(done);
        const piece = pieceLength(physical, mdl.byteCount - done);
        memory.copy(physical, this.at(start, offset), piece);
        done += piece;
        offset += piece;
      }
    }
  }

  /** Offset of the first byte of a buffer, from `skipBytes` on, that is not the payload's; -1 when all are right. */
  firstDifference(memory: MachineMemory, first: Mdl | null, start: number, skipBytes = 0): number {
    let offset = 0;
    for (let mdl = first; mdl !== null; mdl = mdl.next) {
      for (let done = 0; done < mdl.byteCount;) {
        const physical = mdl.physicalAddress(done);
        const piece = pieceLength(physical, mdl.byteCount - done);
        const skipped = Math.min(Math.max(skipBytes - offset, 0), piece);
        const at = memory.firstDifference(physical + skipped, this.at(start, offset + skipped), piece - skipped);
        if (at >= 0) return offset + skipped + at;
        done += piece;
        offset += piece;
      }
    }
    return -1;
  }
}

function pieceLength(physical: number, rest: number): number {
  return Math.min(rest, PAGE_SIZE - (physical % PAGE_SIZE));
}
