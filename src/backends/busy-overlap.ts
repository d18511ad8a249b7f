import type { BusyInterval } from '../hardware/index.js';

/** Kept intervals are summed up when they grow to this many; intervals arrive roughly in time order. */
const KEPT_MAX = 16_384;

/** Time in which at least two engines were busy at once, from their busy intervals. */
export class BusyOverlap {
  readonly #intervals: BusyInterval[][];
  #summedMs = 0;

  constructor(hosts: number) {
    this.#intervals = Array.from({ length: hosts }, () => []);
  }

  add(host: number, intervals: readonly BusyInterval[]): void {
    this.#intervals[host]!.push(...intervals);
    if (this.#intervals.some((kept) => kept.length > KEPT_MAX)) this.#sumUp();
  }

  totalMs(): number {
    this.#sumUp();
    return this.#summedMs;
  }

  /** Sweeps over all starts and ends kept; what is left is forgotten, so an interval still open on another engine may lose its overlap with these. */
  #sumUp(): void {
    const edges = this.#intervals.flatMap((kept) =>
      kept.flatMap(({ startMs, endMs }) => [
        { atMs: startMs, change: 1 },
        { atMs: endMs, change: -1 },
      ]),
    );
    edges.sort((a, b) => a.atMs - b.atMs || a.change - b.change);
    let busy = 0;
    let sinceMs = 0;
    for (const { atMs, change } of edges) {
      if (busy >= 2) this.#summedMs += atMs - sinceMs;
      busy += change;
      sinceMs = atMs;
    }
    for (const kept of this.#intervals) kept.length = 0;
  }
}
