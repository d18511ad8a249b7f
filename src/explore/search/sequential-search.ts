import { hostTimeMs, hostTurn } from '../../kernel/index.js';
import { ScheduleRunner, type Failing } from './schedule-runner.js';
import type { Search, SearchResult } from './search.js';
import { SearchSum } from './search-totals.js';

/** The event loop gets a turn this often, so that signals and progress are served. */
export const TURN_MS = 50;

/** Executes schedules one after the other on the calling thread: for every strategy. */
export async function searchSequentially(search: Search): Promise<SearchResult> {
  const { seed, signal } = search;
  const runner = new ScheduleRunner(search.parameters, search.strategy);
  const sum = new SearchSum();
  const startMs = hostTimeMs();
  const endMs = search.seconds === null ? Infinity : startMs + search.seconds * 1000;
  let lastTurnMs = startMs;
  let failing: Failing | null = null;
  let ended = false;
  for (let index = 0; index < search.schedules && failing === null && !signal.aborted; index++) {
    const outcome = runner.run(index, seed);
    ended = outcome === 'none';
    if (ended) break;
    if (outcome !== 'clean') failing = outcome as Failing;
    const nowMs = hostTimeMs();
    if (nowMs >= endMs) break;
    if (nowMs - lastTurnMs < TURN_MS) continue;
    lastTurnMs = nowMs;
    sum.add(runner.takeTotals());
    search.onProgress(sum.schedules, (nowMs - startMs) / 1000, failing?.execution.findingsTotal ?? 0);
    await hostTurn();
  }
  sum.add(runner.takeTotals());
  return { sum, failing, ended };
}
