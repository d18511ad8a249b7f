/** Slots at the start; a power of two. */
const SLOTS_FIRST = 1024;
/** Slots at most. A table fills three quarters of its slots; whole drivers have a few hundred pairs. */
const SLOTS_MAX = 1 << 18;

/*
 * A slot, in one line of the cache:
 *
 *     word 0     1      2       3                        4                        5..7
 *     key low | high | count | first schedule or FREE | last schedule counted | unused
 */
const WORDS = 8;
const HIGH = 1;
const COUNT = 2;
const FIRST = 3;
const LAST = 4;

/** No schedule has been seen in this slot. */
const FREE = -1;

/** Words of a pair in what `take` gives. */
export const PAIR_WORDS = 4;

/**
 * Pairs of operations, each a key of two words, with the number of schedules that showed it and the first of those. Open
 * addressing over a typed array: noting a pair allocates nothing but when the table doubles, and that is bounded.
 */
export class PairCounts {
  #slots = SLOTS_FIRST;
  #words = emptySlots(SLOTS_FIRST);
  #distinct = 0;
  #isFull = false;

  get distinct(): number {
    return this.#distinct;
  }

  /** Some pairs found no room. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The pair is seen in `schedule`. True for the first time in that schedule. */
  note(low: number, high: number, schedule: number): boolean {
    const words = this.#words;
    const at = this.#placeOf(low, high);
    if (words[at + FIRST] === FREE) return this.#insert(low, high, 1, schedule);
    if (words[at + LAST] === schedule) return false;
    words[at + LAST] = schedule;
    words[at + COUNT] = words[at + COUNT]! + 1;
    return true;
  }

  /** Adds what another table's `take` gave. */
  add(pairs: Int32Array): void {
    for (let i = 0; i < pairs.length; i += PAIR_WORDS) {
      const [low, high, count, first] = [pairs[i]!, pairs[i + 1]!, pairs[i + 2]!, pairs[i + 3]!];
      const words = this.#words;
      const at = this.#placeOf(low, high);
      if (words[at + FIRST] === FREE) {
        this.#insert(low, high, count, first);
        continue;
      }
      words[at + COUNT]! += count;
      words[at + FIRST] = Math.min(words[at + FIRST]!, first);
    }
  }

  /** All pairs, `PAIR_WORDS` words each: key, number of schedules, first schedule. The table is empty then. */
  take(): Int32Array {
    const pairs = new Int32Array(this.#distinct * PAIR_WORDS);
    const words = this.#words;
    let to = 0;
    for (let at = 0; at < words.length; at += WORDS) {
      if (words[at + FIRST] === FREE) continue;
      pairs.set(words.subarray(at, at + PAIR_WORDS), to);
      to += PAIR_WORDS;
      words[at + FIRST] = FREE;
    }
    this.#distinct = 0;
    return pairs;
  }

  /** Pairs that exactly one schedule showed. */
  get single(): number {
    const words = this.#words;
    let single = 0;
    for (let at = 0; at < words.length; at += WORDS) if (words[at + FIRST] !== FREE && words[at + COUNT] === 1) single++;
    return single;
  }

  /** Pairs seen in the first `schedules` schedules. */
  seenWithin(schedules: number): number {
    const words = this.#words;
    let seen = 0;
    for (let at = 0; at < words.length; at += WORDS) if (words[at + FIRST] !== FREE && words[at + FIRST]! < schedules) seen++;
    return seen;
  }

  #insert(low: number, high: number, count: number, first: number): boolean {
    if (this.#distinct * 4 >= this.#slots * 3) {
      if (this.#slots >= SLOTS_MAX) {
        this.#isFull = true;
        return false;
      }
      this.#grow();
    }
    const words = this.#words;
    const at = this.#placeOf(low, high);
    words[at] = low;
    words[at + HIGH] = high;
    words[at + COUNT] = count;
    words[at + FIRST] = words[at + LAST] = first;
    this.#distinct++;
    return true;
  }

  /** Where the pair stands, or the free slot that it would take; a quarter of the slots is free, so this ends. */
  #placeOf(low: number, high: number): number {
    const words = this.#words;
    const mask = words.length - 1;
    let at = (Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> 6) & mask & -WORDS;
    while (words[at + FIRST] !== FREE && (words[at] !== low || words[at + HIGH] !== high)) at = (at + WORDS) & mask;
    return at;
  }

  #grow(): void {
    const before = this.#words;
    this.#slots *= 2;
    this.#words = emptySlots(this.#slots);
    for (let from = 0; from < before.length; from += WORDS) {
      if (before[from + FIRST] === FREE) continue;
      this.#words.set(before.subarray(from, from + WORDS), this.#placeOf(before[from]!, before[from + HIGH]!));
    }
  }
}

function emptySlots(slots: number): Int32Array {
  const words = new Int32Array(slots * WORDS);
  for (let at = FIRST; at < words.length; at += WORDS) words[at] = FREE;
  return words;
}
