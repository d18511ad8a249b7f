import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { Pos, strategies } from '../../src/explore/index.js';
import { hostTimeMs } from '../../src/kernel/index.js';
import type { GalleryEntry } from '../../src/scenarios/index.js';
import { Searcher, type Search } from '../gallery/search.js';

/** Strategies of the page's table, in its order. */
export const TABLE_STRATEGIES = ['pos', 'random', 'pct', 'surw'] as const;
export type TableStrategy = (typeof TABLE_STRATEGIES)[number];
/** Searches of each, and the schedules after which one of them gives up. */
export const SEARCHES = 9;
export const SEARCH_SCHEDULES_MAX = 300;
/** Bars of the gate, for the default strategy and for the repaired twin. */
export const FOUND_WITHIN = 10_000;
export const TWIN_SCHEDULES = 100_000;

/** Median of the schedules a strategy needed over the seeds from 1 to SEARCHES; Infinity: more than SEARCH_SCHEDULES_MAX. The same on every machine. */
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
  const searches = Array.from({ length: SEARCHES }, (_, i) => searcher.search(new Pos(), i + 1, FOUND_WITHIN));
  const schedules = searches.map((search) => search.schedules);
  const otherRules = searches.flatMap(({ rules: [first] }) => (first === undefined || first === expects ? [] : [first]));
  const startMs = hostTimeMs();
  const twin = searchTwin(new Searcher(repaired), twinSchedules);
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

/** The twin under as many schedules, spread over the seeds: each has other traffic. */
function searchTwin(searcher: Searcher, schedules: number): Search {
  let searched = 0;
  for (let seed = 1; seed <= SEARCHES; seed++) {
    const share = Math.ceil((schedules - searched) / (SEARCHES - seed + 1));
    const search = searcher.search(new Pos(), seed, share);
    if (search.schedules !== null) return { ...search, schedules: searched + search.schedules };
    searched += share;
  }
  return { schedules: null, rules: [] };
}

export interface GalleryGateSettings {
  readonly twinSchedules: number;
  /** Pairs judged at the same time, each on a thread of its own. */
  readonly workers: number;
  readonly print: (line: string) => void;
}

/** What a worker thread is told: a pair by its name. */
export interface PairTask {
  readonly name: string;
  readonly twinSchedules: number;
}

/** A line for each pair as it is judged, which is not always the gallery's order; true when all are green. */
export async function galleryGate(pairs: readonly GalleryEntry[], settings: GalleryGateSettings): Promise<boolean> {
  const { twinSchedules, workers, print } = settings;
  const pool = new Piscina<PairTask, PairResult>({
    filename: fileURLToPath(new URL('gallery-worker.js', import.meta.url)),
    minThreads: workers,
    maxThreads: workers,
  });
  try {
    const judged = pairs.map(async ({ defect: { name } }) => {
      const result = await pool.run({ name, twinSchedules });
      print(pairLine(result, twinSchedules));
      return result.isGreen;
    });
    const greens = await Promise.all(judged);
    return greens.length > 0 && greens.every((isGreen) => isGreen);
  } finally {
    await pool.destroy();
  }
}

/** A pair's result in one line. */
export function pairLine(result: PairResult, twinSchedules: number): string {
  const found = result.schedules.map((schedules) => schedules ?? `>${FOUND_WITHIN}`).join(' ');
  const others = result.otherRules.length === 0 ? '' : `, other rules: ${result.otherRules.join(' ')}`;
  const twin = result.twinFound === null ? `clean over ${twinSchedules}` : `${result.twinRules[0]} at schedule ${result.twinFound}`;
  return `${result.isGreen ? 'green' : 'RED  '} ${result.name}: pos ${found}${others}; twin ${twin}, ${result.schedulesPerSecond}/s`;
}
