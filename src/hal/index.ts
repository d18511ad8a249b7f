export * from './mdl.js';
export * from './dma-domain.js';
export * from './hal-fault.js';
export * from './hal-policy.js';
export * from './hal-observer.js';
export * from './transfer-context.js';
export * from './scatter-gather-list.js';
export * from './map-register-grant.js';
export * from './map-register-pool.js';
export * from './mdl-walk.js';
export * from './non-paged-pool.js';
export * from './logical-window.js';
export * from './device-description.js';
export * from './common-buffer-allocator.js';
export * from './wait-histogram.js';
export {
  AllocationWaits,
  contentionOf,
  deviceOf,
  fairnessOf,
  waitForGraph,
  describeRegisterDeadlock,
  type AdapterContention,
  type AllocationHolder,
  type AllocationWait,
} from './allocation-waits.js';
export type { OutstandingResources } from './adapter-resources.js';
export * from './system-dma-controller.js';
export * from './dma-adapter.js';
export * from './wdm-dma-adapter.js';
export * from './hal-platform.js';
