import {
  NT_SUCCESS,
  PASSIVE_LEVEL,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_UNSUCCESSFUL,
  STATUS_WDF_OBJECT_ATTRIBUTES_INVALID,
  type NtStatus,
} from '../nt/index.js';
import { PAGE_SIZE } from '../memory/index.js';
import { COMPLETED, FxObject, SUCCEEDED, asSuspending, type ObjectAttributes, type Suspending } from '../kernel/index.js';
import { ListPair, type DeviceDescription, type WdmDmaAdapter } from '../hal/index.js';
import type { Created } from './created.js';
import type { DmaDevice } from './dma-host.js';
import { asUlong } from './dma-transaction-arithmetic.js';

/** WDF_DMA_DIRECTION. */
export const DmaDirection = { ReadFromDevice: 0, WriteToDevice: 1 } as const;
export type DmaDirection = (typeof DmaDirection)[keyof typeof DmaDirection];

/** WDF_DMA_PROFILE, and what each one means. */
export const DMA_PROFILES = {
  Packet: { kind: 'packet', addressBits: 32, isDuplex: false },
  Packet64: { kind: 'packet', addressBits: 64, isDuplex: false },
  ScatterGather: { kind: 'scatter-gather', addressBits: 32, isDuplex: false },
  ScatterGather64: { kind: 'scatter-gather', addressBits: 64, isDuplex: false },
  ScatterGatherDuplex: { kind: 'scatter-gather', addressBits: 32, isDuplex: true },
  ScatterGather64Duplex: { kind: 'scatter-gather', addressBits: 64, isDuplex: true },
  System: { kind: 'system', addressBits: 24, isDuplex: false },
  SystemDuplex: { kind: 'system', addressBits: 24, isDuplex: true },
} as const;
export type DmaProfile = keyof typeof DMA_PROFILES;

/** WDF_DMA_ENABLER_UNLIMITED_FRAGMENTS. */
export const UNLIMITED_FRAGMENTS = 0xffffffff;
/** sizeof(WDF_DMA_ENABLER_CONFIG). */
export const DMA_ENABLER_CONFIG_SIZE = 80;

/** EVT_WDF_DMA_ENABLER_XXX, all at PASSIVE_LEVEL. Method syntax, so that a callback may name its own object types. */
export type EvtDmaEnabler = { callback(enabler: DmaEnabler): Suspending<NtStatus> | NtStatus }['callback'];

export interface DmaEnablerCallbacks {
  readonly evtDmaEnablerFill?: EvtDmaEnabler;
  readonly evtDmaEnablerEnable?: EvtDmaEnabler;
  readonly evtDmaEnablerSelfManagedIoStart?: EvtDmaEnabler;
  readonly evtDmaEnablerSelfManagedIoStop?: EvtDmaEnabler;
  readonly evtDmaEnablerDisable?: EvtDmaEnabler;
  readonly evtDmaEnablerFlush?: EvtDmaEnabler;
}

/** WDF_DMA_ENABLER_CONFIG. */
export interface DmaEnablerConfig extends DmaEnablerCallbacks {
  /** Only checked: INFO_LENGTH_MISMATCH for another value than DMA_ENABLER_CONFIG_SIZE. */
  readonly size?: number;
  readonly profile: DmaProfile;
  /** Largest transfer the device can do. */
  readonly maximumLengthBytes: number;
  /** Address bits of the device; 0 or absent: as the profile says. Brings version 3. */
  readonly addressWidthOverride?: number;
  /** 3 for version 3; 0 or absent: 2, or 3 where the rest needs it. */
  readonly wdmDmaVersionOverride?: number;
  /** WDF_DMA_ENABLER_CONFIG_NO_SGLIST_PREALLOCATION. */
  readonly noScatterGatherListPreallocation?: boolean;
  /** WDF_DMA_ENABLER_CONFIG_REQUIRE_SINGLE_TRANSFER. */
  readonly requireSingleTransfer?: boolean;
}

