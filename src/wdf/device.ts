import { NT_SUCCESS, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, statusName, type NtStatus } from '../nt/index.js';
import { EventKind, FxObject, SpinLock, suspendingCallback, type DriverCallback, type Kernel, type Suspending } from '../kernel/index.js';
import type { DmaDomain, HalPlatform } from '../hal/index.js';
import type { ContextType } from './context-type.js';
import type { Created } from './created.js';
import type { DmaEnabler } from './dma-enabler.js';
import type { HardwareResources } from './hardware-resources.js';
import type { Interrupt } from './interrupt.js';
import type { IoQueue } from './io-queue.js';
import { RequestType, type Request } from './request.js';

/** WDF_SYNCHRONIZATION_SCOPE: which callbacks exclude each other (queues-requests-cancel section 5). */
export type SynchronizationScope = 'none' | 'device' | 'queue';

/** WDF_PNPPOWER_EVENT_CALLBACKS; all at PASSIVE_LEVEL. */
export interface PnpPowerEventCallbacks {
  readonly evtDevicePrepareHardware?: DriverCallback<[device: Device, resources: HardwareResources], NtStatus>;
  readonly evtDeviceReleaseHardware?: DriverCallback<[device: Device], NtStatus>;
  readonly evtDeviceD0Entry?: DriverCallback<[device: Device], NtStatus>;
  readonly evtDeviceD0EntryPostInterruptsEnabled?: DriverCallback<[device: Device], NtStatus>;
  readonly evtDeviceD0ExitPreInterruptsDisabled?: DriverCallback<[device: Device], NtStatus>;
  readonly evtDeviceD0Exit?: DriverCallback<[device: Device], NtStatus>;
}

/** WDFDEVICE_INIT: what EvtDriverDeviceAdd fills in before it creates the device. */
export class DeviceInit {
  readonly #kernel: Kernel;
  #callbacks: PnpPowerEventCallbacks = {};
  #scope: SynchronizationScope = 'none';
  #requestContext: ContextType<object> | null = null;
  #device: Device | null = null;

  constructor(
    kernel: Kernel,
    readonly resources: HardwareResources,
  ) {
    this.#kernel = kernel;
  }

  setPnpPowerEventCallbacks(callbacks: PnpPowerEventCallbacks): void {
    this.#callbacks = callbacks;
  }

  setSynchronizationScope(scope: SynchronizationScope): void {
    this.#scope = scope;
  }

  /** WdfDeviceInitSetRequestAttributes: every request of the device carries such a context. */
  setRequestContext(type: ContextType<object>): void {
    this.#requestContext = type;
  }

