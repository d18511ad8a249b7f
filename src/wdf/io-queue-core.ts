import {
  PASSIVE_LEVEL,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_SUCCESS,
} from '../nt/index.js';
import { COMPLETED, Dpc, EventKind, FxObject, suspendedAt, type Activation, type Suspending } from '../kernel/index.js';
import { createCallbackLock, type CallbackLock, type CallbackOwner, type ExecutionLevel } from './callback-lock.js';
import type { Device } from './device.js';
import { queueCallbacks, type IoQueueConfig, type QueueCallbacks } from './io-queue-config.js';
import { QueueNotices } from './io-queue-notices.js';
import { QueuePower, forgetPowerMarks, type QueuePowerHost } from './io-queue-power.js';
import type { IoQueue } from './io-queue.js';
import { CancelList, RequestList } from './request-list.js';
import { CancelState } from './request-state.js';
import { RequestType, type Request } from './request.js';
import { SystemWorkItem } from './system-work-item.js';

/** Reads and writes of no bytes end at once; control requests need no buffer, and creates have none. */
const isTransfer = ({ type }: Request): boolean => type === RequestType.Read || type === RequestType.Write;

type QueueCallback = (queue: IoQueue, request: Request, actionFlags: number) => Suspending<void>;

/**
 * What a queue does by itself: arrival, dispatch, cancellation. Delivery conditions, the dispatch loop and its
 * re-entrancy are those of queues-requests-cancel section 2: what arrives runs the loop in the caller's context;
 * completing and cancelling run it only if no loop of this queue is running anywhere, otherwise that loop picks the
 * rest up when its callback returns.
 */
