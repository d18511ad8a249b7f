import type { PointTotals } from '../../backends/point-tally.js';
import { HashCounts } from './hash-counts.js';

/** What some schedules of a search came to. Made of sums, so that shares of a search can be put together. */
export interface SearchTotals {
  /** Number of the first of the schedules. */
  readonly first: number;
  readonly schedules: number;
  readonly steps: number;
  readonly verifiedTwice: number;
  readonly deviceStepsByThread: Readonly<Record<string, number>>;
  readonly points: PointTotals;
  /** Event hashes in the order of the schedules, two words each: low, high. */
  readonly eventHashes: Int32Array;
}

/** Adds up a search. */
export class SearchSum {
  schedules = 0;
  steps = 0;
  verifiedTwice = 0;
  readonly deviceStepsByThread: Record<string, number> = {};
  readonly points: Record<string, Record<string, number>> = {};
  readonly #hashes = new HashCounts();

  get distinctHashes(): number {
    return this.#hashes.distinct;
  }

  add(totals: SearchTotals): void {
    this.schedules += totals.schedules;
    this.steps += totals.steps;
    this.verifiedTwice += totals.verifiedTwice;
    addCounts(this.deviceStepsByThread, totals.deviceStepsByThread);
    for (const [type, kinds] of Object.entries(totals.points)) addCounts((this.points[type] ??= {}), kinds);
    const { eventHashes } = totals;
    for (let i = 0; i < eventHashes.length; i += 2) this.#hashes.add(eventHashes[i]!, eventHashes[i + 1]!);
  }
}

function addCounts(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/** The same counts with their names in order, so that equal searches print equally. */
export function inOrder(points: PointTotals): PointTotals {
  const sorted = <T>(record: Readonly<Record<string, T>>): [string, T][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted(points).map(([type, kinds]) => [type, Object.fromEntries(sorted(kinds))]));
}
