import { opKind, opKindName, opObject, OP_KINDS, type Kernel, type Op } from '../kernel/index.js';

/** `{ SpinLock: { acquire: 12, release: 12 } }`: how often, by type of object, then by kind of operation. */
export type PointTotals = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Counts the scheduling points of executions by type of object and kind of operation. */
export class PointTally {
  /** By operation code, of the execution under way. */
  #counts = new Int32Array(4096);
  /** Operations that were counted in it; as long as `#counts`, so there is room for each. */
  #hit = new Int32Array(4096);
  #hitCount = 0;
  /** By type of object, then by kind of operation. */
  readonly #totals = new Map<string, Float64Array>();
  /** By object: its type in the execution before, which most often has the same objects, and the totals of that. */
  readonly #types: string[] = [];
  readonly #totalsByObject: Float64Array[] = [];

  count(op: Op): void {
    if (op < 0) return;
    if (op >= this.#counts.length) this.#grow(op);
    const count = this.#counts[op]! + 1;
    this.#counts[op] = count;
    if (count === 1) this.#hit[this.#hitCount++] = op;
  }

  #grow(op: Op): void {
    let { length } = this.#counts;
    while (length <= op) length *= 2;
    this.#counts = longer(this.#counts, length);
    this.#hit = longer(this.#hit, length);
  }

  /** The execution has ended; its objects are still known, so their types are asked for now. */
  fold(kernel: Kernel): void {
    for (let i = 0; i < this.#hitCount; i++) {
      const op = this.#hit[i]!;
      const object = opObject(op);
      const type = kernel.objectType(object);
      if (this.#types[object] !== type) this.#see(object, type);
      this.#totalsByObject[object]![opKind(op)]! += this.#counts[op]!;
      this.#counts[op] = 0;
    }
    this.#hitCount = 0;
  }

  #see(object: number, type: string): void {
    let totals = this.#totals.get(type);
    if (totals === undefined) this.#totals.set(type, (totals = new Float64Array(OP_KINDS)));
    this.#types[object] = type;
    this.#totalsByObject[object] = totals;
  }

  /** What was counted since the last call. */
  takeTotals(): PointTotals {
    const counted = [...this.#totals].filter(([, counts]) => counts.some((count) => count > 0));
    const totals = Object.fromEntries(counted.map(([type, counts]) => [type, byKindName(counts)]));
    for (const counts of this.#totals.values()) counts.fill(0);
    return totals;
  }
}

function longer(words: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(length);
  grown.set(words);
  return grown;
}

function byKindName(counts: Float64Array): Record<string, number> {
  const named: Record<string, number> = {};
  counts.forEach((count, kind) => {
    if (count > 0) named[opKindName(kind)] = count;
  });
  return named;
}
