import {
  PASSIVE_LEVEL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_NO_MORE_ENTRIES,
  STATUS_SUCCESS,
  STATUS_WDF_PAUSED,
  type NtStatus,
} from '../nt/index.js';
import {
  COMPLETED,
  KernelEvent,
  completed,
  suspendedAt,
  suspendingCallback,
  type DriverCallback,
  type Suspending,
} from '../kernel/index.js';
import type { Created } from './created.js';
import type { Device } from './device.js';
import type { FileObject } from './file-object.js';
import { IoQueueState, checkQueueConfig, type EvtIoQueueState, type IoQueueConfig } from './io-queue-config.js';
import { IoQueueCore } from './io-queue-core.js';
import type { QueuePowerBegin, QueuePowerHost } from './io-queue-power.js';
import { findWaiting, type FoundRequest } from './io-queue-retrieve.js';
import { StopAnswer } from './request-state.js';
import type { Request } from './request.js';

/** WDFQUEUE: what drivers, requests and the device call. */
export class IoQueue extends IoQueueCore {
  /** The device goes for good: Start and Stop cannot make the queue accept again. */
  #shutdown = false;

  /**
   * WdfIoQueueCreate. WDF_NO_CALLBACK: not manual and no callback; INVALID_PARAMETER: a manual queue with one, a bound on a
   * queue that is not parallel, or scope `device` with another execution level than the device's.
   */
  static create(device: Device, config: IoQueueConfig): Created<IoQueue> {
    const status = checkQueueConfig(device, config);
    if (status !== STATUS_SUCCESS) return { ok: false, status };
    const queue = new IoQueue(device, config);
    device.queues.push(queue);
    return { ok: true, status: STATUS_SUCCESS, object: queue };
  }

  /** WdfIoQueueGetState: bits of IoQueueState; the counts are `waitingCount` and `driverOwnedCount`. */
  getState(): number {
    let state = 0;
    if (this.accepting) state += IoQueueState.AcceptRequests;
    if (this.dispatching) state += IoQueueState.DispatchRequests;
    if (this.waiting.count === 0) state += IoQueueState.NoRequests;
    if (this.driverOwned.count === 0) state += IoQueueState.DriverNoRequests;
    if (this.isPowerManaged && !this.queuePower.isOn) state += IoQueueState.PnpHeld;
    return state;
  }

  // ---- Changing the state (ddi.md section 5)

