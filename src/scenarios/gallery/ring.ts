import type { GalleryPair } from './pair.js';

/** The gallery's drivers for sgring. */
export const ringPairs: readonly GalleryPair[] = [];
