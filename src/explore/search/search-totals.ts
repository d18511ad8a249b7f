import type { PointTotals } from '../../backends/point-tally.js';
import type { BehaviourClasses, SearchCoverage } from '../../machine/report.js';
import { BEHAVIOUR_WORDS } from './behaviour.js';
import { HashCounts } from './hash-counts.js';
import { PairCounts } from './pair-counts.js';

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
  /** What `Behaviour` says of each schedule that was looked at: hash of the partial order, hash of the set of pairs, two words each. */
  readonly behaviours: Int32Array;
  /** Reads-from pairs, see `PairCounts.take`. */
  readonly pairs: Int32Array;
}

/** Adds up a search. */
export class SearchSum {
  schedules = 0;
  steps = 0;
  verifiedTwice = 0;
  readonly deviceStepsByThread: Record<string, number> = {};
  readonly points: Record<string, Record<string, number>> = {};
  /** Schedules whose behaviour was looked at. */
  #observed = 0;
  readonly #hashes = new HashCounts();
  readonly #orders = new HashCounts();
  readonly #sets = new HashCounts();
  readonly #pairs = new PairCounts();

  get distinctHashes(): number {
    return this.#hashes.distinct;
  }

  /** `isSample`: the schedules were drawn at random, so that what was seen once tells of what was not seen. */
  coverage(isSample: boolean): SearchCoverage {
    const estimate = (single: number): number | null => (isSample && this.#observed > 0 ? single / this.#observed : null);
    const classes = (counts: HashCounts): BehaviourClasses => ({
      distinct: counts.distinct,
      once: counts.single,
      unseen: estimate(counts.single),
    });
    const pairs = this.#pairs;
    return {
      schedules: this.#observed,
      orders: classes(this.#orders),
      readsFrom: classes(this.#sets),
      pairs: { distinct: pairs.distinct, once: pairs.single, newPerSchedule: estimate(pairs.single) },
      curve: curveMarks(this.schedules).map((schedules) => ({ schedules, pairs: pairs.seenWithin(schedules) })),
      isPartial: this.#orders.isFull || this.#sets.isFull || pairs.isFull,
    };
  }

  add(totals: SearchTotals): void {
    this.schedules += totals.schedules;
    this.steps += totals.steps;
    this.verifiedTwice += totals.verifiedTwice;
    addCounts(this.deviceStepsByThread, totals.deviceStepsByThread);
    for (const [type, kinds] of Object.entries(totals.points)) addCounts((this.points[type] ??= {}), kinds);
    const { eventHashes } = totals;
    for (let i = 0; i < eventHashes.length; i += 2) this.#hashes.add(eventHashes[i]!, eventHashes[i + 1]!);
    const { behaviours } = totals;
    this.#observed += behaviours.length / BEHAVIOUR_WORDS;
    for (let i = 0; i < behaviours.length; i += BEHAVIOUR_WORDS) {
      this.#orders.add(behaviours[i]!, behaviours[i + 1]!);
      this.#sets.add(behaviours[i + 2]!, behaviours[i + 3]!);
    }
    this.#pairs.add(totals.pairs);
  }
}

/** 1, 10, 100 and so on, and the end. */
function curveMarks(schedules: number): number[] {
  const marks: number[] = [];
  for (let mark = 1; mark < schedules; mark *= 10) marks.push(mark);
  return schedules === 0 ? [] : [...marks, schedules];
}

function addCounts(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/** The same counts with their names in order, so that equal searches print equally. */
export function inOrder(points: PointTotals): PointTotals {
  const sorted = <T>(record: Readonly<Record<string, T>>): [string, T][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted(points).map(([type, kinds]) => [type, Object.fromEntries(sorted(kinds))]));
}
