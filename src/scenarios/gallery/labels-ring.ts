import type { GalleryLabels } from './label.js';

export const ringLabels: GalleryLabels = {};