export abstract class IoQueueCore extends FxObject implements CallbackOwner {
  /** What drivers call this object; it is never anything else. */
  readonly #self = this as unknown as IoQueue;
  protected readonly waiting = new RequestList();
  protected readonly driverOwned = new RequestList();
  /** Owned requests whose EvtRequestCancel is due. */
  readonly #canceled = new CancelList();
  /** Requests that were cancelled while they waited here, after the driver had had them once. */
  readonly #canceledOnQueue = new CancelList();
  readonly #presentedMax: number;
  protected readonly callbacks: QueueCallbacks;
  readonly executionLevel: ExecutionLevel;
  /** Held around this queue's callbacks; the device's with scope `device`, null with scope `none`. */
  readonly callbackLock: CallbackLock | null;
  readonly #dpc: Dpc;
  /** Runs the dispatch loop for whoever is above PASSIVE_LEVEL; null when the callbacks may come at DISPATCH_LEVEL. */
  readonly #workItem: SystemWorkItem | null;
  protected readonly queuePower: QueuePower;
  protected readonly notices = new QueueNotices(this.#self);
  /** What runs the loops that are active now: a callback of this queue must not wait for this queue (rule C23). */
  protected readonly loops: Activation[] = [];
  /** Waiting requests whose cancel routine is taken: nobody else can take them off. */
  #beingCanceled = 0;
  protected accepting = true;
  protected dispatching = true;
  protected cancelingOwned = false;
  protected ready: ((queue: IoQueue) => Suspending<void>) | null = null;
  protected becameNonEmpty = false;
  /** A retrieve found nothing although a request was there: the next arrival notifies again (section 2). */
  protected mustNotifyArrival = false;

  protected constructor(
    readonly device: Device,
    readonly config: IoQueueConfig,
  ) {
    super(device.kernel, 'IoQueue', device);
    this.#presentedMax = config.dispatchType === 'sequential' ? 1 : (config.numberOfPresentedRequests ?? Infinity);
    this.callbacks = queueCallbacks(config);
    this.executionLevel = config.executionLevel ?? device.executionLevel;
    this.callbackLock = this.#chooseLock();
    this.#dpc = new Dpc(device.kernel, `${this.label} dispatch`, () => this.#dispatch());
    this.#workItem =
      this.executionLevel === 'passive'
        ? new SystemWorkItem(device.kernel, `${this.label} dispatch`, this.objectId, () => this.#dispatch())
        : null;
    this.queuePower = new QueuePower(this.#self, this.powerHost(), this.isPowerManaged && !device.isInD0);
  }

  #chooseLock(): CallbackLock | null {
    const scope = this.config.synchronizationScope ?? this.device.synchronizationScope;
    if (scope === 'queue') return createCallbackLock(this, this.executionLevel);
    return scope === 'device' ? this.device.sharedCallbackLock : null;
  }

  get isPowerManaged(): boolean {
    return this.config.powerManaged ?? true;
  }

  get power(): QueuePower {
    return this.queuePower;
  }

  get waitingCount(): number {
    return this.waiting.count;
  }

  get driverOwnedCount(): number {
    return this.driverOwned.count;
  }

  get isAccepting(): boolean {
    return this.accepting;
  }

  /** Purging, or StopAndPurge: whoever marks a request cancelable is told at once, whoever gives one back loses it. */
  get isCancelingOwned(): boolean {
    return this.cancelingOwned;
  }

  // ---- Arrival

  /** A request arrives from the I/O manager; runs the dispatch loop in the caller's context. */
  enqueue(request: Request): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    return this.kernel.at(op) ? suspendedAt(op, () => this.#enqueueNow(request)) : this.#enqueueNow(request);
  }

  #enqueueNow(request: Request): Suspending<void> {
    if (!this.accepting) return request.completeByFramework(STATUS_INVALID_DEVICE_STATE);
    if (request.lengthBytes === 0 && isTransfer(request) && this.config.allowZeroLengthRequests !== true)
      return request.completeByFramework(STATUS_SUCCESS);
    if (request.isCancelRequested && !this.#canPresentNext(0)) return request.completeByFramework(STATUS_CANCELLED);
    this.#insert(request);
    return this.run();
  }

  #insert(request: Request): void {
    request.enterQueue(this.#self);
    this.waiting.append(request);
    this.#noteArrival();
  }

  #noteArrival(): void {
    if (this.waiting.count === 1 || this.mustNotifyArrival) this.becameNonEmpty = true;
    this.mustNotifyArrival = false;
  }

  /** WdfRequestForwardToIoQueue's second half. */
  *acceptForwarded(request: Request): Suspending<void> {
    this.#insert(request);
    if (request.isCancelRequested) yield* this.#dropCanceled(request);
    yield* this.run();
  }

  /** WdfRequestRequeue's second half: back to the head of this queue. */
  *takeBack(request: Request): Suspending<void> {
    yield* this.putBack(request);
    yield* this.run();
  }

  protected *putBack(request: Request): Suspending<void> {
    this.detach(request);
    request.enterQueue(this.#self);
    this.waiting.prepend(request);
    // Only ever set here: an arrival may still be waiting for its notification.
    if (this.waiting.count === 1) this.becameNonEmpty = true;
    if (request.isCancelRequested || this.cancelingOwned) yield* this.#dropCanceled(request);
  }

  // ---- Departure

  /** A request leaves the driver's hands. */
  detach(request: Request): void {
    // A request that is presented because this one is gone comes after it, whoever presents it: the framework's lock on the queue.
    if (this.kernel.races !== null) this.kernel.races.release(this.objectId);
    this.driverOwned.remove(request);
    forgetPowerMarks(request);
  }

  /** Goes on with what that made possible, unless a running loop of this queue will. */
  afterRelease(): Suspending<void> {
    return this.loops.length === 0 && this.#isAnythingDue() ? this.run() : COMPLETED;
  }

  /** Whether the dispatch loop would do anything; most runs come when there is nothing to do. */
  #isAnythingDue(): boolean {
    return (
      this.#hasWork() ||
      this.queuePower.isInTransition ||
      !this.#canceled.isEmpty ||
      !this.#canceledOnQueue.isEmpty ||
      this.notices.arePending
    );
  }

  // ---- Cancellation (section 4)

  /** The I/O manager has taken the cancel routine of a waiting request; it will come for the request itself. */
  beginCancelQueued(): void {
    this.#beingCanceled++;
  }

  *cancelQueued(request: Request): Suspending<void> {
    this.#beingCanceled--;
    yield* this.#dropCanceled(request);
    yield* this.afterRelease();
  }

  /** The driver's own request is cancelled: its callback is handed to the dispatch loop. */
  *cancelOwned(request: Request): Suspending<void> {
    this.#canceled.append(request);
    yield* this.afterRelease();
  }

  /** A cancelled request leaves the queue: completed, or back to a driver that knows it and asked to be told. */
  *#dropCanceled(request: Request): Suspending<void> {
    this.waiting.remove(request);
    request.takeForCancel();
    if (this.callbacks.canceledOnQueue === null || !request.wasPresented) {
      yield* request.completeByFramework(STATUS_CANCELLED);
      return;
    }
    this.driverOwned.append(request);
    request.returnCanceled();
    this.#canceledOnQueue.append(request);
  }

