const WORDS = 8;
/** Things told apart; those beyond share the last bit, which only makes more steps dependent. */
const BITS = WORDS * 32;

/**
 * What one step read, what it changed, and which strands it let go on, stopped, or moved to another operation. Steps are
 * independent when neither has to do with what the other changed: then their order makes no difference.
 */
export class Footprint {
  readonly #written = new Int32Array(WORDS);
  readonly #read = new Int32Array(WORDS);
  /** Bit mask of strands: the performer, and those whose next operation or readiness the step changed. */
  strands = 0;

  clear(): void {
    this.#written.fill(0);
    this.#read.fill(0);
    this.strands = 0;
  }

  /** `thing` is a number from 0; objects of the machine stand for themselves. */
  write(thing: number): void {
    const bit = Math.min(thing, BITS - 1);
    this.#written[bit >> 5]! |= 1 << (bit & 31);
  }

  read(thing: number): void {
    const bit = Math.min(thing, BITS - 1);
    this.#read[bit >> 5]! |= 1 << (bit & 31);
  }

  writeAll(): void {
    this.#written.fill(-1);
  }

  dependsOn(other: Footprint): boolean {
    if ((this.strands & other.strands) !== 0) return true;
    for (let i = 0; i < WORDS; i++) {
      const written = this.#written[i]!;
      const othersWritten = other.#written[i]!;
      if ((written & (othersWritten | other.#read[i]!)) !== 0 || (othersWritten & this.#read[i]!) !== 0) return true;
    }
    return false;
  }
}
