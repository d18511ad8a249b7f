import * as pauseNotReadBack from './pause-not-read-back/defect.js';
import * as pauseNotReadBackRepaired from './pause-not-read-back/repaired.js';
import { pair, type GalleryPair } from './pair.js';

/** One request of one transfer that somebody cancels. */
const cancelled = { requests: 1, outstanding: 1, minBytes: 64, maxBytes: 4096, maxMdls: 1, cancelPerMillion: 1_000_000 } as const;

/** The gallery's drivers on machines that leave more to the schedule: each is clean where the order is the guaranteed one. */
export const orderingPairs: readonly GalleryPair[] = [
  pair({
    name: 'pause-not-read-back',
    title: 'cancelling a transfer pauses its channel and ends its transaction; register writes are posted',
    model: 'plx9656',
    params: { burstBytes: 256 },
    workload: cancelled,
    machine: { ordering: ['posted-writes'] },
    defect: pauseNotReadBack.driver,
    repaired: pauseNotReadBackRepaired.driver,
  }),
];
