import {
  NT_SUCCESS, STATUS_DEVICE_BUSY, STATUS_INSUFFICIENT_RESOURCES, STATUS_INTERNAL_ERROR, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, STATUS_WDF_BUSY, STATUS_WDF_INTERNAL_ERROR,
  STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS, STATUS_WDF_PAUSED, WDF_VIOLATION, WdfViolation, statusName, type NtStatus,
} from '../nt/index.js';
import { EventKind, FxObject, type Kernel, type Suspending } from '../kernel/index.js';
import type { Mdl } from '../hal/index.js';
import type { IoQueue } from './io-queue.js';

/** WDF_REQUEST_TYPE, by IRP major function. */
export const RequestType = { Read: 3, Write: 4, DeviceControl: 14, InternalDeviceControl: 15 } as const;
export type RequestType = (typeof RequestType)[keyof typeof RequestType];

/** Who may do what with a request (queues-requests-cancel section 3). */
const Owner = { Nobody: 0, Queue: 1, Driver: 2 } as const;
type Owner = (typeof Owner)[keyof typeof Owner];

/** The I/O manager's side: told once per request, inside the call that completes it, before the next one is dispatched. */
export interface IoCompletion {
  requestCompleted(request: Request, status: NtStatus, informationBytes: number): void;
}

/**
 * WDFREQUEST over an IRP with a locked buffer (an MDL chain). Objects are reused: `prepare` makes a fresh request of
 * one, and `generation` tells the uses apart.
 */
export class Request extends FxObject {
  type: RequestType = RequestType.Read;
  lengthBytes = 0;
  /** Byte offset on the device that the caller names (Parameters.Read.DeviceOffset). */
  deviceOffset = 0;
  /** Links of the list the request is on; owned by that list. */
  next: Request | null = null;
  previous: Request | null = null;
  informationBytes = 0;
  #mdl: Mdl | null = null;
  #queue: IoQueue | null = null;
  #owner: Owner = Owner.Nobody;
  #dmaReferences = 0;
  #completion: IoCompletion | null = null;

  constructor(kernel: Kernel, context?: object) {
    super(kernel, 'Request', null, { context });
  }

  /** Makes a fresh request: ownership, references and information start over. */
  prepare(type: RequestType, mdl: Mdl | null, lengthBytes: number, deviceOffset: number, completion: IoCompletion): void {
    this.generation++;
    this.type = type;
    this.#mdl = mdl;
    this.lengthBytes = lengthBytes;
    this.deviceOffset = deviceOffset;
    this.#completion = completion;
    this.informationBytes = 0;
    this.#owner = Owner.Nobody;
    this.#queue = null;
    this.#dmaReferences = 0;
  }

  get queue(): IoQueue | null {
    return this.#queue;
  }

  get isDriverOwned(): boolean {
    return this.#owner === Owner.Driver;
  }

  /** First MDL of the caller's buffer (WdfRequestRetrieveInputWdmMdl / OutputWdmMdl); null when it has none. */
  get mdl(): Mdl | null {
    this.#requireDriverOwned('WdfRequestRetrieveWdmMdl');
    return this.#mdl;
  }

  get dmaReferences(): number {
    return this.#dmaReferences;
  }

  /** A transaction initialised from this request holds it from Execute to its last DmaCompleted (rule B03). */
  addDmaReference(): void {
    this.#dmaReferences++;
  }

  dropDmaReference(): void {
    this.#dmaReferences--;
  }

  enterQueue(queue: IoQueue): void {
    this.#queue = queue;
    this.#owner = Owner.Queue;
  }

  presentToDriver(): void {
    this.#owner = Owner.Driver;
  }

  setInformation(lengthBytes: number): void {
    this.#requireDriverOwned('WdfRequestSetInformation');
    this.informationBytes = lengthBytes;
  }

  *completeWithInformation(status: NtStatus, lengthBytes: number): Suspending<void> {
    this.#requireDriverOwned('WdfRequestCompleteWithInformation');
    this.informationBytes = lengthBytes;
    yield* this.complete(status);
  }

