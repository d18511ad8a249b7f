export * from './fault-kind.js';
export * from './fault-plan.js';
export * from './platform-faults.js';
