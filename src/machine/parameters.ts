import { UsageError } from '../nt/index.js';
import { NO_FAULTS, isRatio, plannedKinds, ratioText, type FaultPlan } from '../faults/index.js';
import { workloadDefaults, type WorkloadConfig } from '../workload/config.js';
import type { DriverConfig } from '../wdf/driver.js';
import type { MachineConfig, Scenario } from './scenario.js';

/** Largest machine: 512 MiB of RAM. */
export const RAM_PAGES_MAX = 131_072;

/** Who injects faults that no device does, in `Overrides.faultsLeftOut`. */
export const PLATFORM = 'platform';

export const machineDefaults: MachineConfig = {
  vcpus: 2,
  ramPages: 0,
  mapRegisters: 1024,
  addressing: 'direct',
  starvationGrants: 0,
  dmaChannels: 2,
  ordering: [],
};

/** What a caller may set over a scenario's own values; absent members leave them. */
export interface Overrides {
  readonly seed: number;
  /** Instances of each device of the scenario. Default 1. */
  readonly instances?: number;
  /** Names of the devices there are, instances by their own names. Default all of the scenario. */
  readonly devices?: readonly string[];
  readonly machine?: Partial<MachineConfig>;
  readonly workload?: Partial<WorkloadConfig>;
  /** Faults to inject. Default none. */
  readonly faults?: FaultPlan;
  /** By device, or `PLATFORM` for the platform: bit n leaves out the n-th fault that is drawn there, of the first 32. Default none. */
  readonly faultsLeftOut?: Readonly<Record<string, number>>;
  /** Fail exactly this fallible call of the platform, from 1; 0 only counts them. Absent: neither. */
  readonly failCall?: number;
  /** Look for data races; under control only. Default false. */
  readonly races?: boolean;
  /** Under control, states that come again and again are the finding L-LIVELOCK. Default true; recordings, whose end was decided on threads, say false. */
  readonly livelocks?: boolean;
  /** Operations of one controlled execution before it is L-STEP-BOUND. Default a million, or 20,000 a request when that is more. */
  readonly stepsMax?: number;
  /** Before which operations the controlled scheduler is asked. Default `all`. */
  readonly granularity?: string;
  /**
   * Under control, time moves on ahead of somebody who could go first at most once in so many operations. Default 1: at any;
   * searches that draw their schedules have LEAP_DISTANCE.
   */
  readonly leapDistance?: number;
  /** Under control, time, chance and the host's event loop are the finding L-NONDETERMINISM where code under test asks for them. Default false. */
  readonly strict?: boolean;
}

/** One device to build, everything decided. */
export interface DeviceParameters {
  readonly name: string;
  readonly model: string;
  readonly params: Readonly<Record<string, number>>;
  readonly driver: DriverConfig;
  readonly driverParams: Readonly<Record<string, number>>;
  readonly workload: WorkloadConfig;
  /** This device's share of the requests; Infinity while only time ends the run. */
  readonly quota: number;
}

/** A scenario and all its numbers: two machines with equal parameters do the same. */
export interface MachineParameters {
  readonly seed: number;
  readonly machine: MachineConfig;
  readonly devices: readonly DeviceParameters[];
  /** Requests over all devices; Infinity while only time ends the run. */
  readonly requests: number;
  readonly faults: FaultPlan;
  readonly faultsLeftOut: Readonly<Record<string, number>>;
  /** The fallible call to fail, 0 to only count them; null for neither. */
  readonly failCall: number | null;
  readonly races: boolean;
  readonly livelocks: boolean;
  /** See `Overrides`; null: the default. */
  readonly stepsMax: number | null;
  /** See `Overrides`. */
  readonly granularity: string;
  /** See `Overrides`. */
  readonly leapDistance: number;
  readonly strict: boolean;
}

