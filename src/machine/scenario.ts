import type { FaultKind } from '../faults/index.js';
import type { DriverConfig } from '../wdf/driver.js';
import type { Ordering } from './ordering.js';
import { checkScenario } from './scenario-schema.js';
import type { WorkloadConfig } from '../workload/config.js';

/** One device of a scenario: a built-in model by name and its parameters. */
export interface ScenarioDevice {
  /** Name in reports; unique in the scenario. */
  readonly name: string;
  /** `plx9656`, `sgring`, or the URL of a module with a model of your own, which imports only 'dmalab/hardware'. */
  readonly model: string;
  /** Model parameters (numbers), such as `channels` or `localMemoryBytes`; defaults in the model. */
  readonly params?: Readonly<Record<string, number>>;
  /** Driver that runs it. */
  readonly driver: DriverConfig;
  /** The driver's own parameters (numbers), as its Parameters key in the registry would hold them: `deviceInit.queryParameter`. */
  readonly driverParams?: Readonly<Record<string, number>>;
  /** Traffic for it; it is merged over the scenario's workload. */
  readonly workload?: Partial<WorkloadConfig>;
}

export type ScenarioKind = 'sample' | 'gallery' | 'demo';

export interface ScenarioConfig {
  /** Lower case, digits and dashes; what the command line calls it. */
  readonly name: string;
  readonly title: string;
  readonly kind?: ScenarioKind;
  readonly devices: readonly ScenarioDevice[];
  readonly workload?: Partial<WorkloadConfig>;
  /** Machine parameters; each can be overridden by a flag. */
  readonly machine?: Partial<MachineConfig>;
  /** Injected faults its drivers claim to survive: requests may fail for them, nothing else may go wrong. Default none. */
  readonly survives?: readonly FaultKind[];
}

export type Scenario = Required<Pick<ScenarioConfig, 'name' | 'title' | 'kind' | 'devices' | 'workload' | 'machine' | 'survives'>>;

/** The platform a scenario runs on. */
export interface MachineConfig {
  /** Virtual CPUs, 1..8. Default 2. */
  readonly vcpus: number;
  /** RAM in pages of 4096 bytes; default: what devices and workload need, and a quarter more. */
  readonly ramPages: number;
  /** Map registers in the platform's pool, shared by all adapters. Default 1024. */
  readonly mapRegisters: number;
  /** `direct`: devices see frames at an offset; `bounce32`: everything goes through bounce pages below 4 GiB; `iommu`: map registers are pages of a translation window. Default `direct`. */
  readonly addressing: 'direct' | 'bounce32' | 'iommu';
  /** Requests of others that may be granted while one waits at the head of its queue for map registers; then it starves (L-STARVATION). Default 0: not watched. */
  readonly starvationGrants: number;
  /** Channels of the system DMA controller, 1..4; a machine with subordinate devices has one. Default 2. */
  readonly dmaChannels: number;
  /** Orders of bus and platform that are left to the schedule, see docs/ordering.md. Default none. */
  readonly ordering: readonly Ordering[];
}

/**
 * Declares a scenario: checks its shape and fills in defaults. Modules export it as their default.
 * Throws UsageError USAGE_BAD_SCENARIO naming the field that is wrong.
 */
export function defineScenario(config: ScenarioConfig): Scenario {
  checkScenario(config);
  return {
    name: config.name,
    title: config.title,
    kind: config.kind ?? 'sample',
    devices: config.devices,
    workload: config.workload ?? {},
    machine: config.machine ?? {},
    survives: config.survives ?? [],
  };
}
