/** Parts a doubling is divided into: values are told apart to about six per cent. */
const PARTS = 16;
const DOUBLINGS = 48;

/** Nanoseconds waited, in buckets of sixteen to a doubling; there are as many as the longest wait so far needs. */
export class WaitHistogram {
  readonly #buckets: number[] = [];
  count = 0;

  record(ns: number): void {
    const bucket = bucketOf(ns);
    this.#reach(bucket);
    this.#buckets[bucket]!++;
    this.count++;
  }

  add(other: WaitHistogram): void {
    this.#reach(other.#buckets.length - 1);
    for (let i = 0; i < other.#buckets.length; i++) this.#buckets[i]! += other.#buckets[i]!;
    this.count += other.count;
  }

  #reach(bucket: number): void {
    while (this.#buckets.length <= bucket) this.#buckets.push(0);
  }

  /** The value that `percent` of the recorded ones do not exceed, as the lower end of its bucket; 0 when nothing was recorded. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((this.count * percent) / 100));
    let seen = 0;
    let bucket = 0;
    for (; bucket < this.#buckets.length; bucket++) {
      seen += this.#buckets[bucket]!;
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
