import { assertInternal } from '../nt/index.js';
import { CACHE_LINE_BYTES, struct, type LayoutBuilder } from '../memory/index.js';
import { resolveParams, type DeviceModel, type DeviceParams, type VectorRequest } from './device-model.js';
import { planFaults } from './device-faults.js';
import { planDmaWrites } from './dma-writes.js';
import { planIommu, type IommuPlacement } from './iommu.js';
import { planPostedWrites } from './posted-writes.js';

/** Words that every device has in front of its own: its place in the machine. */
export const DeviceHeader = struct('DeviceHeader', 32, {
  /** 1 while the device may act: present, in D0, bus mastering on. What `pending` looks at first. */
  Gate: 0,
  Present: 1,
  BusMaster: 2,
  /** 0 to 3: D0 to D3. */
  PowerState: 3,
  /** 1 while its registers answer: present and in D0. */
  Answers: 4,
  /** Steps performed, free-running. */
  Steps: 5,
});
export const DEVICE_HEADER_BYTES = 128;

/** Where a device lies in machine memory, plain data: it travels to workers with the memory. */
export interface DevicePlacement {
  readonly model: string;
  /** URL of the module that exports the model as its default, for models that are not built in. */
  readonly modelUrl: string | null;
  readonly name: string;
  readonly index: number;
  /** Kernel object that scheduling points name; steps and register accesses of the device depend on each other through it. */
  readonly objectId: number;
  readonly params: DeviceParams;
  readonly header: number;
  /** Planned faults, see device-faults.ts. */
  readonly faults: number;
  /** Transport word: 1 while an engine host is inside a batch of steps. */
  readonly engaged: number;
  readonly registers: number;
  readonly latches: number;
  readonly state: number;
  readonly stateWords: number;
  readonly localMemory: number;
  readonly localMemoryBytes: number;
  readonly iommu: IommuPlacement;
  readonly vectors: VectorRequest & { readonly first: number };
  /** Buffer of register writes on their way, see posted-writes.ts; 0 where each arrives at once. */
  readonly postedWrites: number;
  /** Buffers of what the device has written and memory does not show yet, see dma-writes.ts; 0 where it is there at once. */
  readonly dataWrites: number;
  readonly writeBacks: number;
  /** Control block of the engine host that steps it; 0 when the main thread does. */
  readonly host: number;
}

export interface DeviceOptions {
  readonly name: string;
  /** Position among the machine's devices; spaces their logical addresses apart. */
  readonly index: number;
  readonly objectId: number;
  readonly params?: DeviceParams;
  /** RAM frames of the machine. */
  readonly ramFrames: number;
  /** Map registers of the device's translation window. Default 0: it sees frames directly. */
  readonly windowSlots?: number;
  /** First of the device's interrupt vectors; a line's vector may be shared. */
  readonly firstVector: number;
  /** Engine host that steps it, from `planEngineHost`. Default none: the main thread steps it. */
  readonly host?: number;
  /** Overrides the model's aperture. */
  readonly aperture?: 'low' | 'high';
  readonly modelUrl?: string;
  /** Drivers' register writes arrive later. Default false. */
  readonly postsWrites?: boolean;
  /** What a device with a level line writes to memory arrives later. Default false. */
  readonly delaysData?: boolean;
  /** Status that a device writes back to memory is held back in it. Default false. */
  readonly delaysWriteBack?: boolean;
}

const LOW_APERTURE = 0x4000_0000;
const LOW_APERTURE_STEP = 0x0100_0000;
const LOW_APERTURE_STEPS = 64;
const HIGH_APERTURE = 0x12_0000_0000;
const HIGH_APERTURE_STEP = 0x1_0000_0000;

/** Reserves everything a device needs. Throws UsageError USAGE_DEVICE_PARAM for parameters the model does not take. */
export function planDevice(layout: LayoutBuilder, model: DeviceModel, options: DeviceOptions): DevicePlacement {
  const { name, index, objectId, ramFrames, windowSlots = 0, firstVector, host = 0 } = options;
  const params = resolveParams(model, options.params);
  const table = model.registers(params);
  const line = { align: CACHE_LINE_BYTES };
  const header = layout.reserve(`${name}.header`, DEVICE_HEADER_BYTES, line);
  const faults = planFaults(layout, name);
  const registers = layout.reserve(`${name}.registers`, table.lengthBytes, line);
  const latches = layout.reserve(`${name}.latches`, Math.max(table.latchCount, 1) * 4, line);
  const stateWords = model.stateWords(params);
  const state = layout.reserve(`${name}.state`, stateWords * 4, line);
  const frameBase = frameBaseOf(options.aperture ?? model.aperture, index);
  const iommu = planIommu(layout, name, frameBase, ramFrames, windowSlots);
  const localMemoryBytes = model.localMemoryBytes(params);
  const localMemory = layout.reserve(`${name}.local`, Math.max(localMemoryBytes, 8), { sparse: true });
  const engaged = layout.reserve(`${name}.engaged`, CACHE_LINE_BYTES, { align: CACHE_LINE_BYTES, hashed: false });
  const modelUrl = options.modelUrl ?? null;
  const vectors = { ...model.vectors(params), first: firstVector };
  const postedWrites = options.postsWrites === true ? planPostedWrites(layout, name) : 0;
  // A message travels behind the data: there is nothing to choose.
  const isLate = options.delaysData === true && vectors.kind === 'line';
  const dataWrites = isLate ? planDmaWrites(layout, `${name}.data`) : 0;
  const writeBacks = options.delaysWriteBack === true ? planDmaWrites(layout, `${name}.writeback`) : 0;
  return {
    model: model.name,
    modelUrl,
    name,
    index,
    objectId,
    params,
    header,
    faults,
    engaged,
    registers,
    latches,
    state,
    stateWords,
    localMemory,
    localMemoryBytes,
    iommu,
    vectors,
    postedWrites,
    dataWrites,
    writeBacks,
    host,
  };
}

/** Each device has its own base, never 0: an address that leaks from one device to another or from the CPU side faults. */
function frameBaseOf(aperture: 'low' | 'high', index: number): number {
  return aperture === 'high' ? HIGH_APERTURE + index * HIGH_APERTURE_STEP : LOW_APERTURE + (index % LOW_APERTURE_STEPS) * LOW_APERTURE_STEP;
}

/** Checks that a device of 32-bit reach can address its whole domain. */
export function assertReachable(placement: DevicePlacement, addressBits: number, endAddress: number): void {
  assertInternal(
    addressBits > 32 || endAddress <= 2 ** 32,
    'DEVICE_APERTURE',
    `${placement.name} reaches 4 GiB, its domain ends at 0x${endAddress.toString(16)}`,
  );
}
