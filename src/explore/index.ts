export * from './explore.js';
export * from './fail-nth.js';
export * from './overrides-text.js';
export * from './replay-schedule.js';
export * from './schedule-file.js';
export * from './strategies/index.js';
