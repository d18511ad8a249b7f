import { exploreOnThread } from '../src/cli/explore-worker.js';
import type { ExploreTask } from '../src/explore/index.js';

/** Piscina entry of a thread that executes schedules of a search: one task for as long as the search runs. */
export default function explore(task: ExploreTask): Promise<void> {
  return exploreOnThread(task);
}
