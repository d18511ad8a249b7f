import {
  DISPATCH_LEVEL,
  NT_SUCCESS,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS,
  STATUS_WDF_TOO_FRAGMENTED,
  STATUS_WDF_TOO_MANY_TRANSFERS,
  WDF_VIOLATION,
  WdfViolation,
  type Irql,
  type NtStatus,
} from '../nt/index.js';
import { EventKind, FxObject, suspendingCallback, type ObjectAttributes, type Op, type Suspending } from '../kernel/index.js';
import {
  raiseAccessViolation,
  TransferContext,
  type DmaAdapter,
  type DmaCompletionStatus,
  type Mdl,
  type ScatterGatherList,
} from '../hal/index.js';
import { DmaDirection, isDmaDirection, type AdapterInfo, type DmaEnabler } from './dma-enabler.js';
import { bufferOfRequest } from './dma-transaction-request.js';
import { spanPages } from './dma-transaction-arithmetic.js';
import {
  isLegal,
  TRANSACTION_OPERATIONS,
  TransactionState,
  transactionStateName,
  type TransactionOperation,
} from './dma-transaction-state.js';
import type { DmaDevice, DmaRequest } from './dma-host.js';
import type { Request } from './request.js';

/**
 * EVT_WDF_PROGRAM_DMA: programs the device for one transfer, at DISPATCH_LEVEL. The result is ignored, as in the
 * framework: a driver that cannot go on calls dmaCompletedFinal. Method syntax: a callback may name its own types.
 */
export type EvtProgramDma = {
  callback(
    transaction: DmaTransactionBase,
    device: DmaDevice,
    context: unknown,
    direction: DmaDirection,
    list: ScatterGatherList,
  ): Suspending<boolean> | boolean;
}['callback'];
/** EVT_WDF_RESERVE_DMA: a reservation was granted. DISPATCH_LEVEL. */
export type EvtReserveDma = { callback(transaction: DmaTransactionBase, context: unknown): Suspending<void> | void }['callback'];
/** EVT_WDF_DMA_TRANSACTION_CONFIGURE_DMA_CHANNEL: before each mapping of a system transfer. False: not mapped, the driver has ended the transaction. */
export type EvtConfigureDmaChannel = {
  callback(
    transaction: DmaTransactionBase,
    device: DmaDevice,
    context: unknown,
    mdl: Mdl | null,
    offset: number,
    lengthBytes: number,
  ): Suspending<boolean> | boolean;
}['callback'];
/** EVT_WDF_DMA_TRANSACTION_DMA_TRANSFER_COMPLETE: after each system transfer. */
export type EvtDmaTransferComplete = {
  callback(
    transaction: DmaTransactionBase,
    device: DmaDevice,
    context: unknown,
    direction: DmaDirection,
    status: DmaCompletionStatus,
  ): Suspending<void> | void;
}['callback'];

type ProgramDma = (
  transaction: DmaTransactionBase,
  device: DmaDevice,
  context: unknown,
  direction: DmaDirection,
  list: ScatterGatherList,
) => Suspending<boolean>;
type CompletionType = 'full' | 'partial' | 'final';

/** Answer of `getTransferInfo`; one object per transaction, overwritten by the next call. */
export interface TransferInfo {
  mapRegisters: number;
  elements: number;
}

/** A driver that completes that many transfers of one transaction with length 0, one after the other, will do it for ever (rule D27). */
const EMPTY_TRANSFERS_MAX = 1000;

/**
 * WDFDMATRANSACTION: one I/O operation over one MDL chain, carried out as one or more transfers. This class holds what
 * the profiles share: states and their checks, the completion routine, the request. The profiles differ in how a
 * transfer is staged: `DmaPacketTransaction`, `DmaScatterGatherTransaction`, `DmaSystemTransaction`.
 *
 * Every DDI may be called at DISPATCH_LEVEL or below. Those that can run a callback - anybody's - suspend.
 */
