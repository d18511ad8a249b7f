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
};
