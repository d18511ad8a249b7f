import * as nobodyToAsk from './nobody-to-ask/defect.js';
import * as nobodyToAskRepaired from './nobody-to-ask/repaired.js';
import * as pauseNotReadBack from './pause-not-read-back/defect.js';
import * as pauseNotReadBackRepaired from './pause-not-read-back/repaired.js';
import * as countedByTail from './counted-by-tail/defect.js';
import * as countedByTailRepaired from './counted-by-tail/repaired.js';
import * as entryInTwoLoads from './entry-in-two-loads/defect.js';
import * as entryInTwoLoadsRepaired from './entry-in-two-loads/repaired.js';
import * as grantBesideCallbacks from './grant-beside-callbacks/defect.js';
import * as grantBesideCallbacksRepaired from './grant-beside-callbacks/repaired.js';
import * as withdrawBeforeQueued from './withdraw-before-queued/defect.js';
import * as withdrawBeforeQueuedRepaired from './withdraw-before-queued/repaired.js';
import { pair, type GalleryPair } from './pair.js';

/** A few requests of one transfer each. */
const few = { minBytes: 64, maxBytes: 2048, maxMdls: 1 } as const;
/** One channel of the ring engine and a little memory. */
const ring = { model: 'sgring', params: { channels: 1, localMemoryBytes: 65536 } } as const;

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
  pair({
    name: 'nobody-to-ask',
    title: 'one board on its line, one transfer at a time; its interrupt does not push the data ahead of it',
    model: 'plx9656',
    workload: { ...few, requests: 2, outstanding: 1, applications: 1, readsPercent: 100 },
    machine: { ordering: ['data-after-interrupt'] },
    defect: nobodyToAsk.driver,
    repaired: nobodyToAskRepaired.driver,
  }),
  pair({
    name: 'counted-by-tail',
    title: 'as many completions are taken as the tail register says; the device writes them back when it likes',
    ...ring,
    workload: { ...few, requests: 2, outstanding: 2 },
    machine: { ordering: ['delayed-write-back'] },
    defect: countedByTail.driver,
    repaired: countedByTailRepaired.driver,
  }),
  pair({
    name: 'entry-in-two-loads',
    title: 'a completion is taken when its first field of 64 bits is not zero; the processor has loads of 32 bits',
    ...ring,
    workload: { ...few, requests: 2, outstanding: 2 },
    machine: { ordering: ['torn-fields'] },
    defect: entryInTwoLoads.driver,
    repaired: entryInTwoLoadsRepaired.driver,
  }),
  pair({
    name: 'withdraw-before-queued',
    title: 'a cancelled transfer that waits for map registers is withdrawn; the platform may refuse one that has not asked yet',
    ...ring,
    boards: 2,
    workload: { ...few, requests: 4, outstanding: 2, applications: 1, cancelPerMillion: 500_000 },
    machine: { mapRegisters: 2, ordering: ['pre-cancel'] },
    defect: withdrawBeforeQueued.driver,
    repaired: withdrawBeforeQueuedRepaired.driver,
  }),
  pair({
    name: 'grant-beside-callbacks',
    title: 'request handlers and DPC are serialized by the framework; waiting transfers get their map registers from a DPC',
    ...ring,
    workload: { ...few, requests: 5, outstanding: 5 },
    machine: { mapRegisters: 3, ordering: ['grant-from-dpc'] },
    defect: grantBesideCallbacks.driver,
    repaired: grantBesideCallbacksRepaired.driver,
  }),
];
