import type { GalleryLabels } from './label.js';

export const orderingLabels: GalleryLabels = {
  'pause-not-read-back': {
    expects: 'A36',
    defectText:
      'the write that pauses the channel is posted, and nothing is read back: it may arrive when the pages are unmapped already (D05)',
  },
  'nobody-to-ask': {
    expects: 'L-DATA',
    defectText:
      'the ISR reads no register of the device: the interrupt on the line may be ahead of the data, and the request is completed without its last bytes (D01)',
  },
  'counted-by-tail': {
    expects: 'L-QUIESCENCE',
    defectText:
      'completions are taken because the tail register counts them, without a look at their sequence words: one that the device has not written back yet is taken for nobody’s (D01)',
  },
  'entry-in-two-loads': {
    expects: 'L-QUIESCENCE',
    defectText:
      'a field of 64 bits is read in two loads, and either half says that the entry is there: with the tag read before the device has written it the completion is nobody’s (D01)',
  },
  'withdraw-before-queued': {
    expects: 'L-REQUEST-REFERENCE',
    defectText:
      'WdfDmaTransactionCancel is called while Execute has not returned: where the platform marks the request for registers before it comes, the framework drops its reference to the request twice (window C)',
  },
  'grant-beside-callbacks': {
    expects: 'L-QUIESCENCE',
    defectText:
      'EvtProgramDma counts on the lock of the callbacks it is called from; called when a grant comes, it has none, and a smaller tail is written after a larger one (D17)',
  },
};
