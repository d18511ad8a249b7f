import type { GalleryPair } from './pair.js';

/** The gallery's drivers for the other boards: e100, s5933, sdma-port, and several boards on one pool of map registers. */
export const boardsPairs: readonly GalleryPair[] = [];
