import { SystematicSearch } from './systematic.js';

/**
 * Delay bounding (Emmi, Qadeer, Rakamaric, POPL 2011) of the scheduler that stays with a strand as long as it can go
 * on and then takes the next in turn: a delay passes over whoever is due. All schedules without a delay, then
 * all with at most one, and so on; fewer than with preemptions, because a forced switch has one successor too.
 */
export class DelayBounded extends SystematicSearch {
  /** `delays` at most, default 4. */
  constructor(delays: number = 4) {
    super('delay-bounded', { cost: (option) => option, most: delays });
  }
}
