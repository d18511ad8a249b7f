export * from './explain-failure.js';
export * from './explain-schedule.js';
export * from './nearest-passing.js';
export * from './prefix-odds.js';
export * from './reordering.js';
export * from './step-words.js';
export * from './traced-run.js';
