/** Slots at the start; a power of two. */
const SLOTS_FIRST = 1024;
/** Slots at most: 4 million, 48 MiB. A table fills three quarters of its slots. */
const SLOTS_MAX = 1 << 22;

/**
 * How often each 64-bit hash was seen: open addressing over typed arrays, so that counting allocates nothing but when
 * the table doubles. Bounded; hashes that find no room any more are not counted, see `isFull`.
 */
export class HashCounts {
  #slots = SLOTS_FIRST;
  #low = new Int32Array(SLOTS_FIRST);
  #high = new Int32Array(SLOTS_FIRST);
  #counts = new Int32Array(SLOTS_FIRST);
  #distinct = 0;
  #single = 0;
  #isFull = false;

  /** `slotsMax` is a power of two, 1024 or more; default 4 million. */
  constructor(private readonly slotsMax: number = SLOTS_MAX) {}

  /** Different hashes seen; at least so many when `isFull`. */
  get distinct(): number {
    return this.#distinct;
  }

  /** Hashes seen exactly once. */
  get single(): number {
    return this.#single;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** How often the hash has been seen now, 1 for a new one; 0 when there was no room for it. */
  add(low: number, high: number): number {
    const slot = this.#slotOf(low, high);
    const count = this.#counts[slot]!;
    if (count > 0) {
      if (count === 1) this.#single--;
      return (this.#counts[slot] = count + 1);
    }
    if (this.#distinct * 4 >= this.#slots * 3) {
      if (this.#slots >= this.slotsMax) {
        this.#isFull = true;
        return 0;
      }
      this.#grow();
      return this.add(low, high);
    }
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#distinct++;
    this.#single++;
    return (this.#counts[slot] = 1);
  }

  /** Where the hash stands, or the free slot that it would take. */
  #slotOf(low: number, high: number): number {
    const mask = this.#slots - 1;
    let slot = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> 7;
    // A quarter of the slots is free, so this ends.
    for (slot &= mask; this.#counts[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#low[slot] === low && this.#high[slot] === high) return slot;
    }
    return slot;
  }

  #grow(): void {
    const [low, high, counts, slots] = [this.#low, this.#high, this.#counts, this.#slots];
    this.#slots = slots * 2;
    this.#low = new Int32Array(this.#slots);
    this.#high = new Int32Array(this.#slots);
    this.#counts = new Int32Array(this.#slots);
    for (let i = 0; i < slots; i++) {
      if (counts[i] === 0) continue;
      const slot = this.#slotOf(low[i]!, high[i]!);
      this.#low[slot] = low[i]!;
      this.#high[slot] = high[i]!;
      this.#counts[slot] = counts[i]!;
    }
  }
}
