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
  readRegister(offset: number, widthBytes: 1 | 2 | 4): number;
  writeRegister(offset: number, widthBytes: 1 | 2 | 4, value: number): void;
}

/** What the bus driver hands a function driver: the translated resources of one device. */
export interface HardwareResources {
  readonly deviceName: string;
  /** BAR 0. */
  readonly registers: RegisterPort;
  /** Interrupt resources in the order of the device's vectors. */
  readonly vectors: readonly InterruptVector[];
  /** Bytes of memory on the device that descriptors can address. */
  readonly localMemoryBytes: number;
  readonly platform: HalPlatform;
  readonly domain: DmaDomain | null;
  /** Model parameters the driver may ask for, such as the number of channels (a PCI capability on real hardware). */
  readonly capabilities: Readonly<Record<string, number>>;
  /** Bus-master enable in the device's configuration space; the bus driver sets it before D0Entry. */
  setBusMaster(enabled: boolean): void;
}