/** The DMA resource of a subordinate device: controller channel and request line. */
export interface DmaResourceDescriptor {
  readonly channel: number;
  readonly requestLine: number;
}

/** WDF_DMA_SYSTEM_PROFILE_CONFIG. */
export interface DmaSystemProfileConfig {
  /** The device register data goes to or comes from. */
  readonly deviceAddress: number;
  readonly dmaWidthBits: 8 | 16 | 32 | 64;
  readonly dmaDescriptor: DmaResourceDescriptor | null;
  /** Default false. */
  readonly demandMode?: boolean;
  /** Default false. */
  readonly loopedTransfer?: boolean;
}

/** One adapter of an enabler and the limits that follow from it; all zero until a system adapter is configured. */
export class AdapterInfo {
  adapter: WdmDmaAdapter | null = null;
  version = 0;
  maximumLengthBytes = 0;
  numberOfMapRegisters = 0;
  maximumFragmentLengthBytes = 0;
  /** Elements of the list buffers made in advance. */
  preallocatedElements = 0;

  configure(adapter: WdmDmaAdapter): void {
    const { description, numberOfMapRegisters } = adapter;
    this.adapter = adapter;
    this.version = description.version;
    this.maximumLengthBytes = description.maximumLengthBytes;
    this.numberOfMapRegisters = numberOfMapRegisters;
    this.maximumFragmentLengthBytes = Math.min(description.maximumLengthBytes, (numberOfMapRegisters - 1) * PAGE_SIZE);
    const isPacket = description.isMaster && !description.scatterGather;
    this.preallocatedElements = isPacket ? 1 : adapter.calculateScatterGatherList(numberOfMapRegisters * PAGE_SIZE);
  }
}

/** WDFDMAENABLER: a device's DMA capability, its adapters, and the power callbacks around them. */
export class DmaEnabler<C = unknown> extends FxObject<C> {
  readonly profile: DmaProfile;
  readonly kind: (typeof DMA_PROFILES)[DmaProfile]['kind'];
  readonly #maximumLengthBytes: number;
  readonly requireSingleTransfer: boolean;
  /** Alignment mask of common buffers: set for scatter/gather only, 0 for the others. */
  readonly commonBufferAlignment: number;
  readonly #isDuplex: boolean;
  /** By direction; one and the same for both when the profile is not duplex. */
  readonly #adapters: readonly [AdapterInfo, AdapterInfo];
  /** Null when it has registered none. */
  readonly #callbacks: DmaEnablerCallbacks | null;
  /** List buffers are made in advance: per transaction for scatter/gather, one in all for system profiles. */
  isListAllocated = false;
  /** System profiles: the list that every mapping of every transaction overwrites. */
  systemLists: ListPair | null = null;
  #maximumElements = UNLIMITED_FRAGMENTS;
  #fillFailed = false;
  #enableFailed = false;

  private constructor(
    readonly device: DmaDevice,
    config: DmaEnablerConfig,
    adapters: readonly [AdapterInfo, AdapterInfo],
    attributes: ObjectAttributes<C>,
  ) {
    super(device.kernel, 'DmaEnabler', attributes.parent ?? device, attributes);
    const { kind, isDuplex } = DMA_PROFILES[config.profile];
    this.profile = config.profile;
    this.kind = kind;
    this.#isDuplex = isDuplex;
    this.#adapters = adapters;
    this.#maximumLengthBytes = asUlong(config.maximumLengthBytes);
    this.requireSingleTransfer = config.requireSingleTransfer ?? false;
    this.#callbacks = hasCallbacks(config) ? config : null;
    this.isListAllocated = kind === 'scatter-gather' && config.noScatterGatherListPreallocation !== true;
    this.commonBufferAlignment =
      kind === 'scatter-gather' ? Math.max(device.alignmentRequirement, adapters[0].adapter!.alignmentBytes - 1) : 0;
    device.dmaEnablers.push(this);
  }