/** Decides every number of a machine. Throws UsageError USAGE_PARAMETER naming the one that cannot be. */
export function resolveParameters(scenario: Scenario, overrides: Overrides): MachineParameters {
  const machine = { ...machineDefaults, ...scenario.machine, ...overrides.machine };
  const instances = overrides.instances ?? 1;
  const all = scenario.devices.flatMap((device) =>
    Array.from({ length: instances }, (_, i) => ({ ...device, name: instances === 1 ? device.name : `${device.name}-${i}` })),
  );
  const named = keepDevices(all, overrides.devices);
  const requests = overrides.workload?.requests ?? scenario.workload.requests ?? workloadDefaults.requests;
  const devices = named.map((device, i) => ({
    name: device.name,
    model: device.model,
    params: device.params ?? {},
    driver: device.driver,
    driverParams: device.driverParams ?? {},
    workload: checkWorkload(device.name, { ...workloadDefaults, ...scenario.workload, ...device.workload, ...overrides.workload }),
    quota: share(requests, named.length, i),
  }));
  checkMachine(machine);
  const faults = checkFaults(overrides.faults ?? NO_FAULTS);
  return {
    seed: overrides.seed,
    machine,
    devices,
    requests,
    faults,
    faultsLeftOut: overrides.faultsLeftOut ?? {},
    failCall: overrides.failCall ?? null,
    races: overrides.races ?? false,
    livelocks: overrides.livelocks ?? true,
    stepsMax: overrides.stepsMax ?? null,
    granularity: overrides.granularity ?? 'all',
    leapDistance: overrides.leapDistance ?? 1,
    strict: overrides.strict === true,
  };
}

function keepDevices<D extends { readonly name: string }>(all: readonly D[], names: readonly string[] | undefined): readonly D[] {
  if (names === undefined) return all;
  const unknown = names.find((name) => !all.some((device) => device.name === name));
  if (unknown !== undefined || names.length === 0)
    throw bad(
      'devices',
      unknown === undefined ? 'a machine without devices' : `a device '${unknown}'`,
      all.map(({ name }) => name).join(', '),
    );
  return all.filter(({ name }) => names.includes(name));
}

/** The i-th of `count` even shares; the first ones take the rest. */
function share(total: number, count: number, i: number): number {
  return total === Infinity ? Infinity : Math.floor(total / count) + (i < total % count ? 1 : 0);
}

function checkFaults(faults: FaultPlan): FaultPlan {
  for (const kind of plannedKinds(faults)) {
    if (!isRatio(faults[kind]!))
      throw bad('--faults', `${kind} in ${ratioText(faults[kind]!)} cases`, 'a ratio of whole numbers from 0 to 1, such as 1/50');
  }
  return faults;
}

function checkMachine(machine: MachineConfig): void {
  const { mapRegisters, ramPages, vcpus } = machine;
  if (vcpus < 1 || vcpus > 8) throw bad('vcpus', `${vcpus} virtual CPUs`, '1 to 8');
  if (ramPages > RAM_PAGES_MAX) throw bad('ramPages', `${ramPages} pages of RAM`, `at most ${RAM_PAGES_MAX} (512 MiB)`);
  const pages = ramPages === 0 ? RAM_PAGES_MAX : ramPages;
  if (mapRegisters < 2)
    throw bad(
      '--map-registers',
      `${mapRegisters} map registers`,
      'at least 2: a transfer that does not start on a page boundary touches two pages',
    );
  if (mapRegisters > pages)
    throw bad(
      '--map-registers',
      `${mapRegisters} map registers, each of which stands for a page, on a machine of ${pages} pages`,
      `at most ${pages}`,
    );
}

function checkWorkload(device: string, workload: WorkloadConfig): WorkloadConfig {
  const { minBytes, maxBytes, alignBytes, outstanding } = workload;
  if (minBytes > maxBytes)
    throw bad('--min-bytes', `${device}: requests of ${minBytes} to ${maxBytes} bytes`, 'a smallest length that is not above the largest');
  if (alignBytes < 1 || (alignBytes & (alignBytes - 1)) !== 0 || alignBytes > 4096)
    throw bad('alignBytes', `${device}: an alignment of ${alignBytes} bytes`, 'a power of two up to 4096');
  if (minBytes % alignBytes !== 0 || maxBytes % alignBytes !== 0)
    throw bad(
      '--min-bytes',
      `${device}: lengths ${minBytes} to ${maxBytes} with an alignment of ${alignBytes}`,
      `multiples of ${alignBytes}`,
    );
  if (outstanding < 1) throw bad('--outstanding', `${device}: ${outstanding} requests in flight`, 'at least 1');
  return workload;
}

function bad(where: string, what: string, expected: string): UsageError {
  return new UsageError('USAGE_PARAMETER', `${what} cannot be`, { where, expected });
}
