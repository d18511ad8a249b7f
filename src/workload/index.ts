export * from './canceller.js';
export * from './config.js';
export * from './device-workload.js';
export * from './fault-ledger.js';
export * from './latency.js';
export * from './payload.js';
export * from './power-actor.js';
export * from './request-slot.js';
