import { STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';
import type { ExecutionLevel, SynchronizationScope } from './callback-lock.js';
import type { ContextType } from './context-type.js';
import type { Created } from './created.js';
import { Device } from './device.js';
import { checkFileObjectConfig, type FileObjectConfig } from './file-object.js';
import { HardwareResources, type BusResources } from './hardware-resources.js';
import type { PnpPowerEventCallbacks } from './power-callbacks.js';

/** WDFDEVICE_INIT: what EvtDriverDeviceAdd fills in before it creates the device. */
export class DeviceInit {
  readonly resources: HardwareResources;
  readonly #kernel: Kernel;
  readonly #bus: BusResources;
  #callbacks: PnpPowerEventCallbacks = {};
  #scope: SynchronizationScope = 'none';
  #executionLevel: ExecutionLevel = 'dispatch';
  #requestContext: ContextType<object> | null = null;
  #fileObjectConfig: FileObjectConfig | null = null;
  #isExclusive = false;
  #device: Device | null = null;

  constructor(
    kernel: Kernel,
    bus: BusResources,
    private readonly driverParams: Readonly<Record<string, number>> = {},
  ) {
    this.#kernel = kernel;
    this.#bus = bus;
    this.resources = new HardwareResources(kernel, bus);
  }

  /**
   * WdfRegistryQueryULong of the driver's Parameters key, which a scenario fills with `driverParams`: the number under
   * that name, null when there is none.
   */
  queryParameter(name: string): number | null {
    return this.driverParams[name] ?? null;
  }

  setPnpPowerEventCallbacks(callbacks: PnpPowerEventCallbacks): void {
    this.#callbacks = callbacks;
  }

  setSynchronizationScope(scope: SynchronizationScope): void {
    this.#scope = scope;
  }

  /** Execution level of the device's callbacks, and of its queues' unless they have their own. Default `dispatch`. */
  setExecutionLevel(level: ExecutionLevel): void {
    this.#executionLevel = level;
  }

  /** WdfDeviceInitSetRequestAttributes: every request of the device carries such a context. */
  setRequestContext(type: ContextType<object>): void {
    this.#requestContext = type;
  }

  /** WdfDeviceInitSetFileObjectConfig: callbacks for opening and closing the device. */
  setFileObjectConfig(config: FileObjectConfig): void {
    this.#fileObjectConfig = config;
  }

  /** WdfDeviceInitSetExclusive: one open file at a time. Default false. */
  setExclusive(isExclusive: boolean): void {
    this.#isExclusive = isExclusive;
  }

  /**
   * WdfDeviceCreate. INVALID_DEVICE_REQUEST when this DeviceInit has made its device already, or when file callbacks are to
   * be serialized with a device whose callbacks are not passive.
   */
  create(contextType?: ContextType<object>): Created<Device> {
    if (this.#device !== null) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    const fileStatus = checkFileObjectConfig(this.#fileObjectConfig, this.#executionLevel, this.#scope);
    if (fileStatus !== STATUS_SUCCESS) return { ok: false, status: fileStatus };
    this.#device = new Device(this.#kernel, {
      bus: this.#bus,
      resources: this.resources,
      callbacks: this.#callbacks,
      synchronizationScope: this.#scope,
      executionLevel: this.#executionLevel,
      requestContext: this.#requestContext,
      fileObjectConfig: this.#fileObjectConfig,
      isExclusive: this.#isExclusive,
      context: contextType?.createFor(this.#kernel, this.resources.deviceName),
    });
    return { ok: true, status: STATUS_SUCCESS, object: this.#device };
  }

  /** The device the driver created; null when EvtDriverDeviceAdd did not get that far. */
  get device(): Device | null {
    return this.#device;
  }
}
