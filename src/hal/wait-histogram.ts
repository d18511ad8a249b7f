/** Parts a doubling is divided into: values are told apart to about six per cent. */
const PARTS = 16;
const DOUBLINGS = 48;

interface Bucket {
  readonly index: number;
  count: number;
  next: Bucket | null;
}

/** Nanoseconds waited, in buckets of sixteen to a doubling; a list of those that are not empty, as most machines wait once or twice. */
export class WaitHistogram {
  /** The lowest one. */
  #first: Bucket | null = null;
  count = 0;

  record(ns: number): void {
    this.#put(bucketOf(ns), 1);
  }

  add(other: WaitHistogram): void {
    for (let bucket = other.#first; bucket !== null; bucket = bucket.next) this.#put(bucket.index, bucket.count);
  }

  #put(index: number, count: number): void {
    this.count += count;
    let before: Bucket | null = null;
    let at = this.#first;
    for (; at !== null && at.index < index; at = at.next) before = at;
    if (at?.index === index) at.count += count;
    else if (before === null) this.#first = { index, count, next: at };
    else before.next = { index, count, next: at };
  }

  /** The value that `percent` of the recorded ones do not exceed, as the lower end of its bucket; 0 when nothing was recorded. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    const wanted = Math.max(1, Math.ceil((this.count * percent) / 100));
    let bucket = this.#first!;
    let seen = bucket.count;
    while (seen < wanted && bucket.next !== null) {
      bucket = bucket.next;
      seen += bucket.count;
    }
    return lowerEndOf(bucket.index);
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
