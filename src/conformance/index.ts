export * from './vector.js';
export * from './parse-vector.js';
export * from './check.js';
export * from './runner.js';
export * from './hal-trace.js';
