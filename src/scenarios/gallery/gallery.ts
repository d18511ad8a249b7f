import type { Scenario } from '../../index.js';
import { boardsPairs } from './boards.js';
import type { GalleryLabel, GalleryLabels } from './label.js';
import { boardsLabels } from './labels-boards.js';
import { orderingLabels } from './labels-ordering.js';
import { plxLabels } from './labels-plx.js';
import { ringLabels } from './labels-ring.js';
import type { GalleryPair } from './pair.js';
import { orderingPairs } from './ordering.js';
import { plxPairs } from './plx.js';
import { ringPairs } from './ring.js';

/** A defect with its repaired twin and its label. */
export interface GalleryEntry extends GalleryPair, GalleryLabel {}

const labels: GalleryLabels = { ...plxLabels, ...ringLabels, ...boardsLabels, ...orderingLabels };

/** Planted defects, each with its repaired twin. A pair without a label does not load. */
export const gallery: readonly GalleryEntry[] = [...plxPairs, ...ringPairs, ...boardsPairs, ...orderingPairs].map((pair) => {
  const label = labels[pair.defect.name];
  if (label === undefined) throw new Error(`the gallery has no label for ${pair.defect.name}`);
  return { ...pair, ...label };
});

/** All scenarios of the gallery, defects and twins. */
export const galleryScenarios: readonly Scenario[] = gallery.flatMap(({ defect, repaired }) => [defect, repaired]);
