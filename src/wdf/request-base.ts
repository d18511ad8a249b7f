import { STATUS_BUFFER_TOO_SMALL, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import { FxObject, type Kernel, type Suspending } from '../kernel/index.js';
import type { HalPlatform, Mdl } from '../hal/index.js';
import type { Created } from './created.js';
import type { DmaTransactionCore } from './dma-transaction-core.js';
import type { DeviceControlMethod, DmaDeviceControl } from './dma-host.js';
import type { FileObject } from './file-object.js';
import { methodOf } from './io-control.js';
import type { IoQueue } from './io-queue.js';
import { RequestMemory, type Memory, type RequestOfMemory } from './memory.js';
import type { MemoryBuffer } from './memory-buffer.js';
import { checkPassiveDispose, reportBufferInTransfer } from './request-findings.js';
import { RequestType, type RequestParameters, type RequestorMode } from './request-state.js';
import { allocateSystemMdl, type IoControl } from './request-buffers.js';

/** What a request carries: its parameters and its buffers. Who may do what with it when is `Request`'s. */
export abstract class RequestBase extends FxObject implements RequestOfMemory {
  /** Counts the uses of the object, so that a stale handle can be told from a live one. */
  generation = 0;
  /** The DMA transaction initialised from this request, until that is released. */
  transaction: DmaTransactionCore | null = null;
  dmaStatus: NtStatus = STATUS_SUCCESS;
  type: RequestType = RequestType.Read;
  /** Length of a read or write; of a device control request the output buffer's. */
  lengthBytes = 0;
  /** Byte offset on the device that the caller names (Parameters.Read.DeviceOffset). */
  deviceOffset = 0;
  ioControlCode = 0;
  inputBufferLengthBytes = 0;
  requestorMode: RequestorMode = 'user';
  /** Irp->MdlAddress: the caller's locked buffer. */
  #irpMdl: Mdl | null = null;
  /** Irp->AssociatedIrp.SystemBuffer: input, and for METHOD_BUFFERED output, of a device control request. */
  #systemBuffer: Mdl | null = null;
  /** The list over the system buffer that was asked for first; the framework keeps one and gives it for either direction. */
  #allocatedMdl: Mdl | null = null;
  #input: RequestMemory | null = null;
  #output: RequestMemory | null = null;
  #memoryReferences = 0;
  #dmaReferences = 0;
  #fileObject: FileObject | null = null;
  /** Irp->IoStatus. */
  protected information = 0;
  protected irpStatus: NtStatus = STATUS_SUCCESS;
  readonly #control: { -readonly [K in keyof DmaDeviceControl]: DmaDeviceControl[K] } = {
    method: 'Buffered',
    inputBufferLengthBytes: 0,
    outputBufferLengthBytes: 0,
    outputMdl: null,
  };

  protected constructor(kernel: Kernel, context: object | undefined) {
    super(kernel, 'Request', null, { context });
  }

  abstract get queue(): IoQueue | null;

  /** What is created with a request as parent belongs to the request's device, and its callbacks to its queue. */
  override get parent(): FxObject | null {
    return this.queue;
  }

  /** Completion takes what belongs to the request along. Rule C26: above PASSIVE_LEVEL a timer or work item can only go later. */
  protected *disposeChildren(): Suspending<void> {
    for (const child of this.children) if (child.isPassiveDispose) checkPassiveDispose(this, child);
    yield* this.deleteChildren();
  }

  protected abstract get isCompleted(): boolean;
  protected abstract requireNotCompleted(ddi: string): void;
  protected abstract requireDriverOwned(ddi: string): void;

  /** Of the device whose queue the request is in or came from; null outside of one. */
  get platform(): HalPlatform | null {
    return this.queue?.device.platform ?? null;
  }

  protected carryTransfer(type: RequestType, mdl: Mdl | null, lengthBytes: number, deviceOffset: number): void {
    this.type = type;
    this.lengthBytes = lengthBytes;
    this.deviceOffset = deviceOffset;
    this.ioControlCode = 0;
    this.inputBufferLengthBytes = 0;
    this.requestorMode = 'user';
    this.#carryBuffers(mdl, null);
  }

  protected carryControl(control: IoControl): void {
    this.type = control.type ?? RequestType.DeviceControl;
    this.lengthBytes = control.outputBufferLengthBytes;
    this.deviceOffset = 0;
    this.ioControlCode = control.ioControlCode;
    this.inputBufferLengthBytes = control.inputBufferLengthBytes;
    this.requestorMode = control.requestorMode ?? 'user';
    this.#carryBuffers(control.mdl ?? null, control.systemBuffer ?? null);
  }

  #carryBuffers(irpMdl: Mdl | null, systemBuffer: Mdl | null): void {
    this.#irpMdl = irpMdl;
    this.#systemBuffer = systemBuffer;
    this.#allocatedMdl = null;
    this.#input = null;
    this.#output = null;
    this.#memoryReferences = 0;
    this.#dmaReferences = 0;
    this.transaction = null;
    this.dmaStatus = STATUS_SUCCESS;
    this.information = 0;
    this.irpStatus = STATUS_SUCCESS;
  }

  protected issuedThrough(fileObject: FileObject | null): void {
    this.#fileObject = fileObject;
  }

  /** WdfRequestGetFileObject: the open file it was issued through. */
  get fileObject(): FileObject | null {
    return this.#fileObject;
  }

  /** WdfRequestGetStatus: what it was completed with; SUCCESS before, as an IRP begins. */
  getStatus(): NtStatus {
    return this.irpStatus;
  }

  /** WdfRequestGetInformation (rule C09 after completion). */
  get informationBytes(): number {
    if (this.isCompleted) this.requireNotCompleted('WdfRequestGetInformation');
    return this.information;
  }

  setInformation(lengthBytes: number): void {
    this.requireDriverOwned('WdfRequestSetInformation');
    this.information = lengthBytes;
  }

  abstract complete(status: NtStatus): Suspending<void>;

  /** WdfRequestCompleteWithInformation. */
  completeWithInformation(status: NtStatus, lengthBytes: number): Suspending<void> {
    this.requireDriverOwned('WdfRequestCompleteWithInformation');
    this.information = lengthBytes;
    return this.complete(status);
  }

  /** WdfRequestCompleteWithPriorityBoost: as `complete`. The lab has no thread priorities, so the boost does nothing. */
  completeWithPriorityBoost(status: NtStatus, _priorityBoost: number): Suspending<void> {
    return this.complete(status);
  }

  /** The Information field is a length of its buffer, as far as the framework can tell. */
  protected get tellsLength(): boolean {
    if (!this.isDeviceControl) return this.type !== RequestType.Create;
    return this.type === RequestType.DeviceControl && this.requestorMode === 'user' && this.lengthBytes > 0;
  }

  get isDeviceControl(): boolean {
    return this.type === RequestType.DeviceControl || this.type === RequestType.InternalDeviceControl;
  }

  /**
   * WdfRequestGetParameters (rule C09 after completion). One object for each request, with the values of this moment's
   * request: what is needed later is copied.
   */
  getParameters(): Readonly<RequestParameters> {
    this.requireNotCompleted('WdfRequestGetParameters');
    const { parameters } = this;
    parameters.type = this.type;
    parameters.lengthBytes = this.isDeviceControl ? 0 : this.lengthBytes;
    parameters.deviceOffset = this.deviceOffset;
    parameters.ioControlCode = this.ioControlCode;
    parameters.inputBufferLengthBytes = this.inputBufferLengthBytes;
    parameters.outputBufferLengthBytes = this.isDeviceControl ? this.lengthBytes : 0;
    return parameters;
  }

  private readonly parameters: RequestParameters = {
    type: RequestType.Read,
    lengthBytes: 0,
    deviceOffset: 0,
    ioControlCode: 0,
    inputBufferLengthBytes: 0,
    outputBufferLengthBytes: 0,
  };

  // ---- What a transaction takes

  /** References of transactions in Transfer. */
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

  /** First MDL of a read's or write's buffer, or the list over a control request's system buffer, with the input length; null without one. */
  get mdl(): Mdl | null {
    this.requireDriverOwned('WdfRequestRetrieveWdmMdl');
    return this.isDeviceControl ? this.#systemMdl(this.inputBufferLengthBytes) : this.#irpMdl;
  }

  /** What of a device control request decides the transfer; undefined for other types. Overwritten by the next call. */
  get deviceControl(): DmaDeviceControl | undefined {
    if (!this.isDeviceControl) return undefined;
    const control = this.#control;
    control.method = this.#method();
    control.inputBufferLengthBytes = this.inputBufferLengthBytes;
    control.outputBufferLengthBytes = this.lengthBytes;
    control.outputMdl = this.#irpMdl;
    return control;
  }

  #method(): DeviceControlMethod {
    return methodOf(this.ioControlCode);
  }

  #systemMdl(lengthBytes: number): Mdl | null {
    if (this.#systemBuffer === null || lengthBytes === 0) return null;
    return (this.#allocatedMdl ??= allocateSystemMdl(this.#systemBuffer, lengthBytes));
  }

  // ---- The driver's view of the buffers (ddi.md section 4)

  /**
   * WdfRequestRetrieveInputWdmMdl: of a write its buffer, of a control request the system buffer. INVALID_DEVICE_REQUEST
   * (a read, METHOD_NEITHER), BUFFER_TOO_SMALL (there is none).
   */
  retrieveInputWdmMdl(): Created<Mdl> {
    this.requireDriverOwned('WdfRequestRetrieveInputWdmMdl');
    if (this.type === RequestType.Read || this.#isNeither()) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    return found(this.isDeviceControl ? this.#systemMdl(this.inputBufferLengthBytes) : this.#irpMdl);
  }

  /**
   * WdfRequestRetrieveOutputWdmMdl: of a read its buffer; of a control request the caller's output buffer for the direct
   * methods, the system buffer for METHOD_BUFFERED - with the input length when that list was asked for before, as the
   * framework keeps only one. INVALID_DEVICE_REQUEST (a write, METHOD_NEITHER), BUFFER_TOO_SMALL (there is none).
   */
  retrieveOutputWdmMdl(): Created<Mdl> {
    this.requireDriverOwned('WdfRequestRetrieveOutputWdmMdl');
    if (this.type === RequestType.Write || this.#isNeither()) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    return found(this.isDeviceControl && this.#method() === 'Buffered' ? this.#systemMdl(this.lengthBytes) : this.#irpMdl);
  }

  /**
   * WdfRequestRetrieveInputBuffer: at least `minimumLengthBytes` of what the caller sends. INVALID_DEVICE_REQUEST (a read;
   * METHOD_NEITHER from user mode), BUFFER_TOO_SMALL (none, or fewer bytes).
   */
  retrieveInputBuffer(minimumLengthBytes: number): Created<MemoryBuffer> {
    this.requireDriverOwned('WdfRequestRetrieveInputBuffer');
    const memory = this.#inputMemory();
    if (!memory.ok) return memory;
    const object = memory.object.getBuffer();
    return object.lengthBytes < minimumLengthBytes ? TOO_SMALL : { ok: true, status: STATUS_SUCCESS, object };
  }

  /** WdfRequestRetrieveOutputBuffer: at least `minimumLengthBytes` for what the caller gets. INVALID_DEVICE_REQUEST (a write; METHOD_NEITHER from user mode), BUFFER_TOO_SMALL. */
  retrieveOutputBuffer(minimumLengthBytes: number): Created<MemoryBuffer> {
    this.requireDriverOwned('WdfRequestRetrieveOutputBuffer');
    const memory = this.#outputMemory();
    if (!memory.ok) return memory;
    const object = memory.object.getBuffer();
    return object.lengthBytes < minimumLengthBytes ? TOO_SMALL : { ok: true, status: STATUS_SUCCESS, object };
  }

  /** WdfRequestRetrieveInputMemory. A reference on it must be gone when the request completes (rule B03). Statuses as `retrieveInputBuffer`. */
  retrieveInputMemory(): Created<Memory> {
    this.requireDriverOwned('WdfRequestRetrieveInputMemory');
    return this.#inputMemory();
  }

  /** WdfRequestRetrieveOutputMemory. A reference on it must be gone when the request completes (rule B03). Statuses as `retrieveOutputBuffer`. */
  retrieveOutputMemory(): Created<Memory> {
    this.requireDriverOwned('WdfRequestRetrieveOutputMemory');
    return this.#outputMemory();
  }

  #inputMemory(): Created<RequestMemory> {
    const mdl = this.isDeviceControl ? this.#systemBuffer : this.#irpMdl;
    const lengthBytes = this.isDeviceControl ? this.inputBufferLengthBytes : this.lengthBytes;
    if (this.type === RequestType.Read || this.#isForeign()) return INVALID;
    if (mdl === null || lengthBytes === 0) return TOO_SMALL;
    // Only METHOD_BUFFERED's buffer is the driver's to write.
    const isReadOnly = !this.isDeviceControl || this.#method() === 'InDirect' || this.#method() === 'OutDirect';
    this.#input ??= new RequestMemory(this, mdl, lengthBytes, isReadOnly);
    return { ok: true, status: STATUS_SUCCESS, object: this.#input };
  }

  #outputMemory(): Created<RequestMemory> {
    const mdl = this.isDeviceControl && this.#method() === 'Buffered' ? this.#systemBuffer : this.#irpMdl;
    if (this.type === RequestType.Write || this.#isForeign()) return INVALID;
    if (mdl === null || this.lengthBytes === 0) return TOO_SMALL;
    this.#output ??= new RequestMemory(this, mdl, this.lengthBytes, this.isDeviceControl && this.#method() === 'InDirect');
    return { ok: true, status: STATUS_SUCCESS, object: this.#output };
  }

  #isNeither(): boolean {
    return this.isDeviceControl && this.#method() === 'Neither';
  }

  /** Its addresses belong to the caller's process: only a request from the kernel may be looked into. */
  #isForeign(): boolean {
    return this.#isNeither() && this.type === RequestType.DeviceControl && this.requestorMode === 'user';
  }

  // ---- Its memory's side

  get memoryReferences(): number {
    return this.#memoryReferences;
  }

  addMemoryReference(): void {
    this.#memoryReferences++;
  }

  dropMemoryReference(): void {
    this.#memoryReferences--;
  }

  /** Rules C09: completed, or the object is in use for another request by now; C30: from Execute on the buffer is the device's. */
  checkBuffer(ofGeneration: number, mdl: Mdl): void {
    if (ofGeneration !== this.generation) this.reportStale();
    this.requireNotCompleted('an access to its buffer');
    if (this.dmaReferences > 0 && (mdl === this.#irpMdl || this.#method() === 'Buffered')) reportBufferInTransfer(this);
  }

  /** Rule C09, for a buffer of an earlier use of the object. */
  protected abstract reportStale(): void;
}

const INVALID = { ok: false, status: STATUS_INVALID_DEVICE_REQUEST } as const;
const TOO_SMALL = { ok: false, status: STATUS_BUFFER_TOO_SMALL } as const;

function found(mdl: Mdl | null): Created<Mdl> {
  const status: NtStatus = mdl === null ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
  return mdl === null ? { ok: false, status } : { ok: true, status, object: mdl };
}
