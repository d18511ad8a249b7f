import type { Scenario } from '../../index.js';
import type { GalleryPair } from './pair.js';
import { plxPairs } from './plx.js';

/** What stands on the label beside a defect. Lists and tests read it; no scenario and no check does. */
export interface GalleryEntry extends GalleryPair {
  /** Rule of the finding that shows the defect. */
  readonly expects: string;
  /** What is wrong, for people who have seen the finding. */
  readonly defectText: string;
  /** Why a random walk finds it in fewer than twenty schedules; absent where it does not. */
  readonly easyBecause?: string;
}

type Label = Pick<GalleryEntry, 'expects' | 'defectText' | 'easyBecause'>;

const labels: Readonly<Record<string, Label>> = {
  'intcsr-without-lock': {
    expects: 'L-QUIESCENCE',
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

/** Planted defects, each with its repaired twin. */
export const gallery: readonly GalleryEntry[] = plxPairs.map((pair) => ({ ...pair, ...labels[pair.defect.name]! }));

/** All scenarios of the gallery, defects and twins. */
export const galleryScenarios: readonly Scenario[] = gallery.flatMap(({ defect, repaired }) => [defect, repaired]);
