import {
  STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_PARAMETER, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS, STATUS_WDF_NO_CALLBACK, STATUS_WDF_PAUSED, WDF_VIOLATION, WdfViolation,
  type NtStatus,
} from '../nt/index.js';
import { Dpc, EventKind, FxObject, SpinLock, suspendingCallback, type DriverCallback, type Suspending } from '../kernel/index.js';
import type { Created } from './created.js';
import type { Device } from './device.js';
import { RequestList } from './request-list.js';
import { RequestType, type Request } from './request.js';

/** WDF_IO_QUEUE_DISPATCH_TYPE. */
export type DispatchType = 'sequential' | 'parallel' | 'manual';

export type EvtIo = DriverCallback<[queue: IoQueue, request: Request, lengthBytes: number], void>;

/** EVT_WDF_IO_QUEUE_STATE. */
export type EvtIoQueueState = DriverCallback<[queue: IoQueue], void>;

/** WDF_IO_QUEUE_CONFIG. */
export interface IoQueueConfig {
  readonly dispatchType: DispatchType;
  readonly evtIoRead?: EvtIo;
  readonly evtIoWrite?: EvtIo;
  readonly evtIoDeviceControl?: EvtIo;
  /** For every request type without a callback of its own. */
  readonly evtIoDefault?: EvtIo;
  /** Parallel only: most requests the driver owns at once. Default unlimited. */
  readonly numberOfPresentedRequests?: number;
  /** Requests wait while the device is not in D0. Default true. */
  readonly powerManaged?: boolean;
  /** Zero-length reads and writes reach the driver. Default false: the framework completes them with SUCCESS. */
  readonly allowZeroLengthRequests?: boolean;
}

/**
 * WDFQUEUE. Delivery conditions, the dispatch loop and its re-entrancy are those of queues-requests-cancel
 * section 2: a new request runs the loop in the caller's context; completing one runs it only if no loop of this
 * queue is running anywhere, otherwise that loop picks it up when its callback returns.
 */
export class IoQueue extends FxObject {
  readonly #waiting = new RequestList();
  readonly #driverOwned = new RequestList();
  readonly #presentedMax: number;
  readonly #callbacks: ((queue: IoQueue, request: Request, lengthBytes: number) => Suspending<void>)[];
  readonly #lock: SpinLock | null;
  readonly #dpc: Dpc;
  #accepting = true;
  #dispatching = true;
  #powered: boolean;
  #loopsRunning = 0;
  #readyNotify: ((queue: IoQueue) => Suspending<void>) | null = null;
  #becameNonEmpty = false;
  #stateNotification: { readonly callback: (queue: IoQueue) => Suspending<void>; readonly whenEmpty: boolean } | null = null;

  private constructor(
    readonly device: Device,
    readonly config: IoQueueConfig,
  ) {
    super(device.kernel, 'IoQueue', device);
    this.#presentedMax = config.dispatchType === 'sequential' ? 1 : (config.numberOfPresentedRequests ?? Infinity);
    this.#callbacks = callbackTable(config);
    this.#lock = device.synchronizationScope === 'queue' ? new SpinLock(device.kernel, `${this.label} callback lock`) : device.callbackLock;
    this.#dpc = new Dpc(device.kernel, `${this.label} dispatch`, () => this.#dispatch());
    this.#powered = !(config.powerManaged ?? true);
  }

  /** WdfIoQueueCreate. WDF_NO_CALLBACK: not manual and no callback; INVALID_PARAMETER: a manual queue with one, or a bound on a queue that is not parallel. */
  static create(device: Device, config: IoQueueConfig): Created<IoQueue> {
    const hasCallback = [config.evtIoDefault, config.evtIoRead, config.evtIoWrite, config.evtIoDeviceControl].some((c) => c !== undefined);
    const manual = config.dispatchType === 'manual';
    if (!manual && !hasCallback) return { ok: false, status: STATUS_WDF_NO_CALLBACK };
    if (manual && hasCallback) return { ok: false, status: STATUS_INVALID_PARAMETER };
    if (config.numberOfPresentedRequests !== undefined && config.dispatchType !== 'parallel') return { ok: false, status: STATUS_INVALID_PARAMETER };
    const queue = new IoQueue(device, config);
    device.queues.push(queue);
    return { ok: true, status: STATUS_SUCCESS, object: queue };
  }

  get waitingCount(): number {
    return this.#waiting.count;
  }

