export * from './controlled-scheduler.js';
export * from './controlled.js';
export * from './lockstep.js';
export * from './recorded.js';
export * from './strategy.js';
export * from './threads-gate.js';
export * from './threads.js';
export * from './vcpu-turns.js';
