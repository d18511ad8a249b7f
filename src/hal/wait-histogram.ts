/** Parts a doubling is divided into: values are told apart to about six per cent. */
const PARTS = 16;
const DOUBLINGS = 48;

/** Nanoseconds waited, in buckets of sixteen to a doubling; an array with holes, since most machines wait once or twice. */
export class WaitHistogram {
  readonly #buckets: (number | undefined)[] = [];
  count = 0;

  record(ns: number): void {
    this.#put(bucketOf(ns), 1);
  }

  add(other: WaitHistogram): void {
    for (let i = 0; i < other.#buckets.length; i++) this.#put(i, other.#buckets[i] ?? 0);
  }

  #put(bucket: number, count: number): void {
    if (count > 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + count;
    this.count += count;
  }

  /** The value that `percent` of the recorded ones do not exceed, as the lower end of its bucket; 0 when nothing was recorded. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((this.count * percent) / 100));
    let seen = 0;
    let bucket = 0;
    for (; bucket < this.#buckets.length; bucket++) {
      seen += this.#buckets[bucket] ?? 0;
      if (seen >= wanted) break;
    }
    return lowerEndOf(bucket);
  }
}

/** Below 16 each value has a bucket; from there on PARTS of them to each doubling. */
function bucketOf(ns: number): number {
  let rest = Math.max(0, ns);
  let doublings = 0;
  while (rest >= 2 * PARTS && doublings < DOUBLINGS - 1) {
    rest /= 2;
    doublings++;
  }
  return rest < PARTS ? Math.floor(rest) : Math.min(doublings * PARTS + Math.floor(rest), PARTS * (DOUBLINGS + 1) - 1);
}

function lowerEndOf(bucket: number): number {
  if (bucket < 2 * PARTS) return bucket;
  const doublings = Math.floor(bucket / PARTS) - 1;
  return (bucket - doublings * PARTS) * 2 ** doublings;
}
