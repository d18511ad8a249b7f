import type { GalleryLabels } from './label.js';

export const boardsLabels: GalleryLabels = {};
