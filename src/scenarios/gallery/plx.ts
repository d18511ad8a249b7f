import * as cancelAgainstDpc from './cancel-against-dpc/defect.js';
import * as cancelAgainstDpcRepaired from './cancel-against-dpc/repaired.js';
import * as busyAfterDoorbell from './busy-after-doorbell/defect.js';
import * as busyAfterDoorbellRepaired from './busy-after-doorbell/repaired.js';
import * as intcsrWithoutLock from './intcsr-without-lock/defect.js';
import * as intcsrWithoutLockRepaired from './intcsr-without-lock/repaired.js';
import * as savedCausesOverwritten from './saved-causes-overwritten/defect.js';
import * as savedCausesOverwrittenRepaired from './saved-causes-overwritten/repaired.js';
import * as unmarkAfterLastPart from './unmark-after-last-part/defect.js';
import * as unmarkAfterLastPartRepaired from './unmark-after-last-part/repaired.js';
import * as cancelWithoutConfirmation from './cancel-without-confirmation/defect.js';
import * as cancelWithoutConfirmationRepaired from './cancel-without-confirmation/repaired.js';
import * as doneTakenAfterCompletion from './done-taken-after-completion/defect.js';
import * as doneTakenAfterCompletionRepaired from './done-taken-after-completion/repaired.js';
import * as lockAcrossComplete from './lock-across-complete/defect.js';
import * as lockAcrossCompleteRepaired from './lock-across-complete/repaired.js';
import * as lockOrder from './lock-order/defect.js';
import * as lockOrderRepaired from './lock-order/repaired.js';
import * as timerAgainstCompletion from './timer-against-completion/defect.js';
import * as timerAgainstCompletionRepaired from './timer-against-completion/repaired.js';
import * as cancelAfterFinal from './cancel-after-final/defect.js';
import * as cancelAfterFinalRepaired from './cancel-after-final/repaired.js';
import * as unplugInIsrLoop from './unplug-in-isr-loop/defect.js';
import * as unplugInIsrLoopRepaired from './unplug-in-isr-loop/repaired.js';
import * as unplugBeforeDoorbell from './unplug-before-doorbell/defect.js';
import * as unplugBeforeDoorbellRepaired from './unplug-before-doorbell/repaired.js';
import * as unmapBeforeAbort from './unmap-before-abort/defect.js';
import * as unmapBeforeAbortRepaired from './unmap-before-abort/repaired.js';
import * as clearAfterLook from './clear-after-look/defect.js';
import * as clearAfterLookRepaired from './clear-after-look/repaired.js';
import * as markAfterExecute from './mark-after-execute/defect.js';
import * as markAfterExecuteRepaired from './mark-after-execute/repaired.js';
import * as savedWhenQueued from './saved-when-queued/defect.js';
import * as savedWhenQueuedRepaired from './saved-when-queued/repaired.js';
import * as cancelLeftToDpc from './cancel-left-to-dpc/defect.js';
import * as cancelLeftToDpcRepaired from './cancel-left-to-dpc/repaired.js';
import { pair, type GalleryPair } from './pair.js';

const model = 'plx9656';
/** A few requests on both channels, each of one transfer. */
const workload = { requests: 4, outstanding: 4, shares: 'even', minBytes: 64, maxBytes: 4096, maxMdls: 1 } as const;

/** One request of one transfer. */
const one = { ...workload, requests: 1, outstanding: 1 } as const;
/** The same, and somebody cancels it. */
const cancelled = { ...one, cancelPerMillion: 1_000_000 } as const;
/** Two requests for the same channel, and both are cancelled. */
const two = { ...cancelled, requests: 2, outstanding: 2, readsPercent: 100 } as const;
/** One read of two transfers. */
const long = { ...one, readsPercent: 100, minBytes: 12_288, maxBytes: 12_288 } as const;
/** The board is pulled while a few requests are on their way. */
const unplugged = { ...workload, unplugPerMillion: 1_000_000 } as const;

