/**
 * The seam for randomness: every choice of a run comes from a seeded source, so that a seed names a run.
 *
 * xoroshiro128+ (Blackman, Vigna 2018, constants 24, 16, 37) in 32-bit halves. It is our own because it sits in hot
 * paths and because schedule files must outlive dependencies; golden vectors are checked against pure-rand in tests.
 */
export interface RandomSource {
  /** The next 32 bits, signed. */
  next(): number;
  /** A whole number in 0..bound-1. */
  below(bound: number): number;
  /** True with probability numerator/denominator; probabilities are integer ratios everywhere. */
  chance(numerator: number, denominator: number): boolean;
}

export class SeededRandom implements RandomSource {
  #low0 = 0;
  #high0 = 0;
  #low1 = 0;
  #high1 = 0;

  constructor(seed: number) {
    this.reseed(seed);
  }

  reseed(seed: number): void {
    this.#high0 = -1;
    this.#low0 = ~seed;
    this.#high1 = seed | 0;
    this.#low1 = 0;
  }

  next(): number {
    const low0 = this.#low0;
    const high0 = this.#high0;
    const result = (low0 + this.#low1) | 0;
    const low = this.#low1 ^ low0;
    const high = this.#high1 ^ high0;
    // s0 = rotl(s0, 24) ^ s ^ (s << 16); s1 = rotl(s, 37), with s = s0 ^ s1, on 64-bit words in two halves.
    this.#low0 = (low0 << 24) ^ (high0 >>> 8) ^ low ^ (low << 16);
    this.#high0 = (high0 << 24) ^ (low0 >>> 8) ^ high ^ ((high << 16) | (low >>> 16));
    this.#low1 = (high << 5) ^ (low >>> 27);
    this.#high1 = (low << 5) ^ (high >>> 27);
    return result;
  }

  /** As `count` calls of `next` whose numbers nobody wants; quicker, because the state stays out of memory in between. */
  skip(count: number): void {
    let low0 = this.#low0;
    let high0 = this.#high0;
    let low1 = this.#low1;
    let high1 = this.#high1;
    for (let i = 0; i < count; i++) {
      const low = low1 ^ low0;
      const high = high1 ^ high0;
      const before = low0;
      low0 = (low0 << 24) ^ (high0 >>> 8) ^ low ^ (low << 16);
      high0 = (high0 << 24) ^ (before >>> 8) ^ high ^ ((high << 16) | (low >>> 16));
      low1 = (high << 5) ^ (low >>> 27);
      high1 = (low << 5) ^ (high >>> 27);
    }
    this.#low0 = low0;
    this.#high0 = high0;
    this.#low1 = low1;
    this.#high1 = high1;
  }

  below(bound: number): number {
    return Math.floor(((this.next() >>> 0) / 0x1_0000_0000) * bound);
  }

  chance(numerator: number, denominator: number): boolean {
    return this.below(denominator) < numerator;
  }
}

/** Derives an independent seed for a part of a run, so that drawing more in one part does not shift another. */
export function deriveSeed(seed: number, part: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < part.length; i++) hash = Math.imul(hash ^ part.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 12);
}