  /** All that waits now goes; what arrives later, even from a completion below, does not. */
  protected *cancelWaiting(): Suspending<void> {
    let last = this.waiting.count;
    for (let request = this.waiting.head; request !== null && last > 0; last--) {
      const { next }: Request = request;
      if (request.cancelState === CancelState.None) yield* this.#dropCanceled(request);
      request = next;
    }
  }

  protected cancelMarked(): void {
    for (let request = this.driverOwned.head; request !== null; request = request.next) {
      if (request.cancelState !== CancelState.Marked) continue;
      request.takeForCancel();
      this.#canceled.append(request);
    }
  }

  *#callCancel(request: Request): Suspending<void> {
    const { kernel } = this;
    const { generation } = request;
    const lock = this.callbackLock;
    if (lock !== null) yield* lock.acquire();
    // Completed against the rules and in use again while this waited for the lock: that is another request.
    if (request.generation === generation) {
      const callback = request.takeCancelCallback();
      if (kernel.races !== null) kernel.races.acquire(request.objectId);
      const irql = kernel.enter(request.objectId, 'EvtRequestCancel');
      yield* callback(request);
      kernel.leave(irql, request.objectId, 'EvtRequestCancel');
    }
    if (lock !== null) yield* lock.release();
  }

  // ---- Dispatch

  /**
   * Runs the dispatch loop here; from a DPC when the running code already holds the callback lock; for callbacks at
   * PASSIVE_LEVEL from a work item, then and whenever this is above that level.
   */
  run(): Suspending<void> {
    // Whoever presents the next request comes after what made that possible: the framework's lock on the queue.
    if (this.kernel.races !== null) this.kernel.races.release(this.objectId);
    const isLockHeld = this.callbackLock?.isHeldByCurrent === true;
    if (this.#workItem !== null && (isLockHeld || this.kernel.current.irql > PASSIVE_LEVEL)) this.#workItem.enqueue();
    else if (isLockHeld) this.#dpc.queue();
    else if (this.#isAnythingDue()) return this.#dispatch();
    return COMPLETED;
  }

  /** Any request that may be taken off now, and the conditions of its type for presenting one. */
  #hasWork(): boolean {
    return this.#canPresentNext(1);
  }

  #canPresentNext(waitingMin: 0 | 1): boolean {
    if (!this.dispatching || !this.queuePower.isOn || this.waiting.count - this.#beingCanceled < waitingMin) return false;
    if (this.config.dispatchType === 'manual') return waitingMin === 1 && this.ready !== null && this.becameNonEmpty;
    return this.driverOwned.count < this.#presentedMax;
  }

  /** No loop runs, and no loop would find anything to do but a step of a power transition that concerns no request. */
  protected get isQuiet(): boolean {
    return (
      this.loops.length === 0 &&
      this.driverOwned.count === 0 &&
      this.#canceled.isEmpty &&
      this.#canceledOnQueue.isEmpty &&
      !this.notices.arePending &&
      this.callbackLock?.isHeldByCurrent !== true
    );
  }

  /** In the framework's order (section 2): cancels, stop-complete, purge-complete, power, requests. */
  *#dispatch(): Suspending<void> {
    const activation = this.kernel.current.top!;
    const loops = this.loops;
    loops.push(activation);
    for (;;) {
      const maySendCancels = !this.queuePower.isNotifyingDriver;
      if (maySendCancels && !this.#canceled.isEmpty) yield* this.#callCancel(this.#canceled.takeFirst());
      else if (maySendCancels && !this.#canceledOnQueue.isEmpty) yield* this.#callCanceledOnQueue(this.#canceledOnQueue.takeFirst());
      else if (this.notices.arePending && this.notices.isDue(loops.length)) yield* this.#tellState();
      else if (this.queuePower.isInTransition) {
        if (!(yield* this.queuePower.step())) break;
      } else if (!this.#hasWork()) break;
      else if (this.config.dispatchType === 'manual') yield* this.#callReady();
      else yield* this.#present(this.#takeFirst()!);
    }
    // Loops of other virtual CPUs may have begun and not ended: this one's place can be anywhere.
    loops[loops.lastIndexOf(activation)] = loops[loops.length - 1]!;
    loops.pop();
  }

  #takeFirst(): Request | null {
    let request = this.waiting.head;
    while (request !== null && request.cancelState !== CancelState.None) request = request.next;
    if (request !== null) this.waiting.remove(request);
    return request;
  }

  protected giveToDriver(request: Request): void {
    if (this.kernel.races !== null) this.kernel.races.acquire(this.objectId);
    this.driverOwned.append(request);
    request.presentToDriver();
  }

  *#present(request: Request): Suspending<void> {
    const { kernel } = this;
    const callback = this.callbacks.io[request.type];
    this.giveToDriver(request);
    if (callback === undefined) {
      yield* request.complete(STATUS_INVALID_DEVICE_REQUEST);
      return;
    }
    kernel.emit(EventKind.RequestPresent, request.objectId, request.lengthBytes, request.type);
    const lock = this.callbackLock;
    if (lock !== null) yield* lock.acquire();
    const irql = kernel.enter(this.objectId, 'EvtIo');
    yield* callback(this.#self, request, request.lengthBytes, request.inputBufferLengthBytes, request.ioControlCode);
    kernel.leave(irql, this.objectId, 'EvtIo');
    if (lock !== null) yield* lock.release();
  }

  *#callReady(): Suspending<void> {
    this.becameNonEmpty = false;
    yield* this.underLock('EvtIoQueueReady', this.ready!, null);
  }

  *#callCanceledOnQueue(request: Request): Suspending<void> {
    yield* this.underLock('EvtIoCanceledOnQueue', this.callbacks.canceledOnQueue!, request);
  }

  /** What the driver waited for has happened; no request of before can be given back any more. */
  *#tellState(): Suspending<void> {
    this.cancelingOwned = false;
    yield* this.underLock('EvtIoQueueState', this.notices.take(), null);
  }

  /** A callback of this queue under its lock, if it has one; callbacks about the queue as a whole have no request. */
  protected *underLock(name: string, callback: QueueCallback, request: Request | null, actionFlags: number = 0): Suspending<void> {
    const lock = this.callbackLock;
    if (lock !== null) yield* lock.acquire();
    const irql = this.kernel.enter(this.objectId, name);
    yield* callback(this.#self, request!, actionFlags);
    this.kernel.leave(irql, this.objectId, name);
    if (lock !== null) yield* lock.release();
  }

  /** Dispatching that was put off still takes place; only code that the queue itself runs does not wait for it. */
  override dispose(): Suspending<void> {
    return this.#workItem === null || this.#workItem.isRunByCurrent ? COMPLETED : this.#workItem.flush();
  }

  /** The parts of it that power transitions go through. */
  protected abstract powerHost(): QueuePowerHost;
}