/** The gallery's drivers for the PLX 9656. */
export const plxPairs: readonly GalleryPair[] = [
  pair({
    name: 'intcsr-without-lock',
    title: 'two channels are started by read-modify-write of the interrupt register that they share',
    model,
    workload: { ...workload, requests: 3, outstanding: 3 },
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
  pair({
    name: 'unmark-after-last-part',
    title: 'a cancelled request has two parties, DPC and cancel callback; the last one completes it',
    model,
    workload: cancelled,
    defect: unmarkAfterLastPart.driver,
    repaired: unmarkAfterLastPartRepaired.driver,
  }),
  pair({
    name: 'cancel-without-confirmation',
    title: 'cancelling a transfer aborts its channel',
    model,
    workload: two,
    defect: cancelWithoutConfirmation.driver,
    repaired: cancelWithoutConfirmationRepaired.driver,
  }),
  pair({
    name: 'done-taken-after-completion',
    title: 'the DPC takes the end of a transfer off its channel, and the next one is staged',
    model,
    params: { burstBytes: 1024 },
    workload: long,
    defect: doneTakenAfterCompletion.driver,
    repaired: doneTakenAfterCompletionRepaired.driver,
  }),
  pair({
    name: 'lock-across-complete',
    title: 'whoever gives up the last part of a cancelled request completes it',
    model,
    workload: two,
    defect: lockAcrossComplete.driver,
    repaired: lockAcrossCompleteRepaired.driver,
  }),
  pair({
    name: 'lock-order',
    title: 'one lock for the requests, one for the chip',
    model,
    workload: { ...workload, requests: 2, outstanding: 2, minBytes: 2048 },
    defect: lockOrder.driver,
    repaired: lockOrderRepaired.driver,
  }),
  pair({
    name: 'timer-against-completion',
    title: 'each transfer has a timer that stops it when it takes too long',
    model,
    workload: one,
    defect: timerAgainstCompletion.driver,
    repaired: timerAgainstCompletionRepaired.driver,
  }),
  pair({
    name: 'cancel-after-final',
    title: 'cancelling stops a transfer that runs and withdraws one that waits for map registers',
    model,
    workload: cancelled,
    defect: cancelAfterFinal.driver,
    repaired: cancelAfterFinalRepaired.driver,
  }),
  pair({
    name: 'unplug-in-isr-loop',
    title: 'the ISR serves the channels until the chip asks for nothing more, and the board is pulled',
    model,
    workload: unplugged,
    defect: unplugInIsrLoop.driver,
    repaired: unplugInIsrLoopRepaired.driver,
  }),
  pair({
    name: 'unplug-before-doorbell',
    title: 'the board is pulled, and what was not started yet ends without it',
    model,
    workload: { ...one, readsPercent: 100, unplugPerMillion: 1_000_000 },
    defect: unplugBeforeDoorbell.driver,
    repaired: unplugBeforeDoorbellRepaired.driver,
  }),
  pair({
    name: 'unmap-before-abort',
    title: 'cancelling a transfer stops its channel and ends its transaction',
    model,
    workload: { ...cancelled, maxBytes: 64 },
    defect: unmapBeforeAbort.driver,
    repaired: unmapBeforeAbortRepaired.driver,
  }),
  pair({
    name: 'clear-after-look',
    title: 'the ISR masks the chip, the DPC looks at both channels and clears their interrupts',
    model,
    workload: workload,
    defect: clearAfterLook.driver,
    repaired: clearAfterLookRepaired.driver,
  }),
  pair({
    name: 'mark-after-execute',
    title: 'requests that can be cancelled, and nobody cancels one',
    model,
    params: { burstBytes: 256 },
    workload: { ...one, minBytes: 4096 },
    defect: markAfterExecute.driver,
    repaired: markAfterExecuteRepaired.driver,
  }),
  pair({
    name: 'saved-when-queued',
    title: 'the ISR queues the DPC and saves the causes of the interrupt for it',
    model,
    workload: { ...workload, requests: 2, outstanding: 2 },
    defect: savedWhenQueued.driver,
    repaired: savedWhenQueuedRepaired.driver,
  }),
  pair({
    name: 'cancel-left-to-dpc',
    title: 'the cancel callback stops what runs and withdraws what waits; the last of two parties completes the request',
    model,
    workload: cancelled,
    defect: cancelLeftToDpc.driver,
    repaired: cancelLeftToDpcRepaired.driver,
  }),
];
