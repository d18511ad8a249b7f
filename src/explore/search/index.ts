export * from './explore-share.js';
export * from './hash-counts.js';
export * from './parallel-search.js';
export * from './schedule-runner.js';
export * from './search.js';
export * from './search-control.js';
export * from './search-totals.js';
export * from './sequential-search.js';
