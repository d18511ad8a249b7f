import {
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
  STATUS_WDF_BUSY,
  statusName,
  type NtStatus,
} from '../nt/index.js';
import { EventKind, completed, makeOp, OpKind, suspendedAt, suspendingCallback, type Kernel, type Suspending } from '../kernel/index.js';
import type { Mdl } from '../hal/index.js';
import type { FileObject } from './file-object.js';
import type { IoQueue } from './io-queue.js';
import type { CancelList } from './request-list.js';
import {
  CancelState,
  Marking,
  Owner,
  PowerMark,
  RequestType,
  StopAnswer,
  type CancelWindow,
  type EvtRequestCancel,
  type IoCompletion,
} from './request-state.js';
import { RequestBase } from './request-base.js';
import type { IoControl } from './request-buffers.js';
import { reportCompleted, reportFailedTransfer, reportInformation, reportQueued, reportReferenced } from './request-findings.js';
import { requesterStatus } from './request-status.js';

export {
  REQUEST_TYPES,
  RequestType,
  type EvtRequestCancel,
  type IoCompletion,
  type RequestParameters,
  type RequestorMode,
} from './request-state.js';
export type { IoControl } from './request-buffers.js';

/**
 * WDFREQUEST over an IRP with a locked buffer (an MDL chain). Objects are reused: `prepare` makes a fresh request of
 * one, and `generation` tells the uses apart.
 */
export class Request extends RequestBase {
  /** Links of the list the request is on; owned by that list. */
  next: Request | null = null;
  previous: Request | null = null;
  nextCanceled: Request | null = null;
  cancelList: CancelList | null = null;
  /** Kept by the request's queue during a power transition. */
  powerMark: PowerMark = PowerMark.None;
  stopAnswer: StopAnswer = StopAnswer.None;
  /** EvtIoStop was called for it and it was not answered yet. */
  awaitsStopAnswer = false;
  isInEvtIoStop = false;
  #queue: IoQueue | null = null;
  #owner: Owner = Owner.Nobody;
  #completion: IoCompletion | null = null;
  /** Irp->Cancel: the I/O manager asked for it. */
  #cancelFlag = false;
  /** Its queue took the cancellation up: it is notified, or completed, as cancelled. */
  #isTakenUp = false;
  #wasPresented = false;
  #cancelState: CancelState = CancelState.None;
  #cancelCallback: EvtRequestCancel | null = null;
  #unmarkAnsweredCancelled = false;
  #marking: Marking = Marking.Never;

  constructor(kernel: Kernel, context?: object) {
    super(kernel, context);
  }

  /** Makes a fresh read or write, or a control request without buffers: ownership, references and information start over. It belongs to `fileObject` until it completes. */
  prepare(
    type: RequestType,
    mdl: Mdl | null,
    lengthBytes: number,
    deviceOffset: number,
    completion: IoCompletion,
    fileObject: FileObject | null = null,
  ): void {
    this.carryTransfer(type, mdl, lengthBytes, deviceOffset);
    this.#startOver(completion, fileObject);
  }

  /** As `prepare`, for a device control request. */
  prepareDeviceControl(control: IoControl, completion: IoCompletion, fileObject: FileObject | null = null): void {
    this.carryControl(control);
    this.#startOver(completion, fileObject);
  }

