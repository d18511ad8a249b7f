import { UsageError } from '../nt/index.js';
import { LayoutBuilder, PAGE_SIZE, type Region } from '../memory/index.js';
import {
  VECTORS_MAX,
  planDevice,
  planEngineHost,
  planInterruptController,
  SDMA_LINES_MAX,
  requestLinesOf,
  planOrderLock,
  sdmaController,
  type DeviceModel,
  type DeviceOptions,
  type DeviceParams,
  type DevicePlacement,
  type InterruptControllerPlacement,
  type VectorRequest,
} from '../hardware/index.js';
import { PayloadPattern, framesPerSlot } from '../workload/index.js';
import { deviceModel, isModuleUrl } from './device-modules.js';
import type { Ordering } from './ordering.js';
import { RAM_PAGES_MAX, type MachineParameters } from './parameters.js';

/** Pages for a device's common buffers, rings and chains: so many for each of its vectors, and once more. */
const COMMON_BUFFER_PAGES = 64;

/** What reports call the system DMA controller. */
export const SYSTEM_DMA_NAME = 'system-dma';

/** Where everything lies. The part that workers need is plain data. */
export interface MachinePlan {
  readonly models: readonly DeviceModel[];
  readonly placements: readonly DevicePlacement[];
  readonly controller: InterruptControllerPlacement;
  /** Control blocks of the engine hosts; device i belongs to host `hostOf[i]`. */
  readonly hosts: readonly number[];
  readonly hostOf: readonly number[];
  /** The order lock of recorded runs; 0 when there are no hosts. */
  readonly orderLock: number;
  readonly vectorCount: number;
  readonly pattern: PayloadPattern;
  readonly regions: readonly Region[];
  readonly firstRamFrame: number;
  readonly ramFrames: number;
  /** The upper part of RAM, handed out in contiguous runs: common buffers. */
  readonly contiguousFrames: number;
  readonly lengthBytes: number;
}

/**
 * Lays the machine out. `hostCount` engine hosts share the devices round robin; 0 when the main thread steps them.
 * Throws UsageError for parameters that do not fit together.
 */
export function planMachine(parameters: MachineParameters, hostCount: number): MachinePlan {
  const { devices, machine } = parameters;
  const boards = boardsOf(parameters);
  const models = boards.map((board) => deviceModel(board.model));
  const contiguousFrames = devices.reduce((sum, device, i) => sum + commonBufferPages(models[i]!, device.params), 0);
  const bounceFrames = machine.addressing === 'bounce32' ? machine.mapRegisters : 0;
  const needed =
    contiguousFrames +
    bounceFrames +
    devices.reduce((sum, device) => sum + device.workload.outstanding * framesPerSlot(device.workload), 0);
  const ramFrames = machine.ramPages === 0 ? Math.min(Math.ceil(needed * 1.25), RAM_PAGES_MAX) : machine.ramPages;
  if (ramFrames > RAM_PAGES_MAX || needed > ramFrames) {
    throw new UsageError('USAGE_MEMORY', `the buffers of the workload need ${needed} pages of RAM`, {
      where: '--outstanding',
      expected: `at most ${machine.ramPages === 0 ? RAM_PAGES_MAX : ramFrames} pages: fewer or smaller requests in flight`,
    });
  }

  const layout = new LayoutBuilder();
  const hostOf = boards.map((_, i) => (hostCount === 0 ? -1 : i % hostCount));
  const { firstVectors, vectorCount } = assignVectors(boards, models);
  if (vectorCount > VECTORS_MAX)
    throw new UsageError('USAGE_PARAMETER', `the devices have ${vectorCount} interrupt vectors`, {
      where: '--devices',
      expected: `at most ${VECTORS_MAX}: fewer devices, or fewer channels each`,
    });
  const controller = planInterruptController(layout, vectorCount);
  const unhosted = boards.map((device, i) =>
    planDevice(layout, models[i]!, {
      name: device.name,
      index: i,
      objectId: deviceObjectId(parameters, i),
      params: device.params,
      ramFrames,
      // Common buffers lie in the window, too, and must not take the room that waiting transfers hope for.
      windowSlots: machine.addressing === 'direct' ? 0 : machine.mapRegisters * 2 + commonBufferPages(models[i]!, device.params),
      firstVector: firstVectors[i]!,
      // The system DMA controller belongs to the platform, which reads back what it must know.
      ...(i < devices.length ? orderingOf(machine.ordering) : {}),
      ...(isModuleUrl(device.model) ? { modelUrl: device.model } : {}),
    }),
  );
  const pattern = new PayloadPattern(layout, Math.max(...devices.map((device) => device.workload.maxBytes)));
  const ram = layout.reserve('ram', ramFrames * PAGE_SIZE, { sparse: true });
  // Transport goes last: with and without engine hosts, the machine itself lies at the same addresses and hashes alike.
  const hosts = Array.from({ length: hostCount }, (_, i) => planEngineHost(layout, i));
  const orderLock = hostCount === 0 ? 0 : planOrderLock(layout);
  const placements = unhosted.map((placement, i) => (hostCount === 0 ? placement : { ...placement, host: hosts[hostOf[i]!]! }));
  return {
    models,
    placements,
    controller,
    hosts,
    hostOf,
    orderLock,
    vectorCount,
    pattern,
    regions: layout.regions,
    firstRamFrame: ram / PAGE_SIZE,
    ramFrames,
    contiguousFrames,
    lengthBytes: layout.lengthBytes,
  };
}

