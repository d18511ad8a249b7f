import type { GalleryLabels } from './label.js';

export const plxLabels: GalleryLabels = {
  'intcsr-without-lock': {
    expects: 'L-LOST-WAKE-UP',
    defectText:
      'INTCSR is read, changed and written without the interrupt lock: of two channels started at once one loses its enable bit (D16)',
  },
  'saved-causes-overwritten': {
    expects: 'L-QUIESCENCE',
    defectText: 'a second interrupt before the DPC overwrites the saved causes of the first, instead of adding to them (D15)',
    easyBecause: 'every order in which both channels end before the DPC runs shows it',
  },
  'busy-after-doorbell': {
    expects: 'L-QUIESCENCE',
    defectText: 'the channel is started before the driver has noted that it is busy: an interrupt that comes at once is thrown away (D23)',
  },
  'cancel-against-dpc': {
    expects: 'C11',
    defectText: 'the DPC completes the request although Unmark said that it is the cancel callback’s (D10)',
  },
  'unmark-after-last-part': {
    expects: 'C09',
    defectText:
      'the DPC gives up its part of a cancelled request before it calls Unmark: the cancel callback may have completed the request by then (C09)',
  },
  'cancel-without-confirmation': {
    expects: 'L-DATA',
    defectText:
      'the cancel callback ends the transaction without waiting for the chip’s Done, which then ends the next transfer on the channel (D12, D28)',
  },
  'done-taken-after-completion': {
    expects: 'L-QUIESCENCE',
    defectText: 'after DmaCompleted has staged the next transfer the DPC still clears the saved Done, which may be the next one’s (D24)',
  },
  'lock-across-complete': {
    expects: 'B02',
    defectText:
      'the request is completed with the lock held: the next request is presented inside the call, and its EvtProgramDma takes the same lock (D37)',
  },
  'lock-order': {
    expects: 'L-DEADLOCK',
    defectText: 'EvtProgramDma takes the driver’s lock before the chip’s, the DPC the chip’s before the driver’s (D37)',
  },
  'timer-against-completion': {
    expects: 'C08',
    defectText:
      'the DPC drops the timer’s part although WdfTimerStop said that the callback is on its way: both complete the request (D51)',
  },
  'cancel-after-final': {
    expects: 'D62',
    defectText:
      'a transfer that does not run is taken for one that waits: WdfDmaTransactionCancel after the last DmaCompleted follows a null pointer (D62)',
  },
  'unplug-in-isr-loop': {
    expects: 'L-DPC-WATCHDOG',
    defectText: 'the ISR looks for all ones once, not in its loop: a board that is pulled while it loops asks for service for ever (D45)',
  },
  'unplug-before-doorbell': {
    expects: 'D46',
    defectText:
      'EvtProgramDma looks whether the board is gone before it takes the lock: what it starts after the removal has collected the channels’ transfers is never ended (D46)',
  },
  'unmap-before-abort': {
    expects: 'A36',
    defectText:
      'the cancel callback ends the transaction and then tells the chip to stop: the chip goes on moving bytes through pages that are unmapped (D05)',
    easyBecause: 'the chip needs only one more step between the end of the transaction and the stop',
  },
  'clear-after-look': {
    expects: 'L-QUIESCENCE',
    defectText:
      'the DPC looks at Done and then clears the interrupt: that of a transfer which ends between the two is cleared unseen (D20)',
  },
  'mark-after-execute': {
    expects: 'C11',
    defectText:
      'EvtIo marks the request cancelable after Execute: the transfer may have ended by then, and the DPC calls Unmark first (C10)',
  },
  'saved-when-queued': {
    expects: 'L-QUIESCENCE',
    defectText:
      'the ISR saves causes only for a DPC that was not queued already: of two interrupts that share one DPC the second is forgotten (D14)',
    easyBecause: 'every order in which the second channel ends between ISR and DPC of the first shows it',
  },
  'cancel-left-to-dpc': {
    expects: 'L-QUIESCENCE',
    defectText:
      'the cancel callback keeps its part of a request whose transfer has just ended: Unmark has told the DPC that the callback completes it, so nobody does (D11)',
  },
};
