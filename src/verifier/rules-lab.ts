import type { RuleText } from './rule.js';

/** Family L: what only the lab sees, about a run as a whole. */
export const labRules: readonly RuleText[] = [
  { id: 'L-DATA', title: 'every byte of a completed request is the one that was sent', severity: 'error' },
  { id: 'L-SHORT-TRANSFER', title: 'a request that completes with success reports all its bytes', severity: 'error' },
  { id: 'L-REQUEST-FAILED', title: 'a request fails only for a reason that was injected', severity: 'error' },
  { id: 'L-START', title: 'the driver starts its device', severity: 'error' },
  { id: 'L-REGISTER', title: 'register accesses hit registers, aligned and at a legal width', severity: 'crash' },
  { id: 'L-LEAK', title: 'after removal nothing of the device is left', severity: 'error' },
  { id: 'L-DEADLOCK', title: 'no cycle of strands that wait for each other', severity: 'crash' },
  { id: 'L-QUIESCENCE', title: 'when nothing can run any more, no request is outstanding', severity: 'crash' },
  { id: 'L-LOST-WAKE-UP', title: 'what a device has to tell is looked at before everybody waits', severity: 'crash' },
  { id: 'L-STEP-BOUND', title: 'an execution ends within its bound of operations', severity: 'crash' },
  { id: 'L-ENGINE-LOST', title: 'an engine host answers as long as the run goes on', severity: 'crash' },
  { id: 'L-NONDETERMINISM', title: 'the same schedule gives the same events and the same memory', severity: 'error' },
  { id: 'L-FORGOTTEN-YIELD', title: 'every framework call that may suspend is made with yield*', severity: 'crash' },
  { id: 'L-LIST-BOUNDS', title: 'a scatter/gather list is asked only for elements it has', severity: 'crash' },
  { id: 'L-REQUEST-REFERENCE', title: 'a transaction drops only request references it took', severity: 'warning' },
  {
    id: 'L-FRAMEWORK-DEFECT',
    title: 'no driver relies on documentation where the framework is known to do something else',
    severity: 'error',
  },
  { id: 'L-NOT-PRESENTED', title: 'a transfer is completed once, after it was programmed', severity: 'error' },
  { id: 'L-RESERVED-DIRECTION', title: 'a reserved transaction runs in the direction it was reserved for', severity: 'warning' },
  { id: 'L-STARVATION', title: 'a request for map registers is granted before too many others overtake it', severity: 'error' },
  { id: 'L-DPC-WATCHDOG', title: 'a DPC or ISR ends', severity: 'crash' },
  { id: 'L-POWER', title: 'a device that was sent to D3 comes back', severity: 'error' },
  { id: 'L-DRIVER-THREW', title: 'drivers and devices throw no exceptions', severity: 'crash' },
  { id: 'L-BUFFER-BOUNDS', title: 'a driver stays inside the buffers it is given', severity: 'crash' },
  { id: 'L-WORK-ITEM', title: 'a work item is not flushed by its own callback, nor queued while it is being deleted', severity: 'warning' },
  { id: 'L-NTSTATUS', title: 'a callback that answers with an NTSTATUS returns one', severity: 'crash' },
];
