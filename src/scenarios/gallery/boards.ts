import * as causesCleared from './causes-cleared-while-masked/defect.js';
import * as causesClearedRepaired from './causes-cleared-while-masked/repaired.js';
import * as backBeforeCopy from './descriptor-back-before-copy/defect.js';
import * as backBeforeCopyRepaired from './descriptor-back-before-copy/repaired.js';
import * as enableWritesCauses from './enable-writes-causes/defect.js';
import * as enableWritesCausesRepaired from './enable-writes-causes/repaired.js';
import * as isrClearsAll from './isr-clears-all-causes/defect.js';
import * as isrClearsAllRepaired from './isr-clears-all-causes/repaired.js';
import { pair, type GalleryPair } from './pair.js';
import * as resumeWhenSuspended from './resume-when-suspended/defect.js';
import * as resumeWhenSuspendedRepaired from './resume-when-suspended/repaired.js';
import * as secondReservationWaits from './second-reservation-waits/defect.js';
import * as secondReservationWaitsRepaired from './second-reservation-waits/repaired.js';
import * as stopIssuedTwice from './stop-issued-twice/defect.js';
import * as stopIssuedTwiceRepaired from './stop-issued-twice/repaired.js';
import * as stopWithoutLock from './stop-without-lock/defect.js';
import * as stopWithoutLockRepaired from './stop-without-lock/repaired.js';
import * as writesLeftToDpc from './writes-left-to-dpc/defect.js';
import * as writesLeftToDpcRepaired from './writes-left-to-dpc/repaired.js';

/** A few requests of one transfer each. */
const workload = { requests: 4, outstanding: 4, shares: 'even', minBytes: 64, maxBytes: 4096, maxMdls: 1 } as const;
/** Frames that come back to reads that wait for them. */
const frames = { traffic: 'loopback', requests: 4, outstanding: 4, minBytes: 60, maxBytes: 256, maxMdls: 1 } as const;

/** The gallery's drivers for the other boards: e100, s5933, sdma-port, and several boards on one pool of map registers. */
export const boardsPairs: readonly GalleryPair[] = [
  pair({
    name: 'resume-when-suspended',
    title: 'frames are appended to the ring of a command unit that may be about to suspend',
    model: 'e100',
    workload: frames,
    defect: resumeWhenSuspended.driver,
    repaired: resumeWhenSuspendedRepaired.driver,
  }),
  pair({
    name: 'writes-left-to-dpc',
    title: 'frames that find the ring full wait in a queue of their own',
    model: 'e100',
    workload: { ...frames, minBytes: 256 },
    machine: { mapRegisters: 2 },
    defect: writesLeftToDpc.driver,
    repaired: writesLeftToDpcRepaired.driver,
  }),
  pair({
    name: 'causes-cleared-while-masked',
    title: 'the DPC also clears the causes that come in while the interrupt is masked',
    model: 'e100',
    workload: frames,
    defect: causesCleared.driver,
    repaired: causesClearedRepaired.driver,
  }),
  pair({
    name: 'descriptor-back-before-copy',
    title: 'frames are copied out of receive descriptors that go back to the end of the list, from which the device takes them',
    model: 'e100',
    workload: { ...frames, requests: 8, outstanding: 8, minBytes: 256 },
    defect: backBeforeCopy.driver,
    repaired: backBeforeCopyRepaired.driver,
  }),
  pair({
    name: 'enable-writes-causes',
    title: 'the enables of both directions share a register with their causes, which are cleared by writing 1',
    model: 's5933',
    workload: { ...workload, requests: 2, outstanding: 2 },
    defect: enableWritesCauses.driver,
    repaired: enableWritesCausesRepaired.driver,
  }),
  pair({
    name: 'isr-clears-all-causes',
    title: 'the ISR saves the causes of both directions and clears them in the chip',
    model: 's5933',
    params: { burstBytes: 64 },
    workload: { ...workload, requests: 2, outstanding: 2 },
    defect: isrClearsAll.driver,
    repaired: isrClearsAllRepaired.driver,
  }),
  pair({
    name: 'stop-issued-twice',
    title: 'a system transfer is stopped by the cancel callback, or by EvtProgramDma when that comes later',
    model: 'sdma-port',
    workload: { ...workload, cancelPerMillion: 1_000_000 },
    defect: stopIssuedTwice.driver,
    repaired: stopIssuedTwiceRepaired.driver,
  }),
  pair({
    name: 'stop-without-lock',
    title: 'a system transfer is given up by the cancel callback or the timer while its end is on its way',
    model: 'sdma-port',
    workload: { ...workload, requests: 1, outstanding: 1, applications: 1, maxBytes: 64, cancelPerMillion: 1_000_000 },
    defect: stopWithoutLock.driver,
    repaired: stopWithoutLockRepaired.driver,
  }),
  pair({
    name: 'second-reservation-waits',
    title: 'two boards whose requests take two reservations each from one pool of map registers',
    model: 'plx9656',
    boards: 2,
    workload: { ...workload, requests: 2, outstanding: 2 },
    machine: { mapRegisters: 4, addressing: 'iommu' },
    defect: secondReservationWaits.driver,
    repaired: secondReservationWaitsRepaired.driver,
  }),
];
