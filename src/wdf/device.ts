import { STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_PARAMETER, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import { FxObject, type Kernel, type Suspending } from '../kernel/index.js';
import type { DmaDomain, HalPlatform } from '../hal/index.js';
import { createCallbackLock, type CallbackLock, type ExecutionLevel, type SynchronizationScope } from './callback-lock.js';
import type { ContextType } from './context-type.js';
import type { Created } from './created.js';
import { DeviceFiles } from './device-files.js';
import { DevicePower, type PnpState } from './device-power.js';
import type { DmaEnabler } from './dma-enabler.js';
import type { FileObject, FileObjectConfig } from './file-object.js';
import type { BusResources, HardwareResources } from './hardware-resources.js';
import type { Interrupt } from './interrupt.js';
import type { IoQueue } from './io-queue.js';
import type { PnpPowerEventCallbacks } from './power-callbacks.js';
import { REQUEST_TYPES, RequestType, type Request } from './request.js';

export interface DeviceParts {
  readonly bus: BusResources;
  readonly resources: HardwareResources;
  readonly callbacks: PnpPowerEventCallbacks;
  readonly synchronizationScope: SynchronizationScope;
  readonly executionLevel: ExecutionLevel;
  readonly requestContext: ContextType<object> | null;
  readonly fileObjectConfig: FileObjectConfig | null;
  readonly isExclusive: boolean;
  readonly context: object | undefined;
}

/** WDFDEVICE: the function driver's device with its queues, interrupts and enablers. Power and PnP are in DevicePower. */
export class Device extends FxObject {
  readonly interrupts: Interrupt[] = [];
  readonly queues: IoQueue[] = [];
  /** DMA enablers in the order of creation; their power callbacks run in it. */
  readonly dmaEnablers: DmaEnabler[] = [];
  readonly resources: HardwareResources;
  readonly synchronizationScope: SynchronizationScope;
  readonly executionLevel: ExecutionLevel;
  readonly requestContext: ContextType<object> | null;
  /** Version-2 packet transactions of one device exclude each other; the one that is active. */
  activePacketTransaction: FxObject | null = null;
  /** WdfDeviceSetAlignmentRequirement, a mask: 15 aligns to 16 bytes. Default 0. */
  alignmentRequirement = 0;
  /** Held around covered callbacks when the scope is `device`; null otherwise. */
  readonly callbackLock: CallbackLock | null;
  #sharedLock: CallbackLock | null = null;
  readonly #routes = new Array<IoQueue | undefined>(REQUEST_TYPES);
  readonly #power: DevicePower;
  readonly #files: DeviceFiles;

  constructor(kernel: Kernel, parts: DeviceParts) {
    super(kernel, 'Device', null, { context: parts.context });
    this.resources = parts.resources;
    this.synchronizationScope = parts.synchronizationScope;
    this.executionLevel = parts.executionLevel;
    this.requestContext = parts.requestContext;
    this.callbackLock = parts.synchronizationScope === 'device' ? this.sharedCallbackLock : null;
    this.#power = new DevicePower(this, parts.bus, parts.callbacks);
    this.#files = new DeviceFiles(this, parts.fileObjectConfig, parts.isExclusive);
  }

  /** The lock of every queue with scope `device`, whatever the scope of the device itself. */
  get sharedCallbackLock(): CallbackLock {
    return (this.#sharedLock ??= createCallbackLock(this, this.executionLevel));
  }

  get platform(): HalPlatform {
    return this.resources.platform;
  }

  get domain(): DmaDomain | null {
    return this.resources.domain;
  }

  /** Name of the device in reports. */
  get deviceName(): string {
    return this.resources.deviceName;
  }

  get pnpState(): PnpState {
    return this.#power.state;
  }

  /** WdfInterruptCreate is legal. */
  get takesInterrupts(): boolean {
    return this.#power.takesInterrupts;
  }

  /** Started by PnP and not stopped or removed: in D0 or sleeping. */
  get isStarted(): boolean {
    return this.pnpState === 'D0' || this.pnpState === 'Dx';
  }

  get isInD0(): boolean {
    return this.pnpState === 'D0';
  }

  /**
   * WdfDeviceConfigureRequestDispatching: requests of this type go to `queue`. INVALID_DEVICE_REQUEST: the type has a queue,
   * or creates are to go to a queue without EvtIoDefault; INVALID_PARAMETER: creates have a queue.
   */
  configureRequestDispatching(queue: IoQueue, type: RequestType): NtStatus {
    if (type === RequestType.Create && queue.config.evtIoDefault === undefined) return STATUS_INVALID_DEVICE_REQUEST;
    if (this.#routes[type] !== undefined) return type === RequestType.Create ? STATUS_INVALID_PARAMETER : STATUS_INVALID_DEVICE_REQUEST;
    this.#routes[type] = queue;
    return STATUS_SUCCESS;
  }

  /** The queue for every type that has none of its own, but for creates. */
  setDefaultQueue(queue: IoQueue): void {
    for (const type of Object.values(RequestType)) if (type !== RequestType.Create) this.#routes[type] ??= queue;
  }

  // ---- Files

  /** The driver has asked for file objects: a program must open the device before it uses it. */
  get needsFileObject(): boolean {
    return this.#files.areConfigured;
  }

  /** Held around the driver's file callbacks; null without a scope. */
  get fileLock(): CallbackLock | null {
    return this.#files.lock;
  }

  /**
   * A program opens the device, at PASSIVE_LEVEL: the create request goes to its queue or to EvtDeviceFileCreate, and
   * this returns when it has completed, with the status the driver gave. ACCESS_DENIED: exclusive, and open already.
   */
  openFile(fileName: string): Suspending<Created<FileObject>> {
    return this.#files.open(fileName, this.#routes[RequestType.Create]);
  }

  /** Called by the file that has been closed. */
  fileClosed(): void {
    this.#files.fileClosed();
  }

  /** A request arrives from the I/O manager. No queue for its type: INVALID_DEVICE_REQUEST. */
  submit(request: Request): Suspending<void> {
    const queue = this.#routes[request.type];
    return queue === undefined ? request.completeByFramework(STATUS_INVALID_DEVICE_REQUEST) : queue.enqueue(request);
  }

  // ---- What the PnP and power managers ask; all at PASSIVE_LEVEL, one transition at a time. DEVICE_REMOVED: the device is gone

  /** IRP_MN_START_DEVICE: PrepareHardware, then D0 entry. A failing step undoes what was done; the device can only be removed then. */
  start(): Suspending<NtStatus> {
    return this.#power.start();
  }

  /** Leaves D0 for D3; requests wait. Returns when the driver has stopped all its work. */
  powerDown(): Suspending<NtStatus> {
    return this.#power.powerDown();
  }

  /** Back to D0 from D3. A failing step undoes what was done; the device can only be removed then. */
  powerUp(): Suspending<NtStatus> {
    return this.#power.powerUp();
  }

  /** IRP_MN_STOP_DEVICE, to rebalance resources: leaves D0 and releases the hardware; `start` begins again. */
  stop(): Suspending<NtStatus> {
    return this.#power.stop();
  }

  /**
   * The hardware is pulled: it is absent at once, EvtDeviceSurpriseRemoval is called at once, then the device is taken
   * down (section 10). May be called while another transition runs. `remove` follows when the last handle is closed.
   */
  surpriseRemove(): Suspending<void> {
    return this.#power.surpriseRemove();
  }

  /** IRP_MN_REMOVE_DEVICE: takes the device down from wherever it is, purges its queues and deletes it with all it owns. */
  remove(): Suspending<void> {
    return this.#power.remove();
  }

  /** Rule C18: code inside EvtDeviceSurpriseRemoval must not complete or cancel requests or stop queues. */
  checkSurpriseRemoval(ddi: string, object: FxObject): void {
    this.#power.checkSurpriseRemoval(ddi, object);
  }
}