  #startOver(completion: IoCompletion, fileObject: FileObject | null): void {
    this.issuedThrough(fileObject);
    fileObject?.adopt(this);
    this.cancelList?.remove(this);
    this.generation++;
    this.#completion = completion;
    this.#owner = Owner.Nobody;
    this.#queue = null;
    this.#cancelFlag = false;
    this.#isTakenUp = false;
    this.#wasPresented = false;
    this.#cancelState = CancelState.None;
    this.#cancelCallback = null;
    this.#unmarkAnsweredCancelled = false;
    this.#marking = Marking.Never;
  }

  /** WdfRequestGetIoQueue: the queue it is in, or was delivered from; null when it belongs to none. */
  get queue(): IoQueue | null {
    return this.#queue;
  }

  get isDriverOwned(): boolean {
    return this.#owner === Owner.Driver;
  }

  /** The cancel flag of its IRP is set; for the framework, drivers ask `isCanceled`. */
  get isCancelRequested(): boolean {
    return this.#cancelFlag;
  }

  /** MarkCancelableEx answered CANCELLED: window B. */
  get wasRefusedMarking(): boolean {
    return this.#marking === Marking.Refused;
  }

  /** The window of transaction-state-machine section 8 in which a cancellation would come now, or `queued`. */
  get cancelWindow(): CancelWindow {
    if (this.#completion === null) return 'I';
    if (this.#owner !== Owner.Driver) return 'queued';
    if (this.#marking === Marking.Refused) return 'B';
    if (this.#marking === Marking.Never) return 'A';
    return this.transaction?.cancelWindow ?? 'H';
  }

  /** Its queue has begun to cancel it: no EvtIoStop any more (section 8). */
  get isCancelTakenUp(): boolean {
    return this.#isTakenUp;
  }

  get cancelState(): CancelState {
    return this.#cancelState;
  }

  /** Was given to the driver at least once: only then EvtIoCanceledOnQueue applies (section 3). */
  get wasPresented(): boolean {
    return this.#wasPresented;
  }

  protected get isCompleted(): boolean {
    return this.#owner === Owner.Completed;
  }

  // ---- Its queue's side

  enterQueue(queue: IoQueue): void {
    this.#queue = queue;
    this.#owner = Owner.Queue;
  }

  presentToDriver(): void {
    this.#owner = Owner.Driver;
    this.#wasPresented = true;
  }

  /** Cancelled in the queue after the driver had it once: it is the driver's again, for EvtIoCanceledOnQueue. */
  returnCanceled(): void {
    this.#owner = Owner.Driver;
    this.#cancelState = CancelState.Delivered;
  }

  /** Its cancellation is under way: nobody else can take it off its list, and a callback will not be called twice. */
  takeForCancel(): void {
    this.#cancelState = CancelState.Taken;
    this.#isTakenUp = true;
  }

  /** One-shot: the callback is forgotten before it is called. Cancels are rare, so a plain function is wrapped only here. */
  takeCancelCallback(): (request: Request) => Suspending<void> {
    const callback = this.#cancelCallback!;
    this.#cancelCallback = null;
    this.#cancelState = CancelState.Delivered;
    return suspendingCallback(callback);
  }

  // ---- Cancellation, the driver's side (section 4)

  /**
   * WdfRequestMarkCancelable. When the request is cancelled already (or its queue is being purged) the callback runs
   * before this returns, unless a dispatch loop of its queue is active: then after the current handler. Rule C10: not
   * the driver's, or marked already; ignored.
   */
  *markCancelable(evtRequestCancel: EvtRequestCancel): Suspending<void> {
    const op = makeOp(this.objectId, OpKind.Update);
    if (this.kernel.at(op)) yield op;
    if (!this.#mayMark('WdfRequestMarkCancelable')) return;
    this.#cancelCallback = evtRequestCancel;
    this.#cancelState = CancelState.Marked;
    this.#marking = Marking.Marked;
    if (!this.#cancelFlag && !this.#queue!.isCancelingOwned) return;
    this.takeForCancel();
    yield* this.#queue!.cancelOwned(this);
  }

  /**
   * WdfRequestMarkCancelableEx. CANCELLED: it is cancelled already, the callback never runs, the caller completes it.
   * INVALID_DEVICE_REQUEST: not the driver's, or marked already (rule C10).
   */
  markCancelableEx(evtRequestCancel: EvtRequestCancel): Suspending<NtStatus> {
    const op = makeOp(this.objectId, OpKind.Update);
    return this.kernel.at(op) ? suspendedAt(op, () => completed(this.#mark(evtRequestCancel))) : completed(this.#mark(evtRequestCancel));
  }

  #mark(evtRequestCancel: EvtRequestCancel): NtStatus {
    if (!this.#mayMark('WdfRequestMarkCancelableEx')) return STATUS_INVALID_DEVICE_REQUEST;
    if (this.#cancelFlag || this.#queue!.isCancelingOwned) {
      this.#marking = Marking.Refused;
      return STATUS_CANCELLED;
    }
    this.#marking = Marking.Marked;
    this.#cancelCallback = evtRequestCancel;
    this.#cancelState = CancelState.Marked;
    return STATUS_SUCCESS;
  }

  #mayMark(ddi: string): boolean {
    if (!this.#isOwned(ddi, 'C10')) return false;
    if (this.#cancelState === CancelState.None) return true;
    return this.#misuse('C10', `${ddi} is called on ${this.label}, which is cancelable already`);
  }

  /**
   * WdfRequestUnmarkCancelable. SUCCESS: the callback can never run, the caller owns the completion. CANCELLED: the
   * callback has run, runs or will run, and it completes the request. INVALID_DEVICE_REQUEST: not the driver's or not
   * cancelable (rule C11).
   */
  unmarkCancelable(): Suspending<NtStatus> {
    const op = makeOp(this.objectId, OpKind.Update);
    return this.kernel.at(op) ? suspendedAt(op, () => completed(this.#unmark())) : completed(this.#unmark());
  }

  #unmark(): NtStatus {
    // A reference taken before keeps the handle good although the callback has completed the request.
    if (this.#owner === Owner.Completed && this.#cancelState === CancelState.Delivered && this.references > 1) return STATUS_CANCELLED;
    if (!this.#isOwned('WdfRequestUnmarkCancelable', 'C11')) return STATUS_INVALID_DEVICE_REQUEST;
    if (this.#cancelState === CancelState.None) {
      this.#misuse('C11', `WdfRequestUnmarkCancelable is called on ${this.label}, which is not cancelable`);
      return STATUS_INVALID_DEVICE_REQUEST;
    }
    if (this.#cancelState !== CancelState.Marked) {
      this.#unmarkAnsweredCancelled = true;
      return STATUS_CANCELLED;
    }
    this.#cancelState = CancelState.None;
    this.#cancelCallback = null;
    return STATUS_SUCCESS;
  }

  /** WdfRequestIsCanceled, for requests that are owned and not marked (rule C12: false otherwise). */
  isCanceled(): boolean {
    if (!this.#isOwned('WdfRequestIsCanceled', 'C12')) return false;
    if (this.#cancelState === CancelState.Marked || this.#cancelState === CancelState.Taken) {
      return this.#misuse('C12', `WdfRequestIsCanceled is called on ${this.label}, which is marked cancelable: its callback tells`);
    }
    return this.#cancelFlag || this.#isTakenUp;
  }

  /**
   * The I/O manager's IoCancelIrp: sets the cancel flag; what else happens depends on where the request is. True when
   * its cancel routine was taken: it waited in a queue, or its driver had marked it. Nothing happens to a request that
   * has completed. At or below DISPATCH_LEVEL.
   */
  *cancelIrp(): Suspending<boolean> {
    const { generation } = this;
    const op = makeOp(this.objectId, OpKind.Update);
    if (this.kernel.at(op)) yield op;
    if (this.generation !== generation) return false;
    const queue = this.beginCancel();
    if (queue !== null) yield* this.finishCancel(queue, generation);
    return queue !== null;
  }

  /** First half of `cancelIrp`: sets the flag and takes the cancel routine. The queue that goes on with it; null when there was no routine. */
  beginCancel(): IoQueue | null {
    const queue = this.#queue;
    if (this.#completion === null) return null;
    this.kernel.emit(EventKind.CancelRequest, this.objectId, this.#owner, this.#cancelState);
    queue?.device.checkSurpriseRemoval('IoCancelIrp', this);
    this.#cancelFlag = true;
    const isQueued = this.#owner === Owner.Queue && this.#cancelState === CancelState.None;
    if (queue === null || !(isQueued || this.#cancelState === CancelState.Marked)) return null;
    this.takeForCancel();
    if (isQueued) queue.beginCancelQueued();
    return queue;
  }

  /** Second half: enters the queue. Whoever came between finds neither the cancel routine nor, in a queue, the request. */
  *finishCancel(queue: IoQueue, generation: number): Suspending<void> {
    const op = makeOp(queue.objectId, OpKind.Update);
    if (this.kernel.at(op)) yield op;
    if (this.generation !== generation) return;
    if (this.#owner === Owner.Queue) yield* queue.cancelQueued(this);
    else yield* queue.cancelOwned(this);
  }

  // ---- The driver's side

  /**
   * WdfRequestComplete. The caller's completion runs inside this call; then the queue may present its next request,
   * in this context, before the call returns (section 2). Violations: C08 completed already, B03 its transaction
   * still transfers, B06 more information than buffer, C07 still cancelable, C11 its cancel callback completes it.
   */
  complete(status: NtStatus): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    return this.kernel.at(op) ? suspendedAt(op, () => this.#completeNow(status)) : this.#completeNow(status);
  }

  #completeNow(status: NtStatus): Suspending<void> {
    this.requireDriverOwned('WdfRequestComplete');
    const queue = this.#queue!;
    queue.device.checkSurpriseRemoval('WdfRequestComplete', this);
    return this.hasChildren ? this.#completeWithChildren(queue, status) : this.#completeAlone(queue, status);
  }

  *#completeWithChildren(queue: IoQueue, status: NtStatus): Suspending<void> {
    yield* this.disposeChildren();
    yield* this.#completeAlone(queue, status);
  }

  #completeAlone(queue: IoQueue, status: NtStatus): Suspending<void> {
    this.#checkCompletion(status);
    queue.detach(this);
    this.#finish(status);
    return queue.afterRelease();
  }

  /** The framework completes a request that is not in the driver's hands. */
  *completeByFramework(status: NtStatus): Suspending<void> {
    if (this.hasChildren) yield* this.disposeChildren();
    this.#finish(status);
  }

  /** WdfRequestForwardToIoQueue: to another queue of the same device. WDF_BUSY: the destination does not accept. Rule C13. */
  *forwardToIoQueue(destination: IoQueue): Suspending<NtStatus> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    if (!this.#mayReturn('WdfRequestForwardToIoQueue')) return STATUS_INVALID_DEVICE_REQUEST;
    const source = this.#queue!;
    if (source === destination || source.device !== destination.device) return STATUS_INVALID_DEVICE_REQUEST;
    if (!destination.isAccepting) return STATUS_WDF_BUSY;
    source.detach(this);
    yield* destination.acceptForwarded(this);
    yield* source.afterRelease();
    return STATUS_SUCCESS;
  }

  /** WdfRequestRequeue: back to the head of its manual queue; when it is cancelled already, as if cancelled there. Rule C13. */
  *requeue(): Suspending<NtStatus> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    if (!this.#mayReturn('WdfRequestRequeue')) return STATUS_INVALID_DEVICE_REQUEST;
    const queue = this.#queue!;
    if (queue.config.dispatchType !== 'manual') return STATUS_INVALID_DEVICE_REQUEST;
    yield* queue.takeBack(this);
    return STATUS_SUCCESS;
  }

  #mayReturn(ddi: string): boolean {
    if (!this.#isOwned(ddi, 'C13')) return false;
    if (this.#cancelState === CancelState.None) return true;
    return this.#misuse('C13', `${ddi} is called on ${this.label}, which is cancelable or cancelled: unmark it first, or complete it`);
  }

  /**
   * WdfRequestStopAcknowledge, from EvtIoStop. `requeue`: back to the head of its queue, delivered again on resume;
   * otherwise the driver keeps it and gets EvtIoResume. Rules C16 and C17; ignored where EvtIoStop was not called.
   */
  *stopAcknowledge(requeue: boolean): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.requireNotCompleted('WdfRequestStopAcknowledge');
    if (!this.awaitsStopAnswer) {
      this.#misuse('C16', `WdfRequestStopAcknowledge is called on ${this.label} outside EvtIoStop: ignored`);
      return;
    }
    if (requeue && this.#cancelState !== CancelState.None) {
      this.#misuse('C16', `WdfRequestStopAcknowledge is to requeue ${this.label}, which is cancelable: ignored, unmark it first`);
      return;
    }
    yield* this.#queue!.acknowledgeStop(this, requeue ? StopAnswer.Requeue : StopAnswer.Keep);
  }

  #finish(status: NtStatus): void {
    const shown = requesterStatus(status);
    this.#owner = Owner.Completed;
    this.#queue = null;
    if (this.#cancelState === CancelState.Marked) this.#cancelState = CancelState.None;
    this.kernel.emit(EventKind.RequestComplete, this.objectId, shown, this.information);
    const completion = this.#completion;
    this.#completion = null;
    this.irpStatus = shown;
    this.fileObject?.release(this);
    completion?.requestCompleted(this, shown, this.information);
  }

  /** Rules C08 and C09: the driver's handle is of a request that was completed. */
  protected requireNotCompleted(ddi: string): void {
    if (this.kernel.dead !== null) throw this.kernel.dead;
    if (this.#owner !== Owner.Queue && this.#owner !== Owner.Driver) reportCompleted(this, ddi);
  }

  /** As above; and rule C10: the request waits in a queue, where it may be cancelled and gone at any moment. */
  protected requireDriverOwned(ddi: string): void {
    this.requireNotCompleted(ddi);
    if (this.#owner !== Owner.Driver) reportQueued(this, ddi);
  }

  #isOwned(ddi: string, rule: string): boolean {
    this.requireNotCompleted(ddi);
    return (
      this.#owner === Owner.Driver ||
      this.#misuse(rule, `${ddi} is called on ${this.label}, which waits in a queue and is not the driver's`)
    );
  }

  protected reportStale(): void {
    reportCompleted(this, 'an access to a buffer of an earlier use');
  }

  /** The framework's verifier breaks and the call does nothing. */
  #misuse(rule: string, message: string): false {
    this.kernel.violation({ rule, severity: 'warning', object: this.label, message });
    return false;
  }

  #checkCompletion(status: NtStatus): void {
    if (this.#cancelState === CancelState.Marked || this.#cancelState === CancelState.Taken) {
      const rule = this.#cancelState === CancelState.Taken && this.#unmarkAnsweredCancelled ? 'C11' : 'C07';
      const why = rule === 'C11' ? 'although UnmarkCancelable answered CANCELLED' : 'while it is marked cancelable';
      this.#misuse(rule, `${this.label} is completed with ${statusName(status)} ${why}: its cancel callback may complete it, too`);
    }
    if (this.dmaReferences + this.memoryReferences !== 0) reportReferenced(this, status);
    if (!NT_SUCCESS(status)) return;
    if (!NT_SUCCESS(this.dmaStatus)) reportFailedTransfer(this, status);
    if (this.tellsLength && this.information > this.lengthBytes) reportInformation(this);
  }
}