export abstract class DmaTransactionBase<C = unknown> extends FxObject<C> {
  protected state: TransactionState = TransactionState.Created;
  protected direction: DmaDirection = DmaDirection.ReadFromDevice;
  /** Null before the first Initialize, and again once the resources are given back: the framework's NULL. */
  protected adapterInfo: AdapterInfo | null = null;
  protected readonly transferContext: TransferContext | null;
  protected programDma: ProgramDma | null = null;
  protected acquiredContext: unknown = null;
  protected startMdl: Mdl | null = null;
  protected startOffset = 0;
  protected currentMdl: Mdl | null = null;
  protected currentOffset = 0;
  protected currentLengthBytes = 0;
  protected maxFragmentBytes = 0;
  protected transactionBytes = 0;
  protected remainingBytes = 0;
  protected transferredBytes = 0;
  protected singleTransfer: boolean;
  /** DMA_SYNCHRONOUS_CALLBACK: granted at once or not at all. */
  protected immediate = false;
  protected readonly op: Op;
  #request: DmaRequest | null = null;
  #isRequestReferenced = false;
  #emptyTransfers = 0;
  #registeredProgramDma: EvtProgramDma | null = null;
  #wrappedProgramDma: ProgramDma | null = null;
  readonly #info: TransferInfo = { mapRegisters: 0, elements: 0 };

  constructor(
    readonly enabler: DmaEnabler,
    attributes: ObjectAttributes<C>,
  ) {
    super(enabler.kernel, 'DmaTransaction', enabler, attributes);
    this.op = this.kernel.callOp(this.objectId);
    this.singleTransfer = enabler.requireSingleTransfer;
    this.transferContext = enabler.usesDmaV3 ? new TransferContext() : null;
  }

  // --- initialising ---------------------------------------------------------------------------------------------

