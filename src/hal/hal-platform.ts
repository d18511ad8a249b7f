import { PAGE_SIZE, type MachineMemory } from '../memory/index.js';
import type { PlatformFaults } from '../faults/index.js';
import type { Kernel } from '../kernel/index.js';
import type { AdapterResources } from './adapter-resources.js';
import { AllocationQueue } from './allocation-queue.js';
import { CommonBufferAllocator } from './common-buffer-allocator.js';
import { addressEnd, type DeviceDescription } from './device-description.js';
import type { DmaDomain } from './dma-domain.js';
import type { HalObserver } from './hal-observer.js';
import { dmaViolation } from './hal-fault.js';
import { defaultHalPolicy, type Addressing, type HalPolicy } from './hal-policy.js';
import { LogicalWindow } from './logical-window.js';
import { MapRegisterPool, type FrameSource } from './map-register-pool.js';
import { MdlWalk } from './mdl-walk.js';
import { NonPagedPool } from './non-paged-pool.js';
import { PageMapper } from './page-mapper.js';
import type { SystemDmaController } from './system-dma-controller.js';
import { WdmDmaAdapter } from './wdm-dma-adapter.js';

export interface HalPlatformOptions {
  readonly addressing?: Addressing;
  /** Map registers that exist, shared by all adapters. Default 1024. */
  readonly mapRegisters?: number;
  /** Most registers one adapter may be given. Default 64. */
  readonly maxMapRegistersPerAdapter?: number;
  /** False: the machine has no map registers at all, bases are NULL and nothing is ever short. Implies `direct`. Default true. */
  readonly hasMapRegisters?: boolean;
  /** Machine memory; null for a HAL that only computes addresses. Default null. */
  readonly memory?: MachineMemory | null;
  /** Frames for bounce pages and common buffers; goes with `memory`. */
  readonly frames?: FrameSource | null;
  readonly policy?: Partial<HalPolicy>;
  /** The checks of DMA verification (rules A01-A36). Default true. */
  readonly dmaVerification?: boolean;
  /** The framework's own verifier: breaks, and bug checks that depend on it. Default true. */
  readonly frameworkVerifier?: boolean;
  readonly observer?: HalObserver | null;
  /** Planned faults; null or absent: none, and nothing is counted. */
  readonly faults?: PlatformFaults | null;
}

function reachesWindow({ windowBase, windowSlots }: DmaDomain, { addressWidthBits }: DeviceDescription): boolean {
  return windowSlots > 0 && windowBase + windowSlots * PAGE_SIZE <= addressEnd(addressWidthBits);
}

/** DEVICE_DESCRIPTION_VERSION3. */
const DEVICE_DESCRIPTION_VERSION_MAX = 3;

function reportVersion(kernel: Kernel, owner: string | null, version: number): void {
  dmaViolation(
    kernel,
    'A35',
    'crash',
    owner ?? 'IoGetDmaAdapter',
    `IoGetDmaAdapter is called with version ${version} of DEVICE_DESCRIPTION; the latest is ${DEVICE_DESCRIPTION_VERSION_MAX}`,
    0x25,
    version,
  );
}

/** What reports call the one pool there is. */
const POOL = { name: 'map register pool' };

/** The DMA side of a machine: one pool of map registers, the adapters that share it, and how pages are reached. */
export class HalPlatform {
  readonly addressing: Addressing;
  readonly maxMapRegistersPerAdapter: number;
  readonly hasMapRegisters: boolean;
  readonly memory: MachineMemory | null;
  readonly frames: FrameSource | null;
  readonly policy: HalPolicy;
  readonly dmaVerification: boolean;
  readonly frameworkVerifier: boolean;
  readonly observer: HalObserver | null;
  readonly faults: PlatformFaults | null;
  readonly pool: MapRegisterPool;
  readonly queue: AllocationQueue;
  readonly mapper: PageMapper;
  readonly commonBuffers: CommonBufferAllocator;
  readonly nonPagedPool: NonPagedPool;
  /** In the order of creation: the order in which waiting queues are looked at. */
  adapters: AdapterResources[] = [];
  /** Those that were released, too. */
  everyAdapter: AdapterResources[] = [];
  /** The one walk at a time; results are read before anything else can walk. */
  readonly walk = new MdlWalk();
  /** The machine's DMA controller; null where there is none: a harness then says when system transfers end. */
  systemDma: SystemDmaController | null = null;
  readonly #windows = new Map<DmaDomain, LogicalWindow>();

