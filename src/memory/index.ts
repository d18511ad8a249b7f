export * as atomics from './atomics.js';
export type { WaitResult } from './atomics.js';
export * from './wasm-copy.js';
export * from './machine-image.js';
export * from './machine-memory.js';
export * from './layout.js';
export * from './frames.js';
