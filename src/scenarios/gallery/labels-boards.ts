import type { GalleryLabels } from './label.js';

export const boardsLabels: GalleryLabels = {
  'resume-when-suspended': {
    expects: 'L-QUIESCENCE',
    defectText:
      'the command unit is not resumed while it looks active, but it may have read the suspend bit already: the frame behind it is never sent (D32, D33)',
  },
  'writes-left-to-dpc': {
    expects: 'L-QUIESCENCE',
    defectText:
      'a write that found the ring full goes to the pending queue after the last DPC has looked there: nobody looks again (D34, D35)',
  },
  'causes-cleared-while-masked': {
    expects: 'L-QUIESCENCE',
    defectText: 'the DPC clears all causes after it has drained ring and list: one that came in between is never seen (D22)',
  },
  'descriptor-back-before-copy': {
    expects: 'L-DATA',
    defectText: 'a receive descriptor is given back before its frame has been copied: the device may put the next one there (D31)',
  },
  'enable-writes-causes': {
    expects: 'L-QUIESCENCE',
    defectText:
      'INTCSR is read and written back with its write-1-to-clear bits: enabling one direction clears the cause of the other (D21)',
    easyBecause: 'a start holds the interrupt lock, so a cause that is latched meanwhile is still unseen when the register is written back',
  },
  'isr-clears-all-causes': {
    expects: 'L-QUIESCENCE',
    defectText: 'the ISR clears all causes, not those it has read: one that arrives between the two is lost (D20)',
  },
  'stop-issued-twice': {
    expects: 'B19',
    defectText:
      'a cancel that comes after the channel was granted stops the transfer, and EvtProgramDma, which sees the cancellation, stops it again (B19)',
  },
  'stop-without-lock': {
    expects: 'D62',
    defectText:
      'the transfer is given up without the lock: what was to be withdrawn or stopped may have ended since its phase was looked at (D17)',
  },
  'second-reservation-waits': {
    expects: 'D36',
    defectText: 'each board waits for its second reservation with the first in hand, and the other board holds what it waits for (D36)',
    easyBecause:
      'with one request a board every order in which both have their first reservation before either asks for the second shows it',
  },
};