  constructor(
    readonly kernel: Kernel,
    options: HalPlatformOptions = {},
  ) {
    this.hasMapRegisters = options.hasMapRegisters ?? true;
    this.addressing = this.hasMapRegisters ? (options.addressing ?? 'direct') : 'direct';
    this.maxMapRegistersPerAdapter = options.maxMapRegistersPerAdapter ?? 64;
    this.memory = options.memory ?? null;
    this.frames = this.memory === null ? null : (options.frames ?? null);
    this.policy = { ...defaultHalPolicy, ...options.policy };
    this.dmaVerification = options.dmaVerification ?? true;
    this.frameworkVerifier = options.frameworkVerifier ?? true;
    this.observer = options.observer ?? null;
    this.faults = options.faults ?? null;
    this.pool = new MapRegisterPool(
      kernel.nextObjectId('MapRegisterPool', POOL),
      options.mapRegisters ?? 1024,
      this.addressing === 'bounce' ? this.frames : null,
    );
    this.queue = new AllocationQueue(this);
    this.mapper = new PageMapper(this.addressing, this.memory, this.dmaVerification);
    this.commonBuffers = new CommonBufferAllocator(this);
    this.nonPagedPool = new NonPagedPool(this);
  }

  /** As it was built, for another execution: nothing is granted, nobody has an adapter. Whoever gives the frames has been reset before. */
  reset(): void {
    this.pool.reset();
    this.queue.reset();
    this.commonBuffers.reset();
    this.nonPagedPool.outstanding = 0;
    this.adapters = [];
    this.everyAdapter = [];
    this.systemDma?.reset();
    for (const window of this.#windows.values()) window.reset();
  }

  /** IoGetDmaAdapter. Null for an unknown version (rule A35), or when the device's address width reaches neither frames nor window. `owner` is the device's name in reports. */
  getDmaAdapter(description: DeviceDescription, deviceDomain: DmaDomain | null, owner: string | null = null): WdmDmaAdapter | null {
    if (description.version < 1 || description.version > DEVICE_DESCRIPTION_VERSION_MAX) {
      if (this.dmaVerification) reportVersion(this.kernel, owner, description.version);
      return null;
    }
    const systemDma = description.isMaster ? null : this.systemDma;
    if (systemDma !== null && !systemDma.isChannel(description.dmaChannel)) return null;
    // Of a system transfer memory sees the controller, never the device behind it.
    const domain = systemDma === null ? deviceDomain : systemDma.hardware.domain;
    if (domain !== null && this.needsWindow(domain, description) && !reachesWindow(domain, description)) return null;
    if (this.faults?.failsAllocation('a DMA adapter') === true) return null;
    const wanted = Math.ceil(description.maximumLengthBytes / PAGE_SIZE) + 1;
    const adapter = new WdmDmaAdapter(this, description, domain, Math.min(wanted, this.maxMapRegistersPerAdapter), owner);
    this.adapters.push(adapter);
    this.everyAdapter.push(adapter);
    return adapter;
  }

  /** Registers as the pool counts them: none where none exist. */
  counted(registers: number): number {
    return this.hasMapRegisters ? registers : 0;
  }

  /**
   * Whether the device works through its translation window: by the platform's addressing, or - on a platform that
   * shows frames directly - because the frames lie beyond its address width.
   */
  needsWindow(domain: DmaDomain | null, { addressWidthBits }: DeviceDescription): boolean {
    if (domain === null || !this.hasMapRegisters) return false;
    return this.addressing !== 'direct' || domain.frameBase >= addressEnd(addressWidthBits);
  }

  /** The translation window of a domain; null when frames are seen directly. */
  windowOf(domain: DmaDomain | null): LogicalWindow | null {
    if (domain === null || domain.windowSlots === 0) return null;
    let window = this.#windows.get(domain);
    if (window === undefined) {
      window = new LogicalWindow(domain);
      this.#windows.set(domain, window);
    }
    return window;
  }
}
