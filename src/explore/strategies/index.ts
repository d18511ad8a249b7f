export * from './all.js';
export * from './random-walk.js';
export * from './replay.js';