  get driverOwnedCount(): number {
    return this.#driverOwned.count;
  }

  /** A request arrives from the I/O manager or is forwarded; runs the dispatch loop in the caller's context. */
  *enqueue(request: Request): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    if (!this.#accepting) {
      request.completeByFramework(STATUS_INVALID_DEVICE_STATE);
      return;
    }
    if (request.lengthBytes === 0 && request.type !== RequestType.DeviceControl && this.config.allowZeroLengthRequests !== true) {
      request.completeByFramework(STATUS_SUCCESS);
      return;
    }
    this.insert(request);
    yield* this.run();
  }

  /** Puts a request at the tail without dispatching. */
  insert(request: Request): void {
    request.enterQueue(this);
    this.#waiting.append(request);
    if (this.#waiting.count === 1) this.#becameNonEmpty = true;
  }

  /** Runs the dispatch loop here, or from a DPC when this vCPU already holds the callback lock. */
  *run(): Suspending<void> {
    if (this.#lock !== null && this.#lock.isHeldByCurrent) this.#dpc.queue();
    else yield* this.#dispatch();
  }

  /** A request left the driver's hands; its place in the driver-owned list is free. */
  detach(request: Request): void {
    this.#driverOwned.remove(request);
  }

  /** Dispatches the next request, unless a running loop of this queue will. */
  *afterRelease(): Suspending<void> {
    if (this.#loopsRunning === 0 && (this.#hasWork() || this.#notificationIsDue())) yield* this.run();
  }

  #hasWork(): boolean {
    if (!this.#dispatching || !this.#powered || this.#waiting.count === 0) return false;
    if (this.config.dispatchType === 'manual') return this.#readyNotify !== null && this.#becameNonEmpty;
    return this.#driverOwned.count < this.#presentedMax;
  }

  *#dispatch(): Suspending<void> {
    this.#loopsRunning++;
    for (;;) {
      if (this.#notificationIsDue()) yield* this.#notify();
      else if (!this.#hasWork()) break;
      else if (this.config.dispatchType === 'manual') yield* this.#notifyReady();
      else yield* this.#present(this.#waiting.takeFirst()!);
    }
    this.#loopsRunning--;
  }

  /** Stopped: the driver owns nothing any more. Drained: nothing waits either. Only one loop may tell. */
  #notificationIsDue(): boolean {
    const pending = this.#stateNotification;
    if (pending === null || this.#loopsRunning > 1 || this.#driverOwned.count > 0) return false;
    return !pending.whenEmpty || this.#waiting.count === 0;
  }

  *#notify(): Suspending<void> {
    const { callback } = this.#stateNotification!;
    this.#stateNotification = null;
    const irql = this.kernel.enter(this.objectId);
    yield* callback(this);
    this.kernel.leave(irql, this.objectId, 'EvtIoQueueState');
  }

  /** WdfIoQueueStart: accepts and dispatches. */
  *start(): Suspending<void> {
    this.requireLive('WdfIoQueueStart');
    this.#accepting = true;
    this.#dispatching = true;
    this.#becameNonEmpty = this.#waiting.count > 0;
    yield* this.run();
  }

  /** WdfIoQueueStop: accepts, but dispatches no more; `stopComplete` is called when the driver owns no request of this queue. */
  *stop(stopComplete: EvtIoQueueState | null = null): Suspending<void> {
    this.#changeState('WdfIoQueueStop', stopComplete, false);
    this.#dispatching = false;
    yield* this.afterRelease();
  }

  /** WdfIoQueueDrain: accepts no more and dispatches the rest; `drainComplete` is called when nothing is left. */
  *drain(drainComplete: EvtIoQueueState | null = null): Suspending<void> {
    this.#changeState('WdfIoQueueDrain', drainComplete, true);
    this.#accepting = false;
    yield* this.afterRelease();
  }

  /** One notification at a time: a second is a fatal error (rule B20). */
  #changeState(ddi: string, callback: EvtIoQueueState | null, whenEmpty: boolean): void {
    this.requireLive(ddi);
    if (callback === null) return;
    if (this.#stateNotification !== null) {
      this.kernel.violation({
        rule: 'B20',
        severity: 'crash',
        object: this.label,
        message: `${ddi} is called on ${this.label} while the callback of an earlier state change is still to come`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.QUEUE_FATAL_ERROR, this.objectId] },
      });
    }
    this.#stateNotification = { callback: suspendingCallback(callback), whenEmpty };
  }

  *#present(request: Request): Suspending<void> {
    const callback = this.#callbacks[request.type];
    this.#driverOwned.append(request);
    request.presentToDriver();
    if (callback === undefined) {
      yield* request.complete(STATUS_INVALID_DEVICE_REQUEST);
      return;
    }
    this.kernel.emit(EventKind.RequestPresent, request.objectId, request.lengthBytes, request.type);
    yield* this.#underLock(callback, request);
  }

  *#underLock(callback: (queue: IoQueue, request: Request, lengthBytes: number) => Suspending<void>, request: Request): Suspending<void> {
    const lock = this.#lock;
    if (lock !== null) yield* lock.acquire();
    const irql = this.kernel.enter(this.objectId);
    yield* callback(this, request, request.lengthBytes);
    this.kernel.leave(irql, this.objectId, 'EvtIo');
    if (lock !== null) yield* lock.release();
  }

  *#notifyReady(): Suspending<void> {
    this.#becameNonEmpty = false;
    const lock = this.#lock;
    if (lock !== null) yield* lock.acquire();
    yield* this.#readyNotify!(this);
    if (lock !== null) yield* lock.release();
  }

  /**
   * WdfIoQueueRetrieveNextRequest, for manual and sequential queues. `status` tells why there is none:
   * NO_MORE_ENTRIES, WDF_PAUSED (stopped or not in D0), INVALID_DEVICE_STATE (parallel queue, rule C25).
   */
  *retrieveNextRequest(): Suspending<Created<Request>> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.requireLive('WdfIoQueueRetrieveNextRequest');
    if (this.config.dispatchType === 'parallel') return { ok: false, status: STATUS_INVALID_DEVICE_STATE };
    if (!this.#powered || !this.#dispatching) return { ok: false, status: STATUS_WDF_PAUSED };
    const request = this.#waiting.takeFirst();
    if (request === null) return { ok: false, status: STATUS_NO_MORE_ENTRIES };
    this.#driverOwned.append(request);
    request.presentToDriver();
    return { ok: true, status: STATUS_SUCCESS, object: request };
  }

  /** WdfIoQueueReadyNotify: called when a manual queue turns from empty to non-empty; null ends it. */
  readyNotify(callback: DriverCallback<[queue: IoQueue], void> | null): NtStatus {
    if (this.config.dispatchType !== 'manual') return STATUS_INVALID_DEVICE_REQUEST;
    if (callback !== null && this.#readyNotify !== null) return STATUS_INVALID_DEVICE_REQUEST;
    this.#readyNotify = callback === null ? null : suspendingCallback(callback);
    return STATUS_SUCCESS;
  }

  get isAccepting(): boolean {
    return this.#accepting;
  }

  /** WdfRequestForwardToIoQueue's second half. */
  *acceptForwarded(request: Request): Suspending<void> {
    this.insert(request);
    yield* this.run();
  }

  /** WdfRequestRequeue's second half: back to the head of this queue. */
  *takeBack(request: Request): Suspending<void> {
    this.#driverOwned.remove(request);
    request.enterQueue(this);
    this.#waiting.prepend(request);
    // Only ever set here: an arrival may still be waiting for its notification.
    if (this.#waiting.count === 1) this.#becameNonEmpty = true;
    if (this.#loopsRunning === 0) yield* this.run();
  }

  /** Power-managed queues start when the device enters D0. */
  *powerUp(): Suspending<void> {
    this.#powered = true;
    this.#becameNonEmpty = this.#waiting.count > 0;
    yield* this.run();
  }

  /** Dispatching stops when the device leaves D0; requests keep arriving and wait. */
  powerDown(): void {
    if (this.config.powerManaged ?? true) this.#powered = false;
  }
}

function callbackTable(config: IoQueueConfig): ((queue: IoQueue, request: Request, lengthBytes: number) => Suspending<void>)[] {
  const table: ((queue: IoQueue, request: Request, lengthBytes: number) => Suspending<void>)[] = [];
  const set = (type: number, callback: EvtIo | undefined): void => {
    const chosen = callback ?? config.evtIoDefault;
    if (chosen !== undefined) table[type] = suspendingCallback(chosen);
  };
  set(RequestType.Read, config.evtIoRead);
  set(RequestType.Write, config.evtIoWrite);
  set(RequestType.DeviceControl, config.evtIoDeviceControl);
  return table;
}

