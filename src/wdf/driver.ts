import type { NtStatus } from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import type { DeviceInit } from './device-init.js';

/** WDF_DRIVER_CONFIG: a driver is its EvtDriverDeviceAdd and the callbacks that registers. */
export interface DriverConfig {
  /** Name in reports. */
  readonly name: string;
  /** Creates the device object, queues, interrupts and DMA objects; a failure status means the device does not start. PASSIVE_LEVEL. */
  evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus>;
}
