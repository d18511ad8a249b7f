import * as doorbellIfIdle from './doorbell-if-idle/defect.js';
import * as doorbellIfIdleRepaired from './doorbell-if-idle/repaired.js';
import * as doorbellAfterRelease from './doorbell-after-release/defect.js';
import * as doorbellAfterReleaseRepaired from './doorbell-after-release/repaired.js';
import * as pollingWithoutLastLook from './polling-without-last-look/defect.js';
import * as pollingWithoutLastLookRepaired from './polling-without-last-look/repaired.js';
import * as causesClearedAfterDrain from './causes-cleared-after-drain/defect.js';
import * as causesClearedAfterDrainRepaired from './causes-cleared-after-drain/repaired.js';
import * as acknowledgesEveryCause from './acknowledges-every-cause/defect.js';
import * as acknowledgesEveryCauseRepaired from './acknowledges-every-cause/repaired.js';
import * as tagUsedAgain from './tag-used-again/defect.js';
import * as tagUsedAgainRepaired from './tag-used-again/repaired.js';
import * as sharedStagingTable from './shared-staging-table/defect.js';
import * as sharedStagingTableRepaired from './shared-staging-table/repaired.js';
import * as lookedBeforeTheLock from './looked-before-the-lock/defect.js';
import * as lookedBeforeTheLockRepaired from './looked-before-the-lock/repaired.js';
import * as locksOfAnAbort from './locks-of-an-abort/defect.js';
import * as locksOfAnAbortRepaired from './locks-of-an-abort/repaired.js';
import * as oneWaiterWoken from './one-waiter-woken/defect.js';
import * as oneWaiterWokenRepaired from './one-waiter-woken/repaired.js';
import * as cancelledFreesNobody from './cancelled-frees-nobody/defect.js';
import * as cancelledFreesNobodyRepaired from './cancelled-frees-nobody/repaired.js';
import * as tailBeyondNeighbour from './tail-beyond-neighbour/defect.js';
import * as tailBeyondNeighbourRepaired from './tail-beyond-neighbour/repaired.js';
import * as entriesTakenLate from './entries-taken-late/defect.js';
import * as entriesTakenLateRepaired from './entries-taken-late/repaired.js';
import { pair, type GalleryPair } from './pair.js';

/** The channel and a little memory: what an execution has to make ready. */
const ground = { model: 'sgring', params: { channels: 1, localMemoryBytes: 65536 } } as const;
/** A few requests of one transfer each. */
const workload = { requests: 2, outstanding: 2, shares: 'even', minBytes: 64, maxBytes: 2048, maxMdls: 1 } as const;

/** The gallery's drivers for sgring. */
export const ringPairs: readonly GalleryPair[] = [
  pair({
    name: 'doorbell-if-idle',
    title: 'the doorbell is rung for an idle channel only; the DPC rings for what comes meanwhile',
    ...ground,
    workload,
    defect: doorbellIfIdle.driver,
    repaired: doorbellIfIdleRepaired.driver,
  }),
  pair({
    name: 'doorbell-after-release',
    title: 'descriptors are written under the lock, then the doorbell is rung',
    ...ground,
    workload: { ...workload, requests: 3 },
    defect: doorbellAfterRelease.driver,
    repaired: doorbellAfterReleaseRepaired.driver,
  }),
  pair({
    name: 'polling-without-last-look',
    title: 'while the DPC polls the completion ring, the ISR does not queue it',
    ...ground,
    workload,
    defect: pollingWithoutLastLook.driver,
    repaired: pollingWithoutLastLookRepaired.driver,
  }),
  pair({
    name: 'causes-cleared-after-drain',
    title: 'the ISR masks the channel; the DPC acknowledges, takes the completions and unmasks',
    ...ground,
    workload,
    defect: causesClearedAfterDrain.driver,
    repaired: causesClearedAfterDrainRepaired.driver,
  }),
  pair({
    name: 'acknowledges-every-cause',
    title: 'the DPC looks where the causes say that the ISR has acknowledged',
    ...ground,
    workload: { ...workload, requests: 1, outstanding: 1, cancelPerMillion: 1_000_000 },
    defect: acknowledgesEveryCause.driver,
    repaired: acknowledgesEveryCauseRepaired.driver,
  }),
  pair({
    name: 'tag-used-again',
    title: 'an aborted transfer ends when the abort is acknowledged, its completion is passed over',
    ...ground,
    workload: { ...workload, requests: 3, outstanding: 1, cancelPerMillion: 500_000 },
    defect: tagUsedAgain.driver,
    repaired: tagUsedAgainRepaired.driver,
  }),
  pair({
    name: 'shared-staging-table',
    title: 'scatter/gather lists go through a table on their way to the ring',
    ...ground,
    workload: { ...workload, requests: 4, outstanding: 2, readsPercent: 100, minBytes: 4096, maxBytes: 4096 },
    defect: sharedStagingTable.driver,
    repaired: sharedStagingTableRepaired.driver,
  }),
  pair({
    name: 'looked-before-the-lock',
    title: 'completions are taken by the DPC and by whoever brings a new request',
    ...ground,
    workload,
    defect: lookedBeforeTheLock.driver,
    repaired: lookedBeforeTheLockRepaired.driver,
  }),
  pair({
    name: 'locks-of-an-abort',
    title: 'aborts have a lock of their own beside that of the rings',
    ...ground,
    workload: { ...workload, cancelPerMillion: 1_000_000 },
    defect: locksOfAnAbort.driver,
    repaired: locksOfAnAbortRepaired.driver,
  }),
  pair({
    name: 'one-waiter-woken',
    title: 'one request at a time, the others wait in a manual queue',
    ...ground,
    workload: { ...workload, requests: 3 },
    defect: oneWaiterWoken.driver,
    repaired: oneWaiterWokenRepaired.driver,
  }),
  pair({
    name: 'cancelled-frees-nobody',
    title: 'one request at a time; the others wait in a manual queue, and any of them may be cancelled',
    ...ground,
    workload: { ...workload, requests: 3, outstanding: 3, applications: 1, cancelPerMillion: 300_000 },
    defect: cancelledFreesNobody.driver,
    repaired: cancelledFreesNobodyRepaired.driver,
  }),
  pair({
    name: 'entries-taken-late',
    title: 'a small ring; requests wait in a manual queue until it has entries for their descriptors',
    ...ground,
    workload: { ...workload, requests: 4, outstanding: 4, readsPercent: 100, minBytes: 4096, maxBytes: 4096 },
    defect: entriesTakenLate.driver,
    repaired: entriesTakenLateRepaired.driver,
  }),
  pair({
    name: 'tail-beyond-neighbour',
    title: 'a transfer is given its place in the ring before its descriptors are written',
    ...ground,
    workload: { ...workload, requests: 4, outstanding: 2, readsPercent: 100, minBytes: 2048, maxBytes: 4096 },
    defect: tailBeyondNeighbour.driver,
    repaired: tailBeyondNeighbourRepaired.driver,
  }),
];
