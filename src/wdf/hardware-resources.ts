import type { Irql } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';
import type { DmaDomain, HalPlatform } from '../hal/index.js';
import type { InterruptVector } from './interrupt-vector.js';

/**
 * A device's register window as the bus presents it: each access is one bus transaction, atomic against the device.
 * Offsets in bytes; widths 1, 2 or 4. Reads of an absent device give all ones, writes to it vanish.
 */
export interface RegisterPort {
  /** The device's kernel object: its steps and the driver's register accesses depend on each other through it. */
  readonly objectId: number;
  readonly lengthBytes: number;
  /** The device fetches blocks of memory of which it uses a part: what it reads and writes says nothing about data races. */
  readonly fetchesBlocks?: boolean;
  readRegister(offset: number, widthBytes: 1 | 2 | 4): number;
  writeRegister(offset: number, widthBytes: 1 | 2 | 4, value: number): void;
  /** Name of the register at `offset`, and its bits that keep what is written and read as it; for messages and data races. */
  registerName?(offset: number): string;
  keptBits?(offset: number): number;
}

/** DMA controller channel and request line of a subordinate device. */
export interface DmaChannelResource {
  readonly channel: number;
  readonly requestLine: number;
}

/** CM_PARTIAL_RESOURCE_DESCRIPTOR, translated: one entry of the list that EvtDevicePrepareHardware walks. */
export type TranslatedResource =
  | { readonly type: 'memory'; readonly bar: number; readonly lengthBytes: number }
  | {
      readonly type: 'interrupt';
      readonly vector: number;
      readonly irql: Irql;
      readonly mode: 'line' | 'edge' | 'message';
      readonly messageId: number;
    }
  | { readonly type: 'dma'; readonly channel: number; readonly requestLine: number };

/** Device power states, 0 for D0 to 3 for D3. */
export type DevicePowerState = 0 | 1 | 2 | 3;

/** The bus driver's side of one device: what it gives to the function driver and what it does to the slot. */
export interface BusResources {
  readonly deviceName: string;
  /** BAR 0. */
  readonly registers: RegisterPort;
  /** Interrupt resources in the order of the device's vectors. */
  readonly vectors: readonly InterruptVector[];
  /** Bytes of memory on the device that descriptors can address; BAR 1 when there is any. */
  readonly localMemoryBytes: number;
  /** Channels of the system's DMA controller; none for a bus master. */
  readonly dmaChannels?: readonly DmaChannelResource[];
  readonly platform: HalPlatform;
  readonly domain: DmaDomain | null;
  /** Model parameters the driver may ask for, such as the number of channels (a PCI capability on real hardware). */
  readonly capabilities: Readonly<Record<string, number>>;
  /** Bus-master enable in the device's configuration space; the bus driver sets it before D0Entry. */
  setBusMaster(enabled: boolean): void;
  /** Back in D0 the registers have their power-on values. Returns when the device stands still. */
  setPowerState(state: DevicePowerState): void;
  /** False: unplugged, from one step of the device to the next. Registers read all ones, nothing of it reaches memory or a vector. */
  setPresent(present: boolean): void;
}

/** What the device's driver sees: the translated resources of one device. */
export class HardwareResources {
  readonly deviceName: string;
  readonly registers: GuardedRegisterPort;
  readonly vectors: readonly InterruptVector[];
  readonly localMemoryBytes: number;
  readonly platform: HalPlatform;
  readonly domain: DmaDomain | null;
  readonly capabilities: Readonly<Record<string, number>>;
  readonly #bus: BusResources;

  constructor(kernel: Kernel, bus: BusResources) {
    this.deviceName = bus.deviceName;
    this.registers = new GuardedRegisterPort(kernel, bus.deviceName, bus.registers);
    this.vectors = bus.vectors;
    this.localMemoryBytes = bus.localMemoryBytes;
    this.platform = bus.platform;
    this.domain = bus.domain;
    this.capabilities = bus.capabilities;
    this.#bus = bus;
  }

  /** The same as a list: memory by BAR, then interrupts, then DMA channels. */
  get translated(): readonly TranslatedResource[] {
    return translate(this.#bus);
  }
}

function translate(bus: BusResources): TranslatedResource[] {
  const list: TranslatedResource[] = [{ type: 'memory', bar: 0, lengthBytes: bus.registers.lengthBytes }];
  if (bus.localMemoryBytes > 0) list.push({ type: 'memory', bar: 1, lengthBytes: bus.localMemoryBytes });
  bus.vectors.forEach(({ index, irql, source }, messageId) =>
    list.push({ type: 'interrupt', vector: index, irql, mode: source.kind, messageId }),
  );
  for (const { channel, requestLine } of bus.dmaChannels ?? []) list.push({ type: 'dma', channel, requestLine });
  return list;
}

const ALL_ONES = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const;

/**
 * The window as the driver may use it: from EvtDevicePrepareHardware until EvtDeviceD0Exit has returned, and again from
 * D0 entry. Outside, an access is rule D47; it reads all ones and writes nothing.
 */
export class GuardedRegisterPort implements RegisterPort {
  readonly objectId: number;
  readonly lengthBytes: number;
  readonly fetchesBlocks: boolean;
  /** Why nobody may touch the hardware now; null while the driver may. Set by the device's power machine. */
  closedBecause: string | null = 'its resources have not been assigned yet';

  constructor(
    private readonly kernel: Kernel,
    private readonly deviceName: string,
    private readonly port: RegisterPort,
  ) {
    this.objectId = port.objectId;
    this.lengthBytes = port.lengthBytes;
    this.fetchesBlocks = port.fetchesBlocks === true;
  }

  registerName(offset: number): string {
    return this.port.registerName?.(offset) ?? `register 0x${offset.toString(16)}`;
  }

  keptBits(offset: number): number {
    return this.port.keptBits?.(offset) ?? 0;
  }

  readRegister(offset: number, widthBytes: 1 | 2 | 4): number {
    if (this.closedBecause === null) return this.port.readRegister(offset, widthBytes);
    this.#report('read', offset);
    return ALL_ONES[widthBytes];
  }

  writeRegister(offset: number, widthBytes: 1 | 2 | 4, value: number): void {
    if (this.closedBecause === null) this.port.writeRegister(offset, widthBytes, value);
    else this.#report('written', offset);
  }

  #report(what: string, offset: number): void {
    this.kernel.violation({
      rule: 'D47',
      severity: 'error',
      object: this.deviceName,
      message: `register 0x${offset.toString(16)} of ${this.deviceName} is ${what} while ${this.closedBecause}`,
    });
  }
}