function orderingOf(ordering: readonly Ordering[]): Pick<DeviceOptions, 'postsWrites' | 'delaysData' | 'delaysWriteBack'> {
  return {
    postsWrites: ordering.includes('posted-writes'),
    delaysData: ordering.includes('data-after-interrupt'),
    delaysWriteBack: ordering.includes('delayed-write-back'),
  };
}

interface Board {
  readonly name: string;
  readonly model: string;
  readonly params: DeviceParams;
}

/** The scenario's devices in their order, and after them the system DMA controller when one of them needs it. */
function boardsOf({ devices, machine }: MachineParameters): readonly Board[] {
  const lines = devices.reduce((sum, { model, params }) => sum + requestLinesOf(deviceModel(model), params), 0);
  if (lines === 0) return devices;
  if (lines > SDMA_LINES_MAX)
    throw new UsageError('USAGE_PARAMETER', `the subordinate devices have ${lines} request lines`, {
      where: '--devices',
      expected: `at most ${SDMA_LINES_MAX}, as many as the system DMA controller has`,
    });
  return [...devices, { name: SYSTEM_DMA_NAME, model: sdmaController.name, params: { channels: machine.dmaChannels } }];
}

function commonBufferPages(model: DeviceModel, params: DeviceParams): number {
  return COMMON_BUFFER_PAGES * (vectorsOf(model, params).count + 1);
}

function vectorsOf(model: DeviceModel, params: DeviceParams): VectorRequest {
  const defaults = Object.fromEntries(model.params.map((param) => [param.name, param.default]));
  return model.vectors({ ...defaults, ...params });
}

/** Devices with a level line share one vector, as boards on one INTx line do; each message has its own. */
function assignVectors(boards: readonly Board[], models: readonly DeviceModel[]): { firstVectors: number[]; vectorCount: number } {
  let vectorCount = 0;
  let lineVector = -1;
  const firstVectors = boards.map((device, i) => {
    const model = models[i]!;
    const { kind, count } = vectorsOf(model, device.params);
    if (kind === 'line') {
      if (lineVector < 0) lineVector = vectorCount++;
      return lineVector;
    }
    vectorCount += count;
    return vectorCount - count;
  });
  return { firstVectors, vectorCount };
}

/** Virtual CPUs (one more than the drivers': the outside world's) have the first ids, devices the next: known before anything is built, the same after every reset. */
export function deviceObjectId(parameters: MachineParameters, index: number): number {
  return parameters.machine.vcpus + 2 + index;
}
