import type { GalleryLabels } from './label.js';

export const ringLabels: GalleryLabels = {
  'doorbell-if-idle': {
    expects: 'L-QUIESCENCE',
    defectText:
      'whether the channel is idle is asked before the lock: it goes idle meanwhile, and nobody rings for the new descriptors (D33)',
  },
  'doorbell-after-release': {
    expects: 'L-QUIESCENCE',
    defectText: 'the doorbell is rung after the lock is released: a smaller tail can be written after a larger one (D16)',
  },
  'polling-without-last-look': {
    expects: 'L-LOST-WAKE-UP',
    defectText: 'the DPC says that it polls no more without looking once again at what came since its last look (D22)',
  },
  'causes-cleared-after-drain': {
    expects: 'L-LOST-WAKE-UP',
    defectText: 'causes are acknowledged after the ring was drained: one that was set in between is cleared unseen (D22)',
  },
  'acknowledges-every-cause': {
    expects: 'L-LOST-WAKE-UP',
    defectText: 'the ISR writes ones to all causes instead of those it has read: a completion behind an abort’s answer is lost (D20)',
  },
  'tag-used-again': {
    expects: 'L-REQUEST-FAILED',
    defectText: 'a tag names a place and not a transfer: the late completion of an aborted transfer ends the next one there (D28)',
  },
  'shared-staging-table': {
    expects: 'L-DATA',
    defectText: 'two EvtProgramDma at the same time take their lists apart into one table, before the lock (D41)',
    easyBecause: 'every list has two pieces, and the other processor need only come between table and lock',
  },
  'looked-before-the-lock': {
    expects: 'L-QUIESCENCE',
    defectText: 'who has seen a completion before the lock takes one inside it, though another has taken it meanwhile (D17)',
  },
  'locks-of-an-abort': {
    expects: 'L-DEADLOCK',
    defectText: 'the cancel callback takes the locks of rings and aborts in one order, the DPC in the other (D37)',
  },
  'one-waiter-woken': {
    expects: 'L-QUIESCENCE',
    defectText: 'a transfer that becomes free takes one request off the manual queue, though more may wait and no notice comes (D34)',
    easyBecause: 'a completion wakes the application, which often brings its next request while another still waits',
  },
  'cancelled-frees-nobody': {
    expects: 'L-QUIESCENCE',
    defectText: 'the transfer that becomes free when the cancel callback completes is offered to no waiting request (D35)',
  },
  'tail-beyond-neighbour': {
    expects: 'L-QUIESCENCE',
    defectText: 'the tail is moved beyond descriptors that another processor has reserved and not written yet (D02)',
  },
  'entries-taken-late': {
    expects: 'L-QUIESCENCE',
    defectText:
      'entries of the ring are counted after the request has been retrieved: two processors take the same ones, and the tail overtakes the head (D30)',
  },
};