  /**
   * WdfDmaEnablerCreate, at PASSIVE_LEVEL. INFO_LENGTH_MISMATCH, INVALID_PARAMETER (profile, length, overrides),
   * WDF_OBJECT_ATTRIBUTES_INVALID (the parent is no descendant of the device), UNSUCCESSFUL (no adapter).
   */
  static *create<C = unknown>(
    device: DmaDevice,
    config: DmaEnablerConfig,
    attributes: ObjectAttributes<C> = {},
  ): Suspending<Created<DmaEnabler<C>>> {
    device.requireLive('WdfDmaEnablerCreate');
    const op = device.kernel.callOp(device.objectId);
    if (device.kernel.at(op)) yield op;
    if (!device.kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfDmaEnablerCreate')) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    if (attributes.parent !== undefined && !descendsFrom(attributes.parent, device))
      return { ok: false, status: STATUS_WDF_OBJECT_ATTRIBUTES_INVALID };
    if (config.size !== undefined && config.size !== DMA_ENABLER_CONFIG_SIZE) return { ok: false, status: STATUS_INFO_LENGTH_MISMATCH };
    if (!Object.hasOwn(DMA_PROFILES, config.profile) || config.maximumLengthBytes === 0)
      return { ok: false, status: STATUS_INVALID_PARAMETER };
    const version = dmaVersion(config);
    if (version === null) return { ok: false, status: STATUS_INVALID_PARAMETER };
    const adapters = createAdapters(device, config, version);
    if (adapters === null) return { ok: false, status: STATUS_UNSUCCESSFUL };
    return { ok: true, status: STATUS_SUCCESS, object: new DmaEnabler<C>(device, config, adapters, attributes) };
  }

  /**
   * WdfDmaEnablerConfigureSystemProfile: fetches the adapter of one direction of a system profile. INVALID_PARAMETER
   * when the descriptor is missing, the direction is none or is configured already (the first and last: rule C03);
   * UNSUCCESSFUL without an adapter.
   */
  configureSystemProfile(config: DmaSystemProfileConfig, direction: number): NtStatus {
    this.requireLive('WdfDmaEnablerConfigureSystemProfile');
    if (config.dmaDescriptor === null) {
      this.#breakIn(`WdfDmaEnablerConfigureSystemProfile of ${this.label} is called without a DMA resource descriptor`);
      return STATUS_INVALID_PARAMETER;
    }
    // Of a direction that is none the framework says nothing here.
    if (!isDmaDirection(direction)) return STATUS_INVALID_PARAMETER;
    const info = this.adapterInfo(direction);
    if (info.adapter !== null) {
      this.#breakIn(`WdfDmaEnablerConfigureSystemProfile of ${this.label} is called again for a direction that is configured already`);
      return STATUS_INVALID_PARAMETER;
    }
    const { platform, domain, deviceName = null } = this.device;
    const adapter = platform.getDmaAdapter(this.#systemDescription(config, config.dmaDescriptor), domain, deviceName);
    if (adapter === null) return STATUS_UNSUCCESSFUL;
    info.configure(adapter);
    const elements = Math.max(this.#adapters[0].preallocatedElements, this.#adapters[1].preallocatedElements);
    this.systemLists = new ListPair(this.kernel, this.label, elements);
    this.isListAllocated = true;
    return STATUS_SUCCESS;
  }

  #systemDescription(config: DmaSystemProfileConfig, descriptor: DmaResourceDescriptor): DeviceDescription {
    return {
      version: 3,
      isMaster: false,
      scatterGather: false,
      addressWidthBits: 64,
      maximumLengthBytes: this.#maximumLengthBytes,
      dmaChannel: descriptor.channel,
      dmaRequestLine: descriptor.requestLine,
      deviceAddress: config.deviceAddress,
      dmaWidthBits: config.dmaWidthBits,
      demandMode: config.demandMode ?? false,
      autoInitialize: config.loopedTransfer ?? false,
    };
  }

  /** The adapter a direction uses. */
  adapterInfo(direction: DmaDirection): AdapterInfo {
    return this.#adapters[direction];
  }

  /** Configured length; 0 while a system enabler's read direction is not configured. */
  get maximumLengthBytes(): number {
    return this.#adapters[DmaDirection.ReadFromDevice].maximumLengthBytes;
  }

  /** What the config asked for, whatever the adapters allow. */
  get configuredMaximumLengthBytes(): number {
    return this.#maximumLengthBytes;
  }

  /** Only the read direction is looked at: a duplex system enabler with only writes configured counts as version 2. */
  get usesDmaV3(): boolean {
    return this.#adapters[DmaDirection.ReadFromDevice].version === 3;
  }

  get isBusMaster(): boolean {
    return this.kind !== 'system';
  }

  /** All but version-2 packet enablers. */
  get supportsChainedMdls(): boolean {
    return this.usesDmaV3 || this.kind !== 'packet';
  }

  /** WdfDmaEnablerGetFragmentLength; 0, and rule C03, for a value that is no direction. */
  fragmentLengthBytes(direction: number): number {
    return this.#isDirection(direction, 'WdfDmaEnablerGetFragmentLength') ? this.adapterInfo(direction).maximumFragmentLengthBytes : 0;
  }

  #isDirection(direction: number, ddi: string): direction is DmaDirection {
    if (isDmaDirection(direction)) return true;
    this.#breakIn(`${ddi} of ${this.label} is called with direction ${direction}`);
    return false;
  }

  /** A break of the framework verifier: rule C03. */
  #breakIn(message: string): void {
    if (this.device.platform.frameworkVerifier) this.kernel.violation({ rule: 'C03', severity: 'warning', object: this.label, message });
  }

