import type { GalleryLabels } from './label.js';

export const orderingLabels: GalleryLabels = {
  'pause-not-read-back': {
    expects: 'A36',
    defectText:
      'the write that pauses the channel is posted, and nothing is read back: it may arrive when the pages are unmapped already (D05)',
  },
};
