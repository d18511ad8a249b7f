import { SystematicSearch } from './systematic.js';

/**
 * Iterative context bounding (Musuvathi, Qadeer, PLDI 2007): all schedules without a preemption, then all with at most
 * one, and so on. Leaving a strand that cannot go on is free. Most races need two preemptions or fewer.
 */
export class PreemptionBounded extends SystematicSearch {
  /** `preemptions` at most, default 3. */
  constructor(preemptions: number = 3) {
    super('preemption-bounded', { cost: (option, isForced) => (option === 0 || isForced ? 0 : 1), most: preemptions });
  }
}
