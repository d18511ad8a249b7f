import type { Strategy } from '../src/backends/strategy.js';
import { cancelRace, cancelRaceDetector, ModelLoop } from '../src/explore/index.js';

/** Operations of the reference model's executions, about: what peers are given to do for each. */
export const MODEL_STRANDS = 3;

/**
 * The reference model cancel-race-20, repaired, under a strategy: `schedules` executions. Returns nanoseconds per
 * operation. Throws when one of them breaks the model's rule, or, `withRaces`, has a data race.
 */
export function runReferenceModel(schedules: number, strategy: Strategy, withRaces = false): number {
  const races = withRaces ? cancelRaceDetector() : null;
  const loop = new ModelLoop(cancelRace('fixed'), races);
  let operations = 0;
  const begin = performance.now();
  for (let schedule = 0; schedule < schedules; schedule++) {
    strategy.newExecution(schedule);
    if (loop.run(strategy)) throw new Error(`schedule ${schedule} of the repaired model completes a request twice`);
    operations += loop.steps;
  }
  if (races !== null && races.total > 0) throw new Error(`the repaired model has ${races.total} data races`);
  return ((performance.now() - begin) * 1e6) / operations;
}

/** Operations of a schedule, on average. */
export function operationsOfModel(schedules: number, strategy: Strategy): number {
  const loop = new ModelLoop(cancelRace('fixed'));
  let operations = 0;
  for (let schedule = 0; schedule < schedules; schedule++) {
    strategy.newExecution(schedule);
    loop.run(strategy);
    operations += loop.steps;
  }
  return operations / schedules;
}
