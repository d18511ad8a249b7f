import { Pos, strategies } from '../../src/explore/index.js';
import { hostTimeMs } from '../../src/kernel/index.js';
import { gallery, type GalleryEntry } from '../../src/scenarios/index.js';
import { Searcher } from '../gallery/search.js';

/** Strategies of the page's table, in its order. */
export const TABLE_STRATEGIES = ['pos', 'random', 'pct', 'surw'] as const;
export type TableStrategy = (typeof TABLE_STRATEGIES)[number];
/** Searches of each, and the schedules after which one of them gives up. */
export const SEARCHES = 9;
export const SEARCH_SCHEDULES_MAX = 300;
/** Bars of the gate, for the default strategy and for the repaired twin. */
export const FOUND_WITHIN = 10_000;
export const TWIN_SCHEDULES = 100_000;
const TWIN_SEED = 7;

/** Median of the schedules a strategy needed; Infinity: more than SEARCH_SCHEDULES_MAX. The same on every machine. */
export function medianSchedules({ defect }: GalleryEntry, name: TableStrategy, schedulesMax = SEARCH_SCHEDULES_MAX): number {
  const strategy = strategies.find((candidate) => candidate.name === name)!;
  return new Searcher(defect).median(() => strategy.create(), SEARCHES, schedulesMax);
}

/** What the gate says of one pair. */
export interface PairResult {
  readonly name: string;
  /** Schedules that the default strategy needed, search by search; null: not within FOUND_WITHIN. */
  readonly schedules: readonly (number | null)[];
  /** First rule of each search that was not the expected one. */
  readonly otherRules: readonly string[];
  /** Schedule of the twin that found something; null: clean over all of them. */
  readonly twinFound: number | null;
  readonly twinRules: readonly string[];
  /** Schedules of the twin a second: for the eye, never for a verdict. */
  readonly schedulesPerSecond: number;
  readonly isGreen: boolean;
}

/** The full gate for one pair: every search finds the expected rule first, the twin finds nothing. */
export function judgePair({ defect, repaired, expects }: GalleryEntry, twinSchedules = TWIN_SCHEDULES): PairResult {
  const searcher = new Searcher(defect);
  const searches = Array.from({ length: SEARCHES }, (_, seed) => searcher.search(new Pos(), seed, FOUND_WITHIN));
  const schedules = searches.map((search) => search.schedules);
  const otherRules = searches.flatMap(({ rules: [first] }) => (first === undefined || first === expects ? [] : [first]));
  const startMs = hostTimeMs();
  const twin = new Searcher(repaired).search(new Pos(), TWIN_SEED, twinSchedules);
  const elapsedMs = hostTimeMs() - startMs;
  return {
    name: defect.name,
    schedules,
    otherRules,
    twinFound: twin.schedules,
    twinRules: twin.rules,
    schedulesPerSecond: Math.round(((twin.schedules ?? twinSchedules) * 1000) / elapsedMs),
    isGreen: !schedules.includes(null) && otherRules.length === 0 && twin.schedules === null,
  };
}

/** `npm run gates -- gallery [NAME] [TWIN_SCHEDULES]`: true when all pairs, or the named one, are green. */
export function galleryGate(only: string | undefined, twinSchedules: number, print: (line: string) => void): boolean {
  const pairs = gallery.filter(({ defect }) => only === undefined || defect.name === only);
  let isGreen = pairs.length > 0;
  for (const entry of pairs) {
    const result = judgePair(entry, twinSchedules);
    const found = result.schedules.map((schedules) => schedules ?? `>${FOUND_WITHIN}`).join(' ');
    const others = result.otherRules.length === 0 ? '' : `, other rules: ${result.otherRules.join(' ')}`;
    const twin = result.twinFound === null ? `clean over ${twinSchedules}` : `${result.twinRules[0]} at schedule ${result.twinFound}`;
    print(`${result.isGreen ? 'green' : 'RED  '} ${result.name}: pos ${found}${others}; twin ${twin}, ${result.schedulesPerSecond}/s`);
    isGreen &&= result.isGreen;
  }
  return isGreen;
}
