import { armStrictTraps } from '../backends/strict-traps.js';
import { exploreShare, type ExploreTask } from '../explore/index.js';
import { loadScenario } from './load-scenario.js';
import { processIo } from './process-io.js';
import { openLab, watchModules } from './real-lab.js';

/** One thread's share of `dmalab explore`: finds the scenario as the command did, built-in or by the path of its module. */
export async function exploreOnThread(task: ExploreTask): Promise<void> {
  watchModules(task.reference);
  if (task.overrides.strict === true) armStrictTraps();
  const lab = await openLab();
  await exploreShare(task, async (reference) => (await loadScenario(reference, lab, processIo())).scenario);
}