  /**
   * WdfDmaTransactionInitialize: `virtualAddress` must lie in the first MDL. INVALID_PARAMETER for a bad length,
   * direction or address; WDF_TOO_FRAGMENTED, WDF_TOO_MANY_TRANSFERS, WDF_NOT_ENOUGH_MAP_REGISTERS, BUFFER_TOO_SMALL
   * when the buffer cannot be transferred. Bug check (B09) unless Created, Reserved or Released; B04 for null.
   */
  *initialize(
    evtProgramDma: EvtProgramDma | null,
    direction: number,
    mdl: Mdl | null,
    virtualAddress: number,
    lengthBytes: number,
  ): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionInitialize');
    if (this.kernel.at(this.op)) yield this.op;
    if (evtProgramDma === null) this.nullParameter('WdfDmaTransactionInitialize', 'EvtProgramDmaFunction');
    if (mdl === null) this.nullParameter('WdfDmaTransactionInitialize', 'Mdl');
    if (lengthBytes === 0 || !isDmaDirection(direction)) return STATUS_INVALID_PARAMETER;
    const offset = virtualAddress - mdl.virtualAddress;
    if (offset < 0 || offset >= mdl.byteCount) return STATUS_INVALID_PARAMETER;
    if (!this.enabler.supportsChainedMdls && offset + lengthBytes > mdl.byteCount) return STATUS_INVALID_PARAMETER;
    return yield* this.#initializeWith(evtProgramDma, direction, mdl, offset, lengthBytes);
  }

  /** WdfDmaTransactionInitializeUsingOffset: the same with an offset, which must fall in the first MDL, too. */
  *initializeUsingOffset(
    evtProgramDma: EvtProgramDma | null,
    direction: number,
    mdl: Mdl | null,
    offset: number,
    lengthBytes: number,
  ): Suspending<NtStatus> {
    if (mdl === null)
      raiseAccessViolation(
        this.kernel,
        'B04',
        this.label,
        `WdfDmaTransactionInitializeUsingOffset of ${this.label} reads the address of a NULL MDL`,
      );
    return yield* this.initialize(evtProgramDma, direction, mdl, mdl.virtualAddress + offset, lengthBytes);
  }

  /**
   * WdfDmaTransactionInitializeUsingRequest: buffer and length come from the request, which must fit the direction
   * (INVALID_DEVICE_REQUEST). The request is referenced from Execute to the last DmaCompleted (rule B03).
   */
  *initializeUsingRequest(request: DmaRequest, evtProgramDma: EvtProgramDma | null, direction: number): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionInitializeUsingRequest');
    if (this.kernel.at(this.op)) yield this.op;
    if (evtProgramDma === null) this.nullParameter('WdfDmaTransactionInitializeUsingRequest', 'EvtProgramDmaFunction');
    if (!isDmaDirection(direction)) return STATUS_INVALID_PARAMETER;
    const buffer = bufferOfRequest(request, direction);
    if (!NT_SUCCESS(buffer.status)) return buffer.status;
    const { mdl, lengthBytes } = buffer;
    if (!this.enabler.supportsChainedMdls && lengthBytes > mdl!.byteCount) return STATUS_INVALID_PARAMETER;
    const status = yield* this.#initializeWith(evtProgramDma, direction, mdl!, 0, lengthBytes);
    if (NT_SUCCESS(status)) this.#request = request;
    return status;
  }

  *#initializeWith(
    evtProgramDma: EvtProgramDma,
    direction: DmaDirection,
    mdl: Mdl,
    offset: number,
    lengthBytes: number,
  ): Suspending<NtStatus> {
    this.checkState('Initialize');
    const info = this.enabler.adapterInfo(direction);
    this.adapterChosen(info);
    this.adapterInfo = info;
    this.maxFragmentBytes = info.maximumFragmentLengthBytes;
    this.direction = direction;
    this.startMdl = this.currentMdl = mdl;
    this.startOffset = this.currentOffset = offset;
    this.remainingBytes = this.transactionBytes = lengthBytes;
    this.#emptyTransfers = 0;
    this.programDma = this.#wrap(evtProgramDma);
    this.initializeTransferContext();
    let status = this.singleTransfer ? this.#prepareForSingleTransfer(info) : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) status = this.initializeResources();
    if (NT_SUCCESS(status)) this.setState(TransactionState.Initialized);
    else yield* this.releaseForReuse(false);
    return status;
  }

  /** Drivers pass the same function again and again: it is wrapped once. */
  #wrap(evtProgramDma: EvtProgramDma): ProgramDma {
    if (evtProgramDma !== this.#registeredProgramDma) {
      this.#registeredProgramDma = evtProgramDma;
      this.#wrappedProgramDma = suspendingCallback(evtProgramDma);
    }
    return this.#wrappedProgramDma!;
  }

  /** InitializeDmaTransferContext, version 3 only; it clears a cancel mark. */
  protected initializeTransferContext(): void {
    if (!this.enabler.usesDmaV3) return;
    if (this.adapterInfo!.adapter === null)
      raiseAccessViolation(
        this.kernel,
        'D62',
        this.label,
        `${this.label} uses a direction of ${this.enabler.label} that was not configured`,
      );
    this.transferContext?.initialize();
  }

  /** Section 6: the whole buffer must fit one transfer. The limit that follows from map registers is ignored on purpose. */
  #prepareForSingleTransfer(info: AdapterInfo): NtStatus {
    this.maxFragmentBytes = Math.max(this.maxFragmentBytes, this.enabler.configuredMaximumLengthBytes);
    if (this.transactionBytes > this.maxFragmentBytes) return STATUS_WDF_TOO_MANY_TRANSFERS;
    const needed = this.adapter.getDmaTransferInfo(this.startMdl, this.startOffset, this.transactionBytes);
    if (needed.mapRegisterCount > this.availableMapRegisters(info)) return STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS;
    const elements = needed.scatterGatherElementCount;
    if (elements > this.enabler.maximumScatterGatherElements) return STATUS_WDF_TOO_FRAGMENTED;
    if (this.enabler.kind === 'packet' && elements > 1) return STATUS_WDF_TOO_FRAGMENTED;
    if (this.enabler.isListAllocated) this.growList(elements);
    return STATUS_SUCCESS;
  }

  // --- running --------------------------------------------------------------------------------------------------

  /**
   * WdfDmaTransactionExecute, once per Initialize: SUCCESS means started or queued, and the caller must not count on
   * the object any more - it may be complete, or deleted. WDF_BUSY (version-2 packet), INSUFFICIENT_RESOURCES,
   * WDF_TOO_FRAGMENTED, BUFFER_TOO_SMALL, CANCELLED: TransferFailed, to be released. Bug check (B10) unless Initialized.
   */
  *execute(context: unknown = null): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionExecute');
    if (this.kernel.at(this.op)) yield this.op;
    this.checkState('Execute');
    if (this.#request !== null) {
      this.#request.addDmaReference();
      this.#isRequestReferenced = true;
    }
    // Before anything can call back: the transaction may run to its end inside this call.
    this.setState(TransactionState.Transfer);
    this.acquiredContext = context;
    if (this.transferContext !== null) this.transferContext.isStarting = true;
    const status = yield* this.startTransfer();
    if (NT_SUCCESS(status)) return status;
    this.setState(TransactionState.TransferFailed);
    this.acquiredContext = null;
    if (this.#request !== null) this.dropRequestReference();
    return status;
  }

  /**
   * WdfDmaTransactionDmaCompleted: the current transfer moved all its bytes. MORE_PROCESSING_REQUIRED is the framework's
   * FALSE - the next transfer is staged, perhaps finished, and the object must not be touched; everything else is its
   * TRUE with that status, and the transaction has ended. Bug check (B11) unless in Transfer.
   */
  *dmaCompleted(): Suspending<NtStatus> {
    return yield* this.#complete(0, 'full');
  }

  /** WdfDmaTransactionDmaCompletedWithLength: `lengthBytes` of it were moved; 0 presents the same transfer again. */
  *dmaCompletedWithLength(lengthBytes: number): Suspending<NtStatus> {
    return yield* this.#complete(lengthBytes, 'partial');
  }

  /** WdfDmaTransactionDmaCompletedFinal: `lengthBytes` were moved and no further transfer will be staged. */
  *dmaCompletedFinal(lengthBytes: number): Suspending<NtStatus> {
    return yield* this.#complete(lengthBytes, 'final');
  }

  *#complete(lengthBytes: number, type: CompletionType): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionDmaCompleted');
    if (this.kernel.at(this.op)) yield this.op;
    this.checkState('DmaCompleted');
    const status = yield* this.#finishTransfer(lengthBytes, type);
    if (status === STATUS_MORE_PROCESSING_REQUIRED) return status;
    this.setState(NT_SUCCESS(status) ? TransactionState.TransferCompleted : TransactionState.TransferFailed);
    yield* this.releaseResources(false);
    if (this.#request !== null) this.dropRequestReference();
    this.currentLengthBytes = 0;
    return status;
  }

  /** Section 4: accounts for the transfer, ends its mapping, and stages the next. */
  *#finishTransfer(lengthBytes: number, type: CompletionType): Suspending<NtStatus> {
    if (lengthBytes > this.currentLengthBytes) {
      this.breakIn('C02', `${this.label}: ${lengthBytes} bytes are reported for a transfer of ${this.currentLengthBytes}`);
      return STATUS_INVALID_PARAMETER;
    }
    const moved = type === 'full' ? this.currentLengthBytes : lengthBytes;
    this.transferredBytes += moved;
    this.remainingBytes += this.currentLengthBytes - moved;
    this.currentLengthBytes = moved;
    this.#countEmpty(moved, type);
    const flushed = yield* this.transferCompleted();
    if (!NT_SUCCESS(flushed)) return flushed;
    if (this.singleTransfer && this.remainingBytes > 0) return STATUS_WDF_TOO_MANY_TRANSFERS;
    if (this.remainingBytes === 0 || type === 'final') return STATUS_SUCCESS;
    const staged = yield* this.stageTransfer();
    // Once a transfer is staged the object belongs to whoever completes it.
    return NT_SUCCESS(staged) ? STATUS_MORE_PROCESSING_REQUIRED : staged;
  }

  #countEmpty(moved: number, type: CompletionType): void {
    this.#emptyTransfers = moved === 0 && type !== 'final' ? this.#emptyTransfers + 1 : 0;
    if (this.#emptyTransfers !== EMPTY_TRANSFERS_MAX) return;
    this.kernel.violation({
      rule: 'D27',
      severity: 'error',
      object: this.label,
      message: `${this.label} has retried the same transfer ${EMPTY_TRANSFERS_MAX} times: the driver needs a bound`,
    });
  }

  /** WdfDmaTransactionCancel: true when a request for registers was waiting and is withdrawn; it never stops hardware. Version 3. */
  *cancel(): Suspending<boolean> {
    this.enterDdi('WdfDmaTransactionCancel');
    if (this.kernel.at(this.op)) yield this.op;
    if (!this.requireV3('WdfDmaTransactionCancel')) return false;
    this.checkState('Cancel');
    if (this.adapterInfo === null)
      raiseAccessViolation(
        this.kernel,
        'D62',
        this.label,
        `WdfDmaTransactionCancel of ${this.label} in state ${this.stateName}: its adapter was given back with the last completion`,
      );
    const withdrawn = yield* this.adapter.cancelAdapterChannel(this.transferContext!);
    if (!withdrawn) return false;
    this.setState(TransactionState.TransferFailed);
    if (this.#request !== null) this.dropRequestReference();
    return true;
  }

  // --- giving back ----------------------------------------------------------------------------------------------

  /** WdfDmaTransactionRelease: makes the object ready for another Initialize; keeps a reservation. Always SUCCESS. */
  *release(): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionRelease');
    if (this.kernel.at(this.op)) yield this.op;
    yield* this.releaseForReuse(false);
    return STATUS_SUCCESS;
  }

  protected *releaseForReuse(isForced: boolean): Suspending<void> {
    if (!isForced) {
      if (this.state === TransactionState.Released) return;
      this.checkState('Release');
    }
    this.releasing();
    this.setState(TransactionState.Released);
    yield* this.releaseResources(isForced);
    this.#reset();
    this.#clearRequest();
  }

  /** Back to what Create left, except the enabler, the adapter and - a quirk the vectors hold - the system callbacks. */
  #reset(): void {
    this.maxFragmentBytes = 0;
    this.transactionBytes = 0;
    this.direction = DmaDirection.ReadFromDevice;
    this.remainingBytes = 0;
    this.transferredBytes = 0;
    this.startMdl = this.currentMdl = null;
    this.startOffset = this.currentOffset = 0;
    this.currentLengthBytes = 0;
    this.singleTransfer = this.enabler.requireSingleTransfer;
    this.immediate = false;
    this.acquiredContext = null;
    this.clearCallback();
  }

  protected clearCallback(): void {
    this.programDma = null;
  }

  /** Legal in every state but Transfer (B18); reservations go, too. */
  protected override *dispose(): Suspending<void> {
    this.checkState('Delete');
    this.setState(TransactionState.Deleted);
    yield* this.releaseResources(true);
    this.#clearRequest();
  }

  #clearRequest(): void {
    if (this.#isRequestReferenced) this.dropRequestReference();
    this.#request = null;
  }

  /** Drops the reference Execute took but keeps the pointer, so that GetRequest goes on working. */
  protected dropRequestReference(): void {
    if (!this.#isRequestReferenced) {
      this.kernel.violation({
        rule: 'L-REQUEST-REFERENCE',
        severity: 'error',
        object: this.label,
        message: `${this.label} drops a reference to its request that it never took: a reservation was refused or cancelled on a transaction initialised from a request (surprises 6)`,
      });
    }
    this.#isRequestReferenced = false;
    this.#request!.dropDmaReference();
  }

  // --- settings and queries -------------------------------------------------------------------------------------

  /**
   * WdfDmaTransactionSetMaximumLength, after Initialize: takes effect when it is below the adapter's fragment length.
   * On a fresh or completed transaction the framework follows a NULL pointer (C05).
   */
  setMaximumLength(lengthBytes: number): void {
    this.requireLive('WdfDmaTransactionSetMaximumLength');
    if (this.adapterInfo === null)
      raiseAccessViolation(
        this.kernel,
        'C05',
        this.label,
        `WdfDmaTransactionSetMaximumLength of ${this.label} in state ${this.stateName}: it has no adapter before Initialize and after the last completion (surprises 3)`,
      );
    if (lengthBytes === 0)
      this.kernel.violation({
        rule: 'C05',
        severity: 'error',
        object: this.label,
        message: `${this.label} is given a maximum length of 0: its transfers would be empty for ever`,
      });
    if (lengthBytes < this.adapterInfo.maximumFragmentLengthBytes) this.maxFragmentBytes = lengthBytes;
  }

  /** WdfDmaTransactionSetSingleTransferRequirement, before Initialize; version 3. Ignored, with a break (C03, C04), otherwise. */
  setSingleTransferRequirement(isRequired: boolean): void {
    this.requireLive('WdfDmaTransactionSetSingleTransferRequirement');
    if (!this.kernel.requireIrqlAtMost(DISPATCH_LEVEL, 'WdfDmaTransactionSetSingleTransferRequirement')) return;
    if (!this.requireV3('WdfDmaTransactionSetSingleTransferRequirement')) return;
    if (this.checkState('SetSingleTransferRequirement')) this.singleTransfer = isRequired;
  }

  /** WdfDmaTransactionSetImmediateExecution: granted at once or not at all; version 3. In a late state a break, and done all the same. */
  setImmediateExecution(isImmediate: boolean): void {
    this.requireLive('WdfDmaTransactionSetImmediateExecution');
    if (!this.requireV3('WdfDmaTransactionSetImmediateExecution')) return;
    this.checkState('SetImmediateExecution');
    this.immediate = isImmediate;
  }

  /** WdfDmaTransactionGetTransferInfo: what the whole buffer takes, exactly with version 3, at worst with 2. Bug check (B12) unless Initialized. */
  getTransferInfo(): TransferInfo {
    this.requireLive('WdfDmaTransactionGetTransferInfo');
    this.checkState('GetTransferInfo');
    if (this.enabler.usesDmaV3) {
      const exact = this.adapter.getDmaTransferInfo(this.startMdl, this.startOffset, this.transactionBytes);
      this.#info.mapRegisters = exact.mapRegisterCount;
      this.#info.elements = exact.scatterGatherElementCount;
    } else {
      this.#info.mapRegisters = this.#info.elements = pagesTouched(this.startMdl, this.startOffset, this.transactionBytes);
    }
    return this.#info;
  }

  /** WdfDmaTransactionGetBytesTransferred: over all completed transfers; inside EvtProgramDma the offset of this one. */
  get bytesTransferred(): number {
    this.requireLive('WdfDmaTransactionGetBytesTransferred');
    return this.transferredBytes;
  }

  /** WdfDmaTransactionGetCurrentDmaTransferLength: of the transfer in flight; 0 after the last completion. */
  get currentDmaTransferLengthBytes(): number {
    this.requireLive('WdfDmaTransactionGetCurrentDmaTransferLength');
    return this.currentLengthBytes;
  }

  /** WdfDmaTransactionGetRequest: until Release; null for one initialised without a request. */
  get request(): Request | null {
    this.requireLive('WdfDmaTransactionGetRequest');
    // In a driver every request is the framework's own class; only a harness passes another.
    return this.#request as Request | null;
  }

  get device(): DmaDevice {
    return this.enabler.device;
  }

  /** For reports and tests: the state's name. */
  get stateName(): ReturnType<typeof transactionStateName> {
    return transactionStateName(this.state);
  }

  /** WdfDmaTransactionWdmGetTransferContext: null with version 2, or before Initialize and after Release (a break). */
  get wdmTransferContext(): TransferContext | null {
    this.requireLive('WdfDmaTransactionWdmGetTransferContext');
    if (!this.requireV3('WdfDmaTransactionWdmGetTransferContext')) return null;
    return this.checkState('WdmGetTransferContext') ? this.transferContext : null;
  }

  // --- packet and system profiles only; here what the others do ---------------------------------------------------

  /**
   * WdfDmaTransactionAllocateResources: reserves `registers` (0: what the initialised buffer takes) for repeated use;
   * `evtReserveDma` runs when they are granted. Packet and system profiles, version 3; else INVALID_DEVICE_REQUEST.
   */
  // eslint-disable-next-line require-yield, @typescript-eslint/no-unused-vars -- refused without looking
  *allocateResources(
    _direction: number,
    _registers: number,
    _evtReserveDma: EvtReserveDma | null,
    _context: unknown = null,
  ): Suspending<NtStatus> {
    this.requireLive('WdfDmaTransactionAllocateResources');
    this.requireV3('WdfDmaTransactionAllocateResources');
    this.refuseProfile('WdfDmaTransactionAllocateResources');
    return STATUS_INVALID_DEVICE_REQUEST;
  }

  /** WdfDmaTransactionFreeResources: gives the reservation back and releases the transaction. */
  // eslint-disable-next-line require-yield -- refused without looking
  *freeResources(): Suspending<void> {
    this.requireLive('WdfDmaTransactionFreeResources');
    this.refuseProfile('WdfDmaTransactionFreeResources');
  }

  /** WdfDmaTransactionStopSystemTransfer: stops the system DMA controller's transfer; system profiles. */
  // eslint-disable-next-line require-yield -- refused without looking
  *stopSystemTransfer(): Suspending<void> {
    this.requireLive('WdfDmaTransactionStopSystemTransfer');
    this.refuseProfile('WdfDmaTransactionStopSystemTransfer');
  }

  /** WdfDmaTransactionSetChannelConfigurationCallback; system profiles. */
  setChannelConfigurationCallback(_callback: EvtConfigureDmaChannel | null, _context: unknown = null): void {
    this.requireLive('WdfDmaTransactionSetChannelConfigurationCallback');
    this.refuseProfile('WdfDmaTransactionSetChannelConfigurationCallback');
  }

  /** WdfDmaTransactionSetTransferCompleteCallback; system profiles. */
  setTransferCompleteCallback(_callback: EvtDmaTransferComplete | null, _context: unknown = null): void {
    this.requireLive('WdfDmaTransactionSetTransferCompleteCallback');
    this.refuseProfile('WdfDmaTransactionSetTransferCompleteCallback');
  }

  /** WdfDmaTransactionSetDeviceAddressOffset: added to the configured device address; system profiles. */
  setDeviceAddressOffset(_offset: number): void {
    this.requireLive('WdfDmaTransactionSetDeviceAddressOffset');
    this.refuseProfile('WdfDmaTransactionSetDeviceAddressOffset');
  }

  // --- what the profiles provide ----------------------------------------------------------------------------------

  protected abstract initializeResources(): NtStatus;
  protected abstract startTransfer(): Suspending<NtStatus>;
  protected abstract stageTransfer(): Suspending<NtStatus>;
  protected abstract transferCompleted(): Suspending<NtStatus>;
  protected abstract releaseResources(isForced: boolean): Suspending<void>;
  /** Room for `elements` in the list buffer. */
  protected abstract growList(elements: number): void;
  protected abstract availableMapRegisters(info: AdapterInfo): number;
  /** Initialize is about to use `info`. */
  protected adapterChosen(_info: AdapterInfo): void {}
  /** Release or FreeResources is about to reset the object. */
  protected releasing(): void {}

  // --- shared ----------------------------------------------------------------------------------------------------

  /** The adapter; where the framework would follow a NULL pointer, a fault. */
  protected get adapter(): DmaAdapter {
    const adapter = this.adapterInfo?.adapter ?? null;
    if (adapter === null)
      raiseAccessViolation(
        this.kernel,
        'D62',
        this.label,
        `${this.label} in state ${this.stateName} has no adapter: it was never initialised, or its adapter was given back`,
      );
    return adapter;
  }

  protected get isWrite(): boolean {
    return this.direction === DmaDirection.WriteToDevice;
  }

  protected *invokeProgramDma(list: ScatterGatherList): Suspending<void> {
    if (this.programDma === null) return;
    this.kernel.emit(EventKind.TransferStage, this.objectId, this.transferredBytes, this.currentLengthBytes);
    const irql = this.kernel.enter(this.objectId);
    yield* this.programDma(this, this.enabler.device, this.acquiredContext, this.direction, list);
    this.kernel.leave(irql, this.objectId, 'EvtProgramDma');
  }

  /** Every DDI begins here: the handle is good and the level legal; the caller's scheduling point follows. */
  protected enterDdi(ddi: string): void {
    this.requireLive(ddi);
    this.kernel.requireIrqlAtMost(DISPATCH_LEVEL, ddi);
  }

  protected setState(state: TransactionState): void {
    this.kernel.emit(EventKind.TransactionState, this.objectId, state, this.state);
    this.state = state;
  }

  /** Checks the operation against the table. False: illegal, and it is up to the caller what happens. */
  protected checkState(operation: TransactionOperation): boolean {
    return isLegal(operation, this.state) || this.illegalState(operation);
  }

  protected illegalState(operation: TransactionOperation, why = ''): boolean {
    const { ddi, rule, illegal } = TRANSACTION_OPERATIONS[operation];
    const message = `${ddi} is called on ${this.label} in state ${this.stateName}${why}`;
    if (illegal === 'break') this.breakIn(rule, message);
    else if (illegal === 'bug-check' || this.enabler.device.platform.frameworkVerifier) this.dmaFatal(rule, message);
    return false;
  }

  /** Bug check 0x10D/8 with the state as it is. Does not return. */
  protected dmaFatal(rule: string, message: string): void {
    this.kernel.violation({
      rule,
      severity: 'crash',
      object: this.label,
      message,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.DMA_FATAL_ERROR, this.objectId, this.state, 0] },
    });
  }

  /** FxVerifierDbgBreakPoint: a warning while the framework verifier is on. */
  protected breakIn(rule: string, message: string): void {
    if (this.enabler.device.platform.frameworkVerifier) this.kernel.violation({ rule, severity: 'warning', object: this.label, message });
  }

  protected requireV3(ddi: string): boolean {
    if (this.enabler.usesDmaV3) return true;
    this.breakIn('C03', `${ddi} is called on ${this.label}, whose enabler does not use DMA version 3`);
    return false;
  }

  protected refuseProfile(ddi: string): void {
    this.breakIn('C03', `${ddi} is called on ${this.label}, whose enabler has the profile ${this.enabler.profile}`);
  }

  /** Rule B04. */
  protected nullParameter(ddi: string, parameter: string): never {
    this.kernel.violation({
      rule: 'B04',
      severity: 'crash',
      object: this.label,
      message: `${ddi} of ${this.label} is called with a NULL ${parameter}`,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.REQUIRED_PARAMETER_IS_NULL, 0, ddi] },
    });
    throw this.kernel.dead!;
  }

  /** KeRaiseIrql(DISPATCH_LEVEL); returns the level to go back to. */
  protected raise(): Irql {
    const cpu = this.kernel.current;
    const { irql } = cpu;
    if (irql < DISPATCH_LEVEL) cpu.irql = DISPATCH_LEVEL;
    return irql;
  }

  /** KeLowerIrql; true when a DPC waits for just that: `if (this.lower(irql)) yield this.kernel.standAt(this.op)`. */
  protected lower(irql: Irql): boolean {
    const cpu = this.kernel.current;
    cpu.irql = irql;
    return cpu.dpcIsDue;
  }
}

/** Version 2's estimate: a register for every page touched, MDL by MDL. */
function pagesTouched(first: Mdl | null, offset: number, lengthBytes: number): number {
  let pages = 0;
  let skip = offset;
  let left = lengthBytes;
  for (let mdl = first; mdl !== null && left > 0; mdl = mdl.next) {
    if (mdl.byteCount <= skip) {
      skip -= mdl.byteCount;
      continue;
    }
    const bytes = Math.min(mdl.byteCount - skip, left);
    pages += spanPages(mdl.byteOffset + skip, bytes);
    left -= bytes;
    skip = 0;
  }
  return pages;
}
