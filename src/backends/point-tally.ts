import { opKind, opKindName, opObject, OP_KINDS, type Kernel, type Op } from '../kernel/index.js';

/** `{ SpinLock: { acquire: 12, release: 12 } }`: how often, by type of object, then by kind of operation. */
export type PointTotals = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Counts the scheduling points of executions by type of object and kind of operation. */
export class PointTally {
  /** By operation code, of the execution under way. */
  #counts = new Int32Array(4096);
  readonly #hit: Op[] = [];
  /** By type of object, then by kind of operation. */
  readonly #totals = new Map<string, Float64Array>();

  count(op: Op): void {
    if (op < 0) return;
    if (op >= this.#counts.length) this.#grow(op);
    const count = this.#counts[op]! + 1;
    this.#counts[op] = count;
    if (count === 1) this.#hit.push(op);
  }

  #grow(op: Op): void {
    let { length } = this.#counts;
    while (length <= op) length *= 2;
    const larger = new Int32Array(length);
    larger.set(this.#counts);
    this.#counts = larger;
  }

  /** The execution has ended; its objects are still known, so their types are asked for now. */
  fold(kernel: Kernel): void {
    for (const op of this.#hit) {
      this.#totalsOf(kernel.objectType(opObject(op)))[opKind(op)]! += this.#counts[op]!;
      this.#counts[op] = 0;
    }
    this.#hit.length = 0;
  }

  #totalsOf(type: string): Float64Array {
    const known = this.#totals.get(type);
    if (known !== undefined) return known;
    const totals = new Float64Array(OP_KINDS);
    this.#totals.set(type, totals);
    return totals;
  }

  /** What was counted since the last call. */
  takeTotals(): PointTotals {
    const totals = Object.fromEntries([...this.#totals].map(([type, counts]) => [type, byKindName(counts)]));
    this.#totals.clear();
    return totals;
  }
}

function byKindName(counts: Float64Array): Record<string, number> {
  const named: Record<string, number> = {};
  counts.forEach((count, kind) => {
    if (count > 0) named[opKindName(kind)] = count;
  });
  return named;
}