  /** WdfDeviceCreate. INVALID_DEVICE_REQUEST when this DeviceInit has made its device already. */
  create(contextType?: ContextType<object>): Created<Device> {
    if (this.#device !== null) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    this.#device = new Device(this.#kernel, this.resources, this.#callbacks, this.#scope, this.#requestContext, contextType?.create());
    return { ok: true, status: STATUS_SUCCESS, object: this.#device };
  }

  /** The device the driver created; null when EvtDriverDeviceAdd did not get that far. */
  get device(): Device | null {
    return this.#device;
  }
}

/**
 * WDFDEVICE: the function driver's device, its queues, interrupts and enablers, and the power order of
 * queues-requests-cancel section 9.
 */
export class Device extends FxObject {
  readonly interrupts: Interrupt[] = [];
  readonly queues: IoQueue[] = [];
  /** DMA enablers in the order of creation; their power callbacks run in it. */
  readonly dmaEnablers: DmaEnabler[] = [];
  /** Version-2 packet transactions of one device exclude each other; the one that is active. */
  activePacketTransaction: FxObject | null = null;
  /** WdfDeviceSetAlignmentRequirement, a mask: 15 aligns to 16 bytes. Default 0. */
  alignmentRequirement = 0;
  /** Held around covered callbacks when the scope is `device`; null otherwise. */
  readonly callbackLock: SpinLock | null;
  readonly #callbacks: Required<{ [K in keyof PnpPowerEventCallbacks]: (device: Device, resources: HardwareResources) => Suspending<NtStatus> }>;
  readonly #routes: (IoQueue | undefined)[] = [];
  #started = false;

  constructor(
    kernel: Kernel,
    readonly resources: HardwareResources,
    callbacks: PnpPowerEventCallbacks,
    readonly synchronizationScope: SynchronizationScope,
    readonly requestContext: ContextType<object> | null,
    context: object | undefined,
  ) {
    super(kernel, 'Device', null, { context });
    this.callbackLock = synchronizationScope === 'device' ? new SpinLock(kernel, `${this.label} callback lock`) : null;
    this.#callbacks = powerCallbackTable(callbacks);
  }

  get platform(): HalPlatform {
    return this.resources.platform;
  }

  get domain(): DmaDomain | null {
    return this.resources.domain;
  }

  get isStarted(): boolean {
    return this.#started;
  }

  /** WdfDeviceConfigureRequestDispatching: requests of this type go to `queue`. */
  configureRequestDispatching(queue: IoQueue, type: RequestType): NtStatus {
    if (this.#routes[type] !== undefined) return STATUS_INVALID_DEVICE_REQUEST;
    this.#routes[type] = queue;
    return STATUS_SUCCESS;
  }

  /** The queue for every type that has none of its own. */
  setDefaultQueue(queue: IoQueue): void {
    for (const type of [RequestType.Read, RequestType.Write, RequestType.DeviceControl, RequestType.InternalDeviceControl]) this.#routes[type] ??= queue;
  }

  /** A request arrives from the I/O manager. No queue for its type: INVALID_DEVICE_REQUEST. */
  *submit(request: Request): Suspending<void> {
    const queue = this.#routes[request.type];
    if (queue === undefined) request.completeByFramework(STATUS_INVALID_DEVICE_REQUEST);
    else yield* queue.enqueue(request);
  }

  /** First start: PrepareHardware, then D0 entry in the documented order. A failing step undoes what was done. */
  *start(): Suspending<NtStatus> {
    const prepared = yield* this.#call('evtDevicePrepareHardware');
    if (!NT_SUCCESS(prepared)) return prepared;
    const entered = yield* this.#enterD0();
    if (NT_SUCCESS(entered)) this.#started = true;
    else yield* this.#call('evtDeviceReleaseHardware');
    return entered;
  }

  *#enterD0(): Suspending<NtStatus> {
    this.resources.setBusMaster(true);
    let status = yield* this.#call('evtDeviceD0Entry');
    if (!NT_SUCCESS(status)) {
      this.resources.setBusMaster(false);
      return status;
    }
    for (const interrupt of this.interrupts) {
      status = yield* interrupt.connect();
      if (!NT_SUCCESS(status)) break;
    }
    if (NT_SUCCESS(status)) status = yield* this.#call('evtDeviceD0EntryPostInterruptsEnabled');
    if (NT_SUCCESS(status)) status = yield* this.#powerUpEnablers();
    if (!NT_SUCCESS(status)) {
      yield* this.#interruptsOffAndExit();
      return status;
    }
    this.kernel.emit(EventKind.PowerState, this.objectId, 0, 0);
    for (const queue of this.queues) yield* queue.powerUp();
    return STATUS_SUCCESS;
  }

  /** Stops at the first enabler that fails; then all of them get PowerDown. */
  *#powerUpEnablers(): Suspending<NtStatus> {
    for (const enabler of this.dmaEnablers) {
      const status = yield* enabler.powerUp();
      if (NT_SUCCESS(status)) continue;
      for (const every of this.dmaEnablers) yield* every.powerDown();
      return status;
    }
    return STATUS_SUCCESS;
  }

  *#interruptsOffAndExit(): Suspending<void> {
    yield* this.#call('evtDeviceD0ExitPreInterruptsDisabled');
    for (const interrupt of this.interrupts) yield* interrupt.disconnect();
    yield* this.#call('evtDeviceD0Exit');
    this.resources.setBusMaster(false);
  }

  /** Orderly removal: queues stop, enablers down, interrupts off, D0 exit, ReleaseHardware, objects disposed. */
  *remove(): Suspending<void> {
    if (this.#started) {
      for (const queue of this.queues) queue.powerDown();
      for (const enabler of this.dmaEnablers) yield* enabler.powerDown();
      yield* this.#interruptsOffAndExit();
      this.kernel.emit(EventKind.PowerState, this.objectId, 3, 0);
      yield* this.#call('evtDeviceReleaseHardware');
      this.#started = false;
    }
    yield* this.delete();
  }

  *#call(name: keyof PnpPowerEventCallbacks): Suspending<NtStatus> {
    const irql = this.kernel.enter(this.objectId);
    const status = yield* this.#callbacks[name](this, this.resources);
    this.kernel.leave(irql, this.objectId, name);
    if (typeof status !== 'number') throw new TypeError(`${name} of ${this.resources.deviceName} returned ${String(status)}, not an NTSTATUS such as ${statusName(STATUS_SUCCESS)}`);
    return status;
  }
}

function powerCallbackTable(callbacks: PnpPowerEventCallbacks): Required<{ [K in keyof PnpPowerEventCallbacks]: (device: Device, resources: HardwareResources) => Suspending<NtStatus> }> {
  const nothing = (): NtStatus => STATUS_SUCCESS;
  return {
    evtDevicePrepareHardware: suspendingCallback(callbacks.evtDevicePrepareHardware ?? nothing),
    evtDeviceReleaseHardware: suspendingCallback(callbacks.evtDeviceReleaseHardware ?? nothing),
    evtDeviceD0Entry: suspendingCallback(callbacks.evtDeviceD0Entry ?? nothing),
    evtDeviceD0EntryPostInterruptsEnabled: suspendingCallback(callbacks.evtDeviceD0EntryPostInterruptsEnabled ?? nothing),
    evtDeviceD0ExitPreInterruptsDisabled: suspendingCallback(callbacks.evtDeviceD0ExitPreInterruptsDisabled ?? nothing),
    evtDeviceD0Exit: suspendingCallback(callbacks.evtDeviceD0Exit ?? nothing),
  };
}
