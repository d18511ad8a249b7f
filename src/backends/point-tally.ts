import { opKind, opKindName, opObject, type Kernel, type Op } from '../kernel/index.js';

/** `{ SpinLock: { acquire: 12, release: 12 } }`: how often, by type of object, then by kind of operation. */
export type PointTotals = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Counts the scheduling points of executions by type of object and kind of operation. */
export class PointTally {
  /** By operation code, of the execution under way. */
  #counts = new Int32Array(4096);
  readonly #hit: Op[] = [];
  readonly #totals = new Map<string, Map<string, number>>();

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
      const type = kernel.objectType(opObject(op));
      const kinds = this.#totals.get(type) ?? new Map<string, number>();
      this.#totals.set(type, kinds);
      const kind = opKindName(opKind(op));
      kinds.set(kind, (kinds.get(kind) ?? 0) + this.#counts[op]!);
      this.#counts[op] = 0;
    }
    this.#hit.length = 0;
  }

  /** What was counted since the last call. */
  takeTotals(): PointTotals {
    const totals = Object.fromEntries([...this.#totals].map(([type, kinds]) => [type, Object.fromEntries(kinds)]));
    this.#totals.clear();
    return totals;
  }
}