  /**
   * WdfRequestComplete. The caller's completion runs inside this call; then the queue may present its next request,
   * in this context, before the call returns (section 2). Violations: C08 completed already, B03 its transaction
   * still transfers, B06 more information than buffer.
   */
  *complete(status: NtStatus): Suspending<void> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.#requireDriverOwned('WdfRequestComplete');
    this.#checkCompletion(status);
    const queue = this.#queue!;
    queue.detach(this);
    this.#finish(status);
    yield* queue.afterRelease();
  }

  /** The framework completes a request the driver never saw. */
  completeByFramework(status: NtStatus): void {
    this.#finish(status);
  }

  /** WdfRequestForwardToIoQueue: to another queue of the same device. WDF_BUSY: the destination does not accept. */
  *forwardToIoQueue(destination: IoQueue): Suspending<NtStatus> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.#requireDriverOwned('WdfRequestForwardToIoQueue');
    const source = this.#queue!;
    if (source === destination || source.device !== destination.device) return STATUS_INVALID_DEVICE_REQUEST;
    if (!destination.isAccepting) return STATUS_WDF_BUSY;
    source.detach(this);
    yield* destination.acceptForwarded(this);
    yield* source.afterRelease();
    return STATUS_SUCCESS;
  }

  /** WdfRequestRequeue: back to the head of its manual queue. */
  *requeue(): Suspending<NtStatus> {
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    this.#requireDriverOwned('WdfRequestRequeue');
    const queue = this.#queue!;
    if (queue.config.dispatchType !== 'manual') return STATUS_INVALID_DEVICE_REQUEST;
    yield* queue.takeBack(this);
    return STATUS_SUCCESS;
  }

  #finish(status: NtStatus): void {
    const shown = requesterStatus(status);
    this.#owner = Owner.Nobody;
    this.#queue = null;
    this.kernel.emit(EventKind.RequestComplete, this.objectId, shown, this.informationBytes);
    const completion = this.#completion;
    this.#completion = null;
    completion?.requestCompleted(this, shown, this.informationBytes);
  }

  /** Rules C08 and C09: the driver's handle is of a request that it no longer owns. */
  #requireDriverOwned(ddi: string): void {
    if (this.kernel.dead !== null) throw this.kernel.dead;
    if (this.#owner === Owner.Driver) return;
    const completed = this.#owner === Owner.Nobody;
    this.kernel.violation({
      rule: completed && ddi.startsWith('WdfRequestComplete') ? 'C08' : completed ? 'C09' : 'C10',
      severity: 'crash',
      object: this.label,
      message: completed ? `${ddi} is called on ${this.label}, which was completed already` : `${ddi} is called on ${this.label}, which waits in a queue and is not the driver's`,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, this.objectId] },
    });
  }

  #checkCompletion(status: NtStatus): void {
    if (this.#dmaReferences !== 0) {
      this.kernel.violation({ rule: 'B03', severity: 'crash', object: this.label, message: `${this.label} is completed with ${statusName(status)} while its DMA transaction is still in Transfer`, bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.REQUEST_OUTSTANDING_REFERENCES, this.objectId, this.#dmaReferences] } });
    }
    if (NT_SUCCESS(status) && this.informationBytes > this.lengthBytes) {
      this.kernel.violation({ rule: 'B06', severity: 'crash', object: this.label, message: `${this.label} is completed with ${this.informationBytes} bytes of information for a buffer of ${this.lengthBytes} bytes`, bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.REQUEST_FATAL_ERROR, 4, this.informationBytes, this.lengthBytes] } });
    }
  }
}

/** Framework-private codes never reach the requester (ddi.md section 2, "Status mapping"). */
const WDF_FACILITY = 0x00200000;
function requesterStatus(status: NtStatus): NtStatus {
  if ((status & 0x0fff0000) !== WDF_FACILITY) return status;
  switch (status) {
    case STATUS_WDF_PAUSED:
    case STATUS_WDF_BUSY:
      return STATUS_DEVICE_BUSY;
    case STATUS_WDF_INTERNAL_ERROR:
      return STATUS_INTERNAL_ERROR;
    case STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS:
      return STATUS_INSUFFICIENT_RESOURCES;
    default:
      return STATUS_INVALID_DEVICE_REQUEST;
  }
}
