import { UsageError } from '../nt/index.js';
import { SeededRandom, deriveSeed } from '../kernel/index.js';
import type { DeviceView } from '../hardware/index.js';
import { Request, type BusResources, type Device, type DeviceInit, type InterruptVector } from '../wdf/index.js';
import { Canceller, DeviceWorkload, PowerActor, RequestSlot, type FaultLedger, type WorkloadConfig } from '../workload/index.js';
import type { Machine } from './machine.js';
import type { DeviceParameters } from './parameters.js';
import type { DeviceRegisterPort } from './register-port.js';

/** A device with its driver's device object and its traffic. */
export interface MachineDevice {
  readonly name: string;
  readonly parameters: DeviceParameters;
  readonly view: DeviceView;
  readonly registers: DeviceRegisterPort;
  readonly vectors: readonly InterruptVector[];
  readonly bus: BusResources;
  readonly seeds: DeviceSeeds;
  /** What injected faults explain about its requests. */
  readonly faults: FaultLedger;
  /** What its traffic is made from; worked out when there is some for the first time. */
  traffic: WorkloadConfig | null;
  readonly slots: RequestSlot[];
  /** What EvtDriverDeviceAdd fills in; another one for each execution. */
  deviceInit: DeviceInit;
  /** Set by the prologue. */
  device: Device | null;
  workload: DeviceWorkload | null;
  canceller: Canceller | null;
  power: PowerActor | null;
  /** The driver refused to start, and an injected fault explains it. */
  refusedStart: boolean;
}

/** Seeds of what is drawn for one device. */
export interface DeviceSeeds {
  readonly traffic: number;
  readonly cancellations: number;
  readonly power: number;
}

export function deviceSeeds(seed: number, name: string): DeviceSeeds {
  return {
    traffic: deriveSeed(seed, `traffic of ${name}`),
    cancellations: deriveSeed(seed, `cancellations of ${name}`),
    power: deriveSeed(seed, `power of ${name}`),
  };
}

/** The traffic of a device that has started, and whoever disturbs it; they become the machine device's own. */
export function createWorkload(machine: Machine, machineDevice: MachineDevice, device: Device): DeviceWorkload {
  const { kernel, outsideCpu, plan } = machine;
  const { name, view, parameters, seeds, slots } = machineDevice;
  const config = (machineDevice.traffic ??= trafficOf(machineDevice));
  prepareSlots(machine, machineDevice, device, config);
  if (config.cancelPerMillion > 0)
    machineDevice.canceller = new Canceller(kernel, outsideCpu, config, new SeededRandom(seeds.cancellations), slots);
  if (config.powerCyclesPerMillion > 0 || config.unplugPerMillion > 0)
    machineDevice.power = new PowerActor(kernel, outsideCpu, device, config, new SeededRandom(seeds.power), name);
  return (machineDevice.workload = new DeviceWorkload({
    kernel,
    memory: machine.memory,
    device,
    deviceName: name,
    slots,
    pattern: plan.pattern,
    random: new SeededRandom(seeds.traffic),
    config,
    quota: parameters.quota,
    localMemoryAddress: view.localMemory,
    latency: plan.hosts.length === 0 ? null : machine.latency,
    canceller: machineDevice.canceller,
    power: machineDevice.power,
    faults: machineDevice.faults,
  }));
}

/** The slots are made once; each execution has requests of its own. */
function prepareSlots(
  { kernel, frames }: Machine,
  { name, view, parameters, slots }: MachineDevice,
  { requestContext }: Device,
  config: WorkloadConfig,
): void {
  const regionBytes = slotRegionBytes(view, parameters.workload);
  for (let i = 0; i < config.outstanding; i++) {
    const request = new Request(kernel, requestContext?.createFor(kernel, `${name} request ${i}`));
    if (i < slots.length) slots[i]!.startOver(request, frames);
    else slots.push(new RequestSlot(i, request, config, i * regionBytes, regionBytes, frames));
  }
}

/** Longer requests than a slot's part of the device's memory cannot be checked; lengths are drawn from what is left of the range. */
function trafficOf({ view, parameters }: MachineDevice): WorkloadConfig {
  const { workload: asked } = parameters;
  const regionBytes = slotRegionBytes(view, asked);
  if (regionBytes >= asked.minBytes) return { ...asked, maxBytes: Math.min(asked.maxBytes, regionBytes) };
  throw new UsageError(
    'USAGE_PARAMETER',
    `${asked.outstanding} requests in flight share the ${view.localMemoryBytes} bytes of memory on ${view.name}: that leaves ${regionBytes} bytes each, and the smallest has ${asked.minBytes}`,
    { where: '--outstanding', expected: `at most ${Math.floor(view.localMemoryBytes / asked.minBytes)}` },
  );
}

/** What of its memory one slot has for itself; frames have no place there. */
function slotRegionBytes(view: DeviceView, { traffic, maxBytes, outstanding, alignBytes }: WorkloadConfig): number {
  return traffic === 'loopback' ? maxBytes : Math.floor(view.localMemoryBytes / outstanding / alignBytes) * alignBytes;
}
