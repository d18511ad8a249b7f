import * as cancelAgainstDpc from './cancel-against-dpc/defect.js';
import * as cancelAgainstDpcRepaired from './cancel-against-dpc/repaired.js';
import * as busyAfterDoorbell from './busy-after-doorbell/defect.js';
import * as busyAfterDoorbellRepaired from './busy-after-doorbell/repaired.js';
import * as intcsrWithoutLock from './intcsr-without-lock/defect.js';
import * as intcsrWithoutLockRepaired from './intcsr-without-lock/repaired.js';
import * as savedCausesOverwritten from './saved-causes-overwritten/defect.js';
import * as savedCausesOverwrittenRepaired from './saved-causes-overwritten/repaired.js';
import { pair, type GalleryPair } from './pair.js';

const model = 'plx9656';
/** A few requests on both channels, each of one transfer. */
const workload = { requests: 4, outstanding: 4, minBytes: 64, maxBytes: 4096, maxMdls: 1 } as const;

/** The gallery's drivers for the PLX 9656. */
export const plxPairs: readonly GalleryPair[] = [
  pair({
    name: 'intcsr-without-lock',
    title: 'two channels are started by read-modify-write of the interrupt register that they share',
    model,
    workload,
    defect: intcsrWithoutLock.driver,
    repaired: intcsrWithoutLockRepaired.driver,
  }),
  pair({
    name: 'saved-causes-overwritten',
    title: 'the ISR saves the causes of the interrupt for the DPC',
    model,
    workload: { ...workload, requests: 2, outstanding: 2 },
    defect: savedCausesOverwritten.driver,
    repaired: savedCausesOverwrittenRepaired.driver,
  }),
  pair({
    name: 'busy-after-doorbell',
    title: 'a channel is marked busy when it is started, and only a busy one is completed',
    model,
    workload,
    defect: busyAfterDoorbell.driver,
    repaired: busyAfterDoorbellRepaired.driver,
  }),
  pair({
    name: 'cancel-against-dpc',
    title: 'a request is cancelled while its transfer ends: Unmark decides who completes it',
    model,
    workload: { ...workload, requests: 1, outstanding: 1, cancelPerMillion: 1_000_000 },
    defect: cancelAgainstDpc.driver,
    repaired: cancelAgainstDpcRepaired.driver,
  }),
];
