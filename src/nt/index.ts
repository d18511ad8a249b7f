export * from './status.js';
export * from './irql.js';
export * from './bug-check.js';
export * from './finding.js';
export * from './errors.js';