  get maximumScatterGatherElements(): number {
    return this.#maximumElements;
  }

  /** WdfDmaEnablerSetMaximumScatterGatherElements, at PASSIVE_LEVEL. 0 is ignored, more than 2^32-1 means unlimited. */
  setMaximumScatterGatherElements(elements: number): void {
    this.requireLive('WdfDmaEnablerSetMaximumScatterGatherElements');
    const isLegal = this.kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfDmaEnablerSetMaximumScatterGatherElements');
    // Only the framework verifier refuses a call at a higher level.
    if (!isLegal && this.device.platform.frameworkVerifier) return;
    if (elements !== 0) this.#maximumElements = Math.min(elements, UNLIMITED_FRAGMENTS);
  }

  /** WdfDmaEnablerWdmGetDmaAdapter; null for an unconfigured system profile, and with rule C03 for a value that is no direction. */
  wdmGetDmaAdapter(direction: number): WdmDmaAdapter | null {
    return this.#isDirection(direction, 'WdfDmaEnablerWdmGetDmaAdapter') ? this.adapterInfo(direction).adapter : null;
  }

  /**
   * Fill, Enable, SelfManagedIoStart; the first failure ends it (queues-requests-cancel section 9). The status is that
   * of the last callback there is, so that a success other than SUCCESS comes through.
   */
  powerUp(): Suspending<NtStatus> {
    return this.#callbacks === null ? SUCCEEDED : this.#powerUp();
  }

