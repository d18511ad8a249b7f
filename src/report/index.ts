export * from './conformance-summary.js';
export * from './units.js';
export * from './text.js';
export * from './findings.js';
export * from './run-summary.js';
export * from './explore-summary.js';
export * from './list-tables.js';
export * from './tour.js';
