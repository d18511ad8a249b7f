import { EventRing, Kernel, SeededRandom, VirtualClock, type Gate, type Suspending } from '../../src/kernel/index.js';
import { DISPATCH_LEVEL, BugCheck, type Violation } from '../../src/nt/index.js';
import { FrameAllocator, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import {
  AllocationAction,
  DomainAccess,
  HalPlatform,
  Mdl,
  type AdapterControl,
  type DeviceDescription,
  type DmaDomain,
  type HalPlatformOptions,
  type ListControl,
  type ScatterGatherList,
} from '../../src/hal/index.js';

export const PACKET: DeviceDescription = {
  version: 3,
  isMaster: true,
  scatterGather: false,
  addressWidthBits: 64,
  maximumLengthBytes: 65536,
};
export const SCATTER_GATHER: DeviceDescription = { ...PACKET, scatterGather: true };
export const SYSTEM: DeviceDescription = { ...PACKET, isMaster: false };

export function newHalKernel(vcpus = 1, gate?: Gate): Kernel {
  const kernel = new Kernel({ vcpus, clock: new VirtualClock(), events: new EventRing(256) });
  if (gate !== undefined) kernel.gate = gate;
  return kernel;
}

/** A device's address space that keeps count; an access outside of what is open answers null. */
export class CountingDomain implements DmaDomain {
  readonly #pages = new Map<number, { frame: number; reads: number; writes: number }>();

  constructor(
    readonly frameBase = 0x10_0000_0000,
    readonly windowSlots = 64,
    readonly windowBase = frameBase + 0x1000_0000,
  ) {}

  open(logicalPage: number, frame: number, access: number): void {
    const page = this.#pages.get(logicalPage) ?? { frame, reads: 0, writes: 0 };
    if ((access & DomainAccess.Read) !== 0) page.reads++;
    if ((access & DomainAccess.Write) !== 0) page.writes++;
    page.frame = frame;
    this.#pages.set(logicalPage, page);
  }

  close(logicalPage: number, access: number): void {
    const page = this.#pages.get(logicalPage);
    if (page === undefined) throw new Error(`page ${logicalPage} is closed and was not open`);
    if ((access & DomainAccess.Read) !== 0) page.reads--;
    if ((access & DomainAccess.Write) !== 0) page.writes--;
    if (page.reads < 0 || page.writes < 0) throw new Error(`page ${logicalPage} is closed too often`);
    if (page.reads === 0 && page.writes === 0) this.#pages.delete(logicalPage);
  }

  get openPages(): number {
    return this.#pages.size;
  }

  /** Physical address behind a logical one for an access; null: the device would fault. */
  translate(logicalAddress: number, access: number): number | null {
    const inPage = logicalAddress % PAGE_SIZE;
    const page = this.#pages.get(logicalAddress - inPage);
    if (page === undefined || (access === DomainAccess.Read ? page.reads : page.writes) === 0) return null;
    return page.frame * PAGE_SIZE + inPage;
  }
}

const FIRST_FRAME = 16;
const FRAMES = 240;

/** A platform over real memory with one device's address space. */
export class MemoryRig {
  readonly kernel: Kernel;
  readonly memory = MachineMemory.create((FIRST_FRAME + FRAMES) * PAGE_SIZE, false);
  readonly frames = new FrameAllocator(FIRST_FRAME, FRAMES, 64, new SeededRandom(7));
  readonly domain: CountingDomain;
  readonly platform: HalPlatform;

  constructor(options: HalPlatformOptions, domain = new CountingDomain(), kernel = newHalKernel()) {
    this.kernel = kernel;
    this.domain = domain;
    this.platform = new HalPlatform(kernel, { mapRegisters: 32, ...options, memory: this.memory, frames: this.frames });
  }

  /** A locked buffer over frames of its own. */
  buffer(byteOffset: number, byteCount: number): Mdl {
    const pages = Math.ceil((byteOffset + byteCount) / PAGE_SIZE);
    return new Mdl(
      Int32Array.from({ length: pages }, () => this.frames.allocate()),
      byteOffset,
      byteCount,
    );
  }

  fillBuffer(mdl: Mdl, value: (offset: number) => number): void {
    for (let i = 0; i < mdl.byteCount; i++) this.memory.u8[mdl.physicalAddress(i)] = value(i);
  }

  bufferBytes(mdl: Mdl): number[] {
    return Array.from({ length: mdl.byteCount }, (_, i) => this.memory.u8[mdl.physicalAddress(i)]!);
  }

  /** What a device sees through a list; throws where it would fault. */
  deviceRead(list: ScatterGatherList): number[] {
    const bytes: number[] = [];
    for (let i = 0; i < list.count; i++) {
      for (let k = 0; k < list.lengthBytes(i); k++) bytes.push(this.memory.u8[this.#translate(list.address(i) + k, DomainAccess.Read)]!);
    }
    return bytes;
  }

  deviceWrite(list: ScatterGatherList, value: (offset: number) => number): void {
    let offset = 0;
    for (let i = 0; i < list.count; i++) {
      for (let k = 0; k < list.lengthBytes(i); k++)
        this.memory.u8[this.#translate(list.address(i) + k, DomainAccess.Write)] = value(offset++);
    }
  }

  #translate(address: number, access: number): number {
    const physical = this.domain.translate(address, access);
    if (physical === null) throw new Error(`device fault at 0x${address.toString(16)}`);
    return physical;
  }
}

/** Takes a grant and remembers its base. */
export class Taker implements AdapterControl {
  base = -1;
  calls = 0;

  constructor(
    readonly action: AllocationAction = AllocationAction.DeallocateObjectKeepRegisters,
    private readonly then: () => Suspending<void> = nothing,
  ) {}

  *adapterControl(mapRegisterBase: number): Suspending<AllocationAction> {
    this.base = mapRegisterBase;
    this.calls++;
    yield* this.then();
    return this.action;
  }
}

export class ListTaker implements ListControl {
  list: ScatterGatherList | null = null;

  *listControl(list: ScatterGatherList): Suspending<void> {
    this.list = list;
  }
}

export function* nothing(): Suspending<void> {}

/** Runs `body` at DISPATCH_LEVEL, where the HAL's operations belong. */
export function atDispatch<T>(kernel: Kernel, body: () => Suspending<T>): T {
  return kernel.runStraight('test', dispatched(kernel, body));
}

function* dispatched<T>(kernel: Kernel, body: () => Suspending<T>): Suspending<T> {
  kernel.current.irql = DISPATCH_LEVEL;
  const result = yield* body();
  kernel.current.irql = 0;
  return result;
}

/** The violation that killed the machine inside `body`. */
export function deathOf(body: () => void): Violation {
  try {
    body();
  } catch (error) {
    if (error instanceof BugCheck) return error.violation;
    throw error;
  }
  throw new Error('nothing was found');
}