  *#powerUp(): Suspending<NtStatus> {
    const filled = yield* this.#call('evtDmaEnablerFill', STATUS_SUCCESS);
    if (!NT_SUCCESS(filled)) {
      this.#fillFailed = true;
      return filled;
    }
    const enabled = yield* this.#call('evtDmaEnablerEnable', filled);
    if (!NT_SUCCESS(enabled)) {
      this.#enableFailed = true;
      return enabled;
    }
    return yield* this.#call('evtDmaEnablerSelfManagedIoStart', enabled);
  }

  /** SelfManagedIoStop always; Disable unless Fill failed, ever; Flush unless Fill or Enable failed. The first failing status, else SUCCESS. */
  powerDown(): Suspending<NtStatus> {
    return this.#callbacks === null ? SUCCEEDED : this.#powerDown();
  }

  *#powerDown(): Suspending<NtStatus> {
    const stopped = yield* this.#call('evtDmaEnablerSelfManagedIoStop', STATUS_SUCCESS);
    const disabled = this.#fillFailed ? STATUS_SUCCESS : yield* this.#call('evtDmaEnablerDisable', STATUS_SUCCESS);
    const flushed = this.#fillFailed || this.#enableFailed ? STATUS_SUCCESS : yield* this.#call('evtDmaEnablerFlush', STATUS_SUCCESS);
    for (const status of [stopped, disabled, flushed]) if (!NT_SUCCESS(status)) return status;
    return STATUS_SUCCESS;
  }

  /** `otherwise` is the status without such a callback. */
  *#call(name: keyof DmaEnablerCallbacks, otherwise: NtStatus): Suspending<NtStatus> {
    const callback = this.#callbacks![name];
    if (callback === undefined) return otherwise;
    const irql = this.kernel.enter(this.objectId, name);
    const status = yield* asSuspending(callback(this));
    this.kernel.leave(irql, this.objectId, name);
    return status;
  }

  /** The adapters go: rules A09-A12 look at what was not given back. */

  override dispose(): Suspending<void> {
    const { dmaEnablers } = this.device;
    const [read, write] = this.#adapters;
    read.adapter?.putDmaAdapter();
    if (this.#isDuplex) write.adapter?.putDmaAdapter();
    read.adapter = null;
    write.adapter = null;
    const at = dmaEnablers.indexOf(this);
    if (at >= 0) dmaEnablers.splice(at, 1);
    return COMPLETED;
  }
}

export function isDmaDirection(direction: number): direction is DmaDirection {
  return direction === DmaDirection.ReadFromDevice || direction === DmaDirection.WriteToDevice;
}

function descendsFrom(object: FxObject, ancestor: FxObject): boolean {
  for (let at: FxObject | null = object; at !== null; at = at.parent) if (at === ancestor) return true;
  return false;
}

/** The version the configuration leads to on x64: 2, raised by what needs 3; null for a contradiction. */
function dmaVersion(config: DmaEnablerConfig): number | null {
  const { kind, addressBits } = DMA_PROFILES[config.profile];
  const width = config.addressWidthOverride ?? 0;
  if (width !== 0 && (kind === 'system' || (addressBits === 32 && width > 32))) return null;
  const needed = kind === 'system' || width !== 0 ? 3 : 2;
  const override = config.wdmDmaVersionOverride ?? 0;
  if (override !== 0 && override < needed) return null;
  const version = override === 0 ? needed : override;
  return config.requireSingleTransfer === true && version !== 3 ? null : version;
}

/** One adapter, or one a direction (read first); system adapters come later. Null when the HAL has none to give. */
function createAdapters(device: DmaDevice, config: DmaEnablerConfig, version: number): readonly [AdapterInfo, AdapterInfo] | null {
  const { kind, addressBits, isDuplex } = DMA_PROFILES[config.profile];
  const read = new AdapterInfo();
  const write = isDuplex ? new AdapterInfo() : read;
  if (kind === 'system') return [read, write];
  const width = config.addressWidthOverride ?? 0;
  const description: DeviceDescription = {
    version,
    isMaster: true,
    scatterGather: kind === 'scatter-gather',
    addressWidthBits: width === 0 ? addressBits : width,
    maximumLengthBytes: asUlong(config.maximumLengthBytes),
  };
  for (const info of isDuplex ? [read, write] : [read]) {
    const adapter = device.platform.getDmaAdapter(description, device.domain, device.deviceName ?? null);
    if (adapter === null) {
      read.adapter?.putDmaAdapter();
      return null;
    }
    info.configure(adapter);
  }
  return [read, write];
}

function hasCallbacks(config: DmaEnablerCallbacks): boolean {
  return (
    config.evtDmaEnablerFill !== undefined ||
    config.evtDmaEnablerEnable !== undefined ||
    config.evtDmaEnablerSelfManagedIoStart !== undefined ||
    config.evtDmaEnablerSelfManagedIoStop !== undefined ||
    config.evtDmaEnablerDisable !== undefined ||
    config.evtDmaEnablerFlush !== undefined
  );
}