  /** WdfIoQueueStart: accepts and dispatches. */
  *start(): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.requireLive('WdfIoQueueStart');
    this.accepting = !this.#shutdown;
    this.dispatching = true;
    this.cancelingOwned = false;
    this.becameNonEmpty = this.waiting.count > 0;
    this.mustNotifyArrival = false;
    yield* this.run();
  }

  /** WdfIoQueueStop: accepts, but dispatches no more; `stopComplete` is called when the driver owns no request of this queue. */
  *stop(stopComplete: EvtIoQueueState | null = null): Suspending<void> {
    yield* this.#changeState('WdfIoQueueStop', 'stop', stopComplete, false);
  }

  /** WdfIoQueueStopAndPurge: as Stop; what waits now is cancelled, and what the driver marked cancelable. */
  *stopAndPurge(stopComplete: EvtIoQueueState | null = null): Suspending<void> {
    yield* this.#changeState('WdfIoQueueStopAndPurge', 'stop', stopComplete, true);
  }

  /** WdfIoQueueDrain: accepts no more and dispatches the rest; `drainComplete` is called when nothing is left. */
  *drain(drainComplete: EvtIoQueueState | null = null): Suspending<void> {
    yield* this.#changeState('WdfIoQueueDrain', 'purge', drainComplete, false);
  }

  /** WdfIoQueuePurge: accepts no more, cancels what waits and what the driver marked; `purgeComplete` when nothing is left. */
  *purge(purgeComplete: EvtIoQueueState | null = null): Suspending<void> {
    yield* this.#changeState('WdfIoQueuePurge', 'purge', purgeComplete, true);
  }

  /** WdfIoQueueStopSynchronously: returns when the driver owns no request of this queue. PASSIVE_LEVEL, not from its callbacks (rule C23). */
  *stopSynchronously(): Suspending<void> {
    yield* this.#changeAndWait('WdfIoQueueStopSynchronously', 'stop', false);
  }

  *stopAndPurgeSynchronously(): Suspending<void> {
    yield* this.#changeAndWait('WdfIoQueueStopAndPurgeSynchronously', 'stop', true);
  }

  *drainSynchronously(): Suspending<void> {
    yield* this.#changeAndWait('WdfIoQueueDrainSynchronously', 'purge', false);
  }

  *purgeSynchronously(): Suspending<void> {
    yield* this.#changeAndWait('WdfIoQueuePurgeSynchronously', 'purge', true);
  }

  *#changeState(ddi: string, change: 'stop' | 'purge', callback: EvtIoQueueState | null, cancels: boolean): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.requireLive(ddi);
    this.device.checkSurpriseRemoval(ddi, this);
    if (callback !== null) this.notices.expect(ddi, change, suspendingCallback(callback));
    if (change === 'stop') {
      this.accepting = !this.#shutdown;
      this.dispatching = false;
    } else this.accepting = false;
    if (cancels) {
      this.cancelingOwned = true;
      yield* this.cancelWaiting();
      this.cancelMarked();
    }
    yield* this.run();
  }

  *#changeAndWait(ddi: string, change: 'stop' | 'purge', cancels: boolean): Suspending<void> {
    if (!this.kernel.requireIrqlAtMost(PASSIVE_LEVEL, ddi)) return;
    this.notices.checkMayWait(ddi, this.loops);
    const done = new KernelEvent(this.kernel, `${this.label}: ${ddi}`);
    yield* this.#changeState(ddi, change, () => done.set(), cancels);
    yield* done.wait();
  }

  // ---- Taking requests off (ddi.md section 5)

  /**
   * WdfIoQueueRetrieveNextRequest, for manual and sequential queues. `status` tells why there is none:
   * NO_MORE_ENTRIES, WDF_PAUSED (stopped or not in D0), INVALID_DEVICE_STATE (parallel queue, rule C25).
   */
  retrieveNextRequest(): Suspending<Created<Request>> {
    return this.#retrieve('WdfIoQueueRetrieveNextRequest', null, null);
  }

  /** WdfIoQueueRetrieveRequestByFileObject: the oldest one issued through `fileObject`. */
  retrieveRequestByFileObject(fileObject: FileObject): Suspending<Created<Request>> {
    return this.#retrieve('WdfIoQueueRetrieveRequestByFileObject', fileObject, null);
  }

  /** WdfIoQueueRetrieveFoundRequest, manual queues only (rule C25). NOT_FOUND: it was cancelled or taken meanwhile. */
  retrieveFoundRequest(found: Request): Suspending<Created<Request>> {
    if (this.config.dispatchType === 'manual') return this.#retrieve('WdfIoQueueRetrieveFoundRequest', null, found);
    this.notices.report('C25', 'WdfIoQueueRetrieveFoundRequest is for manual queues only');
    return completed<Created<Request>>({ ok: false, status: STATUS_INVALID_DEVICE_REQUEST });
  }

  #retrieve(ddi: string, fileObject: FileObject | null, found: Request | null): Suspending<Created<Request>> {
    const op = this.kernel.callOp(this.objectId);
    return this.kernel.at(op)
      ? suspendedAt(op, () => completed(this.#retrieveNow(ddi, fileObject, found)))
      : completed(this.#retrieveNow(ddi, fileObject, found));
  }

  #retrieveNow(ddi: string, fileObject: FileObject | null, found: Request | null): Created<Request> {
    this.requireLive(ddi);
    if (this.config.dispatchType === 'parallel') return { ok: false, status: STATUS_INVALID_DEVICE_STATE };
    if (this.config.dispatchType === 'sequential' && this.driverOwned.count === 0) {
      this.notices.report(
        'C25',
        `${ddi} is called while the driver owns no request of this sequential queue: it races with the dispatch of the next one`,
      );
    }
    if (this.queuePower.isOff || !this.dispatching) return { ok: false, status: STATUS_WDF_PAUSED };
    const { request, status } = findWaiting(this.waiting, fileObject, found, false);
    if (request === null) {
      if (status === STATUS_NO_MORE_ENTRIES && fileObject === null && this.waiting.count > 0) this.mustNotifyArrival = true;
      return { ok: false, status };
    }
    this.waiting.remove(request);
    this.giveToDriver(request);
    return { ok: true, status: STATUS_SUCCESS, object: request };
  }

  /**
   * WdfIoQueueFindRequest: looks without taking; the first one, or the one behind `after`, of `fileObject` if given. The
   * request found carries a reference that the caller drops. NO_MORE_ENTRIES; NOT_FOUND: `after` is gone.
   */
  *findRequest(after: Request | null = null, fileObject: FileObject | null = null): Suspending<FoundRequest> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.requireLive('WdfIoQueueFindRequest');
    const found = findWaiting(this.waiting, fileObject, after, true);
    found.request?.reference();
    return found;
  }

  /** WdfIoQueueReadyNotify: called when a manual queue turns from empty to non-empty; null ends it. */
  readyNotify(callback: DriverCallback<[queue: IoQueue], void> | null): NtStatus {
    if (this.config.dispatchType !== 'manual') return STATUS_INVALID_DEVICE_REQUEST;
    if (callback !== null && this.ready !== null) return STATUS_INVALID_DEVICE_REQUEST;
    this.ready = callback === null ? null : suspendingCallback(callback);
    return STATUS_SUCCESS;
  }

  // ---- Power (section 8), called by the device in this order

  /** Leaving D0, first: nothing more is dispatched; returns when no handler of this queue runs. */
  beginPowerDown(): Suspending<void> {
    return !this.isPowerManaged || this.queuePower.isOff ? COMPLETED : this.#passThrough('StartingTransition');
  }

  /** Leaving D0, second: EvtIoStop for each request the driver owns; returns when all are completed or acknowledged. */
  holdForPower(): Suspending<void> {
    return !this.isPowerManaged || this.queuePower.isOff ? COMPLETED : this.#passThrough('Stopping');
  }

  /** Removal: accepts nothing for ever, cancels as Purge does, EvtIoStop(Purge) for the rest; returns when all are answered for. */
  *purgeForRemoval(): Suspending<void> {
    this.#shutdown = true;
    this.accepting = false;
    this.cancelingOwned = true;
    yield* this.cancelWaiting();
    this.cancelMarked();
    yield* this.#passThrough('Purging');
  }

  /** Entering D0, first: EvtIoResume for the requests the driver kept. */
  resumeForPower(): Suspending<void> {
    return this.isPowerManaged && this.queuePower.isOff ? this.#passThrough('Restarting') : COMPLETED;
  }

  /** Entering D0, second: dispatching goes on. */
  dispatchForPower(): Suspending<void> {
    if (!this.isPowerManaged) return COMPLETED;
    this.becameNonEmpty = this.waiting.count > 0;
    this.mustNotifyArrival = false;
    return this.run();
  }

  /** Enters the first state of a transition and waits until it has been worked off: by the dispatch loop, unless there is nothing to do. */
  #passThrough(state: QueuePowerBegin): Suspending<void> {
    this.queuePower.begin(state);
    if (!this.isQuiet) return this.#dispatchTransition();
    if (this.kernel.races !== null) this.kernel.races.release(this.objectId);
    this.queuePower.settle();
    return this.queuePower.waitUntilIdle();
  }

  *#dispatchTransition(): Suspending<void> {
    yield* this.run();
    yield* this.queuePower.waitUntilIdle();
  }

  /** WdfRequestStopAcknowledge's second half. Rules C16 (the callback has returned already) and C17 (nobody to resume it). */
  *acknowledgeStop(request: Request, answer: StopAnswer): Suspending<void> {
    if (!request.isInEvtIoStop) this.notices.report('C16', `${request.label} is acknowledged after its EvtIoStop has returned`);
    if (answer === StopAnswer.Keep && this.callbacks.resume === null) {
      this.notices.report(
        'C17',
        `${request.label} is acknowledged without requeueing, and the queue has no EvtIoResume to give it back with`,
      );
    }
    request.stopAnswer = answer;
    request.awaitsStopAnswer = false;
    yield* this.afterRelease();
  }

  protected override powerHost(): QueuePowerHost {
    const { stop, resume } = this.callbacks;
    return {
      driverOwned: this.driverOwned,
      loops: this.loops,
      hasStopCallback: stop !== null,
      hasResumeCallback: resume !== null,
      callStop: (request, actionFlags) => this.#callStop(request, actionFlags),
      callResume: (request) => this.underLock('EvtIoResume', resume!, request),
      putBack: (request) => this.putBack(request),
    };
  }

  *#callStop(request: Request, actionFlags: number): Suspending<void> {
    const { generation } = request;
    request.isInEvtIoStop = true;
    yield* this.underLock('EvtIoStop', this.callbacks.stop!, request, actionFlags);
    if (request.generation === generation) request.isInEvtIoStop = false;
  }
}
