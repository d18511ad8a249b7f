export { builtInScenarios } from './built-in.js';
export { gallery, galleryScenarios, type GalleryEntry } from './gallery/gallery.js';
export { reserveScenes, type ReserveScene } from './samples/reserve-scenes.js';
