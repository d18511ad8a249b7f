/** The public face: what scenarios, drivers and programs import as `dmalab`. */
export * from './nt/index.js';
export {
  DONE,
  FxObject,
  OpKind,
  trackFields,
  opKind,
  opKindName,
  opObject,
  type DriverCallback,
  type Op,
  type Suspending,
} from './kernel/index.js';
export {
  AllocationAction,
  DmaCompletionStatus,
  Mdl,
  ScatterGatherList,
  SystemDmaFunction,
  TransferContext,
  type AdapterControl,
  type CommonBufferRegion,
  type DeviceDescription,
  type DmaAdapter,
  type DmaAdapterInfo,
  type DmaCompletionRoutine,
  type DmaTransferInfo,
  type ListControl,
  type WdmDmaAdapter,
} from './hal/index.js';
export * from './wdf/index.js';
export {
  defineScenario,
  type MachineConfig,
  type Scenario,
  type ScenarioConfig,
  type ScenarioDevice,
  type ScenarioKind,
} from './machine/scenario.js';
export type { Ordering } from './machine/ordering.js';
export { FAULT_KINDS, type FaultKind, type FaultPlan, type FaultRatio } from './faults/index.js';
export type { Overrides } from './machine/parameters.js';
export type * from './machine/report.js';
export type * from './machine/explanation.js';
export type * from './machine/sweep-report.js';
export type { WorkloadConfig } from './workload/config.js';
export { IOCTL_TRANSFER_READ, IOCTL_TRANSFER_WRITE } from './workload/control-codes.js';
export { runOnThreads, type RunProgress, type RunSettings } from './backends/threads.js';
export { ControlledBackend, type Execution } from './backends/controlled.js';
export type { Strategy } from './backends/strategy.js';
