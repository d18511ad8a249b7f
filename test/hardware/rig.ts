import { DONE } from '../../src/kernel/op.js';
import { LayoutBuilder, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import {
  BusAccess,
  DeviceView,
  InterruptController,
  planDevice,
  planEngineHost,
  planInterruptController,
  type DeviceModel,
  type DeviceOptions,
  type DeviceParams,
  type DevicePlacement,
  type InterruptControllerPlacement,
} from '../../src/hardware/index.js';

const RAM_FRAMES = 512;

export interface RigOptions {
  readonly params?: DeviceParams;
  /** Devices of the model, each with its own vectors, domain and memory. Default 1. */
  readonly devices?: number;
  readonly shared?: boolean;
  readonly ramFrames?: number;
  readonly windowSlots?: number;
  readonly withHost?: boolean;
  readonly device?: Partial<DeviceOptions>;
}

/** A bench with devices, RAM and an interrupt controller, and no operating system on it. */
export class Rig {
  readonly memory: MachineMemory;
  readonly interrupts: InterruptController;
  readonly placements: readonly DevicePlacement[];
  readonly views: readonly DeviceView[];
  readonly interruptPlacement: InterruptControllerPlacement;
  readonly firstRamFrame: number;
  readonly host: number;
  #nextFrame: number;

  constructor(model: DeviceModel, options: RigOptions = {}) {
    const layout = new LayoutBuilder();
    this.host = options.withHost === true ? planEngineHost(layout, 0) : 0;
    this.interruptPlacement = planInterruptController(layout, 64);
    const ramFrames = options.ramFrames ?? RAM_FRAMES;
    this.placements = Array.from({ length: options.devices ?? 1 }, (_, index) =>
      planDevice(layout, model, {
        name: `${model.name}-${index}`,
        index,
        objectId: 10 + index,
        ...(options.params === undefined ? {} : { params: options.params }),
        ramFrames,
        windowSlots: options.windowSlots ?? 0,
        firstVector: index * 8,
        host: this.host,
        ...options.device,
      }),
    );
    const ram = layout.reserve('ram', ramFrames * PAGE_SIZE, { align: PAGE_SIZE });
    this.firstRamFrame = ram / PAGE_SIZE;
    this.#nextFrame = this.firstRamFrame;
    this.memory = MachineMemory.create(layout.lengthBytes, options.shared ?? false);
    this.interrupts = new InterruptController(this.memory, this.interruptPlacement);
    const platform = { interrupts: this.interrupts, firstRamFrame: this.firstRamFrame };
    this.views = this.placements.map((placement) => new DeviceView(this.memory, model, placement, platform));
    for (const view of this.views) {
      view.powerOn();
      view.setBusMasterEnabled(true);
    }
  }

  get view(): DeviceView {
    return this.views[0]!;
  }

  /** Adjacent RAM pages, mapped for the device both ways unless `access` says less. Mapping ids are frame numbers. */
  map(pages: number, access: number = BusAccess.Read | BusAccess.Write, view = this.view): { physical: number; logical: number } {
    const first = this.#nextFrame;
    this.#nextFrame += pages;
    for (let frame = first; frame < first + pages; frame++) view.iommu.open(view.iommu.frameAddress(frame), frame, access, frame);
    return { physical: first * PAGE_SIZE, logical: view.iommu.frameAddress(first) };
  }

  /** Pages adjacent for the device through its window, whose frames lie in memory in reverse order. `physical` finds a byte of them. */
  mapReversed(pages: number, firstSlot = 0): { logical: number; physical: (offset: number) => number } {
    const { iommu } = this.view;
    const first = this.#nextFrame;
    this.#nextFrame += pages;
    for (let i = 0; i < pages; i++)
      iommu.open(iommu.windowAddress(firstSlot + i), first + pages - 1 - i, BusAccess.Read | BusAccess.Write, 1);
    const physical = (offset: number): number => (first + pages - 1 - Math.floor(offset / PAGE_SIZE)) * PAGE_SIZE + (offset % PAGE_SIZE);
    return { logical: iommu.windowAddress(firstSlot), physical };
  }

  /** Steps the device until it waits, `limit` steps at most; returns the steps made. */
  run(limit = 100_000, view = this.view): number {
    let steps = 0;
    while (steps < limit && view.model.pending(view) !== DONE) {
      if (!view.model.step(view)) throw new Error(`${view.name} had an operation pending and performed nothing`);
      steps++;
    }
    return steps;
  }

  fillPattern(address: number, lengthBytes: number, seed: number): void {
    for (let i = 0; i < lengthBytes; i++) this.memory.u8[address + i] = (Math.imul(i + seed, 0x9e3779b1) >>> 16) & 0xff;
  }

  bytes(address: number, lengthBytes: number): number[] {
    return Array.from(this.memory.u8.subarray(address, address + lengthBytes));
  }
}

export const low = (address: number): number => address % 2 ** 32;
export const high = (address: number): number => Math.floor(address / 2 ** 32);
