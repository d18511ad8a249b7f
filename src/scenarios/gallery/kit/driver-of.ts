import type { DeviceInit, DriverConfig, NtStatus, Suspending } from '../../../index.js';

/** A driver whose every device is run by a `Driver` of its own. */
export function driverOf(name: string, Driver: new () => { addDevice(deviceInit: DeviceInit): Suspending<NtStatus> }): DriverConfig {
  return { name, evtDriverDeviceAdd: (deviceInit) => new Driver().addDevice(deviceInit) };
}
