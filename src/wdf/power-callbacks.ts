import { STATUS_SUCCESS, STATUS_UNSUCCESSFUL, statusName, type Irql, type NtStatus } from '../nt/index.js';
import { SUCCEEDED, completed, isSuspending, refuseAsync, type DriverCallback, type Suspending } from '../kernel/index.js';
import type { Device } from './device.js';
import type { HardwareResources } from './hardware-resources.js';

type EvtDevice = DriverCallback<[device: Device], NtStatus>;
type EvtDeviceNotice = DriverCallback<[device: Device], void>;

/** WDF_PNPPOWER_EVENT_CALLBACKS; all at PASSIVE_LEVEL, in the order of queues-requests-cancel section 9. */
export interface PnpPowerEventCallbacks {
  readonly evtDevicePrepareHardware?: DriverCallback<[device: Device, resources: HardwareResources], NtStatus>;
  readonly evtDeviceReleaseHardware?: EvtDevice;
  readonly evtDeviceD0Entry?: EvtDevice;
  readonly evtDeviceD0EntryPostInterruptsEnabled?: EvtDevice;
  readonly evtDeviceD0ExitPreInterruptsDisabled?: EvtDevice;
  readonly evtDeviceD0Exit?: EvtDevice;
  /** After the first D0 entry. */
  readonly evtDeviceSelfManagedIoInit?: EvtDevice;
  /** First of all when the device leaves D0. */
  readonly evtDeviceSelfManagedIoSuspend?: EvtDevice;
  /** Last of all when the device is in D0 again. */
  readonly evtDeviceSelfManagedIoRestart?: EvtDevice;
  /** On removal, when the power-managed queues have been purged. */
  readonly evtDeviceSelfManagedIoFlush?: EvtDeviceNotice;
  /** On removal, when all queues have been purged. */
  readonly evtDeviceSelfManagedIoCleanup?: EvtDeviceNotice;
  /** The hardware is gone. Not synchronised with the callbacks that take the device down (section 10). */
  readonly evtDeviceSurpriseRemoval?: EvtDeviceNotice;
}

type Callback = DriverCallback<[device: Device, resources: HardwareResources], NtStatus | void>;

/** Those that answer with nothing. */
const NOTICES: ReadonlySet<keyof PnpPowerEventCallbacks> = new Set([
  'evtDeviceSelfManagedIoFlush',
  'evtDeviceSelfManagedIoCleanup',
  'evtDeviceSurpriseRemoval',
]);

/** The driver's callbacks; a missing one succeeds. */
export class PowerCallbacks {
  constructor(private readonly callbacks: PnpPowerEventCallbacks) {}

  /** Calls it, at the level this runs at. Finding L-NTSTATUS when it does not return the NTSTATUS it must return. */
  call(device: Device, name: keyof PnpPowerEventCallbacks): Suspending<NtStatus> {
    const callback = this.callbacks[name] as Callback | undefined;
    if (callback === undefined) return SUCCEEDED;
    const irql = device.kernel.enter(device.objectId, name);
    // eslint-disable-next-line dmalab/suspending-under-yield-star -- whether it suspends is known only when it has been called
    const result = callback(device, device.resources);
    if (isSuspending(result)) return this.#await(device, name, irql, result);
    refuseAsync(result);
    return completed(this.#returned(device, name, irql, result));
  }

  *#await(device: Device, name: keyof PnpPowerEventCallbacks, irql: Irql, body: Suspending<NtStatus | void>): Suspending<NtStatus> {
    return this.#returned(device, name, irql, yield* body);
  }

  #returned(device: Device, name: keyof PnpPowerEventCallbacks, irql: Irql, status: NtStatus | void): NtStatus {
    const { kernel, objectId } = device;
    kernel.leave(irql, objectId, name);
    if (NOTICES.has(name)) return STATUS_SUCCESS;
    if (typeof status === 'number') return status;
    kernel.violation({
      rule: 'L-NTSTATUS',
      severity: 'crash',
      object: device.label,
      message: `${name} of ${device.deviceName} returned ${String(status)}, not an NTSTATUS such as ${statusName(STATUS_SUCCESS)}`,
    });
    return STATUS_UNSUCCESSFUL;
  }
}
