import {
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_INVALID_PARAMETER,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  STATUS_WDF_TOO_FRAGMENTED,
  STATUS_WDF_TOO_MANY_TRANSFERS,
  type NtStatus,
} from '../nt/index.js';
import { EventKind, completed, suspendedAt, suspendingCallback, type Suspending } from '../kernel/index.js';
import { raiseAccessViolation, type Mdl, type ScatterGatherList } from '../hal/index.js';
import { DmaDirection, isDmaDirection, type AdapterInfo } from './dma-enabler.js';
import type { EvtProgramDma } from './dma-transaction-callbacks.js';
import { DmaTransactionCore, TransferPhase } from './dma-transaction-core.js';
import { asUlong } from './dma-transaction-arithmetic.js';
import { bufferOfRequest } from './dma-transaction-request.js';
import {
  checkBufferedList,
  refuseRegisters,
  reportExecuteErrorNotReleased,
  reportFrameworkDefect,
  reportProgramFailed,
  reportRetriedForEver,
  reportUnpresented,
} from './dma-transaction-findings.js';
import { TransactionState } from './dma-transaction-state.js';
import type { DmaDevice, DmaRequest } from './dma-host.js';

type ProgramDma = (
  transaction: DmaTransactionBase,
  device: DmaDevice,
  context: unknown,
  direction: DmaDirection,
  list: ScatterGatherList,
) => Suspending<boolean>;
type CompletionType = 'full' | 'partial' | 'final';

/** A driver that completes that many transfers of one transaction with length 0, one after the other, will do it for ever (rule D27). */
const EMPTY_TRANSFERS_MAX = 1000;

/**
 * WDFDMATRANSACTION: one I/O operation over one MDL chain, carried out as one or more transfers. This class holds what
 * the profiles share: initialising, the completion routine, giving back. The profiles differ in how a transfer is
 * staged: `DmaPacketTransaction`, `DmaScatterGatherTransaction`, `DmaSystemTransaction`.
 *
 * Every DDI may be called at DISPATCH_LEVEL or below. Those that can run a callback - anybody's - suspend.
 */
export abstract class DmaTransactionBase<C = unknown> extends DmaTransactionCore<C> {
  protected programDma: ProgramDma | null = null;
  #emptyTransfers = 0;
  /** In TransferFailed: because Execute failed, which leaves the transaction to be released (rule C29). */
  #executeFailed = false;
  #registeredProgramDma: EvtProgramDma | null = null;
  #wrappedProgramDma: ProgramDma | null = null;

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
    const status = this.#describe(evtProgramDma, direction, mdl, offset, asUlong(lengthBytes));
    return NT_SUCCESS(status) ? status : yield* this.#refuse(status);
  }

  /** WdfDmaTransactionInitializeUsingOffset: the same with an offset, which must fall in the first MDL, too. */
  initializeUsingOffset(
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
    return this.initialize(evtProgramDma, direction, mdl, mdl.virtualAddress + offset, lengthBytes);
  }

  /**
   * WdfDmaTransactionInitializeUsingRequest: buffer and length come from the request, which must fit the direction
   * (INVALID_DEVICE_REQUEST). The request is referenced from Execute to the last DmaCompleted (rule B03).
   */
  initializeUsingRequest(request: DmaRequest, evtProgramDma: EvtProgramDma | null, direction: number): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionInitializeUsingRequest');
    if (this.kernel.at(this.op)) return suspendedAt(this.op, () => this.#initializeFrom(request, evtProgramDma, direction));
    return this.#initializeFrom(request, evtProgramDma, direction);
  }

  #initializeFrom(request: DmaRequest, evtProgramDma: EvtProgramDma | null, direction: number): Suspending<NtStatus> {
    if (evtProgramDma === null) this.nullParameter('WdfDmaTransactionInitializeUsingRequest', 'EvtProgramDmaFunction');
    if (!isDmaDirection(direction)) return completed<NtStatus>(STATUS_INVALID_PARAMETER);
    const buffer = bufferOfRequest(request, direction);
    if (!NT_SUCCESS(buffer.status)) return completed(buffer.status);
    const { mdl, lengthBytes } = buffer;
    checkBufferedList(this, request, mdl, lengthBytes);
    if (!this.enabler.supportsChainedMdls && lengthBytes > mdl!.byteCount) return completed<NtStatus>(STATUS_INVALID_PARAMETER);
    const status = this.#describe(evtProgramDma, direction, mdl!, 0, lengthBytes);
    if (!NT_SUCCESS(status)) return this.#refuse(status);
    this.ioRequest = request;
    request.transaction = this;
    request.dmaStatus = STATUS_SUCCESS;
    return completed(status);
  }

  *#refuse(status: NtStatus): Suspending<NtStatus> {
    yield* this.releaseForReuse(false);
    return status;
  }

  /** What Initialize writes. A failing status: the caller releases the transaction. */
  #describe(evtProgramDma: EvtProgramDma, direction: DmaDirection, mdl: Mdl, offset: number, lengthBytes: number): NtStatus {
    if (this.state === TransactionState.TransferFailed && this.#executeFailed) reportExecuteErrorNotReleased(this, 'initialised');
    this.checkState('Initialize');
    // If this fails in Released, the state does not change, and a Release after it is not a second one.
    this.wasReleasedByDriver = false;
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
    const available = this.availableMapRegisters(info);
    if (needed.mapRegisterCount > available) return refuseRegisters(this, needed.mapRegisterCount, available, info.numberOfMapRegisters);
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
    const isForgotten = this.state === TransactionState.Reserved;
    this.checkState('Execute', isForgotten ? ': a reservation forgets the buffer, Initialize is needed again (surprises 7)' : '');
    if (this.ioRequest !== null) this.takeRequestReference();
    // Before anything can call back: the transaction may run to its end inside this call.
    this.setState(TransactionState.Transfer);
    this.phase = TransferPhase.Staging;
    this.isPresented = false;
    this.#executeFailed = false;
    this.acquiredContext = context;
    if (this.transferContext !== null) this.transferContext.isStarting = true;
    const status = yield* this.startTransfer();
    if (NT_SUCCESS(status)) return status;
    this.setState(TransactionState.TransferFailed);
    this.#executeFailed = true;
    this.acquiredContext = null;
    if (this.ioRequest !== null) this.dropRequestReference(status, true);
    return status;
  }

  /**
   * WdfDmaTransactionDmaCompleted: the current transfer moved all its bytes. MORE_PROCESSING_REQUIRED is the framework's
   * FALSE - the next transfer is staged, perhaps finished, and the object must not be touched; everything else is its
   * TRUE with that status, and the transaction has ended. Bug check (B11) unless in Transfer.
   */
  dmaCompleted(): Suspending<NtStatus> {
    return this.#complete(0, 'full');
  }

  /** WdfDmaTransactionDmaCompletedWithLength: `lengthBytes` of it were moved; 0 presents the same transfer again. */
  dmaCompletedWithLength(lengthBytes: number): Suspending<NtStatus> {
    return this.#complete(lengthBytes, 'partial');
  }

  /** WdfDmaTransactionDmaCompletedFinal: `lengthBytes` were moved and no further transfer will be staged. */
  dmaCompletedFinal(lengthBytes: number): Suspending<NtStatus> {
    return this.#complete(lengthBytes, 'final');
  }

  /** Section 4: accounts for the transfer, ends its mapping, and stages the next or ends the transaction. */
  *#complete(lengthBytes: number, type: CompletionType): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionDmaCompleted');
    if (this.kernel.at(this.op)) yield this.op;
    this.checkState('DmaCompleted');
    if (!this.isPresented) reportUnpresented(this, this.cancelWindow === 'D');
    this.isPresented = false;
    this.completions = (this.completions + 1) | 0;
    this.phase = TransferPhase.Completing;
    let status = this.#account(lengthBytes, type);
    if (NT_SUCCESS(status)) status = yield* this.transferCompleted();
    if (NT_SUCCESS(status)) status = this.#verdict(type);
    if (status === STATUS_MORE_PROCESSING_REQUIRED) {
      status = yield* this.stageTransfer();
      // Once a transfer is staged the object belongs to whoever completes it.
      if (NT_SUCCESS(status)) return STATUS_MORE_PROCESSING_REQUIRED;
    }
    this.setState(NT_SUCCESS(status) ? TransactionState.TransferCompleted : TransactionState.TransferFailed);
    if (!this.releaseIdle(false)) yield* this.releaseResources(false);
    if (this.ioRequest !== null) this.dropRequestReference(status);
    this.currentLengthBytes = 0;
    return status;
  }

  #account(lengthBytes: number, type: CompletionType): NtStatus {
    if (lengthBytes > this.currentLengthBytes) {
      this.breakIn('C02', `${this.label}: ${lengthBytes} bytes are reported for a transfer of ${this.currentLengthBytes}`);
      return STATUS_INVALID_PARAMETER;
    }
    const moved = type === 'full' ? this.currentLengthBytes : lengthBytes;
    this.transferredBytes += moved;
    this.remainingBytes += this.currentLengthBytes - moved;
    this.currentLengthBytes = moved;
    this.#countEmpty(moved, type);
    return STATUS_SUCCESS;
  }

  /** SUCCESS: the transaction ends here; MORE_PROCESSING_REQUIRED: another transfer is due. */
  #verdict(type: CompletionType): NtStatus {
    if (this.singleTransfer && this.remainingBytes > 0) return STATUS_WDF_TOO_MANY_TRANSFERS;
    return this.remainingBytes === 0 || type === 'final' ? STATUS_SUCCESS : STATUS_MORE_PROCESSING_REQUIRED;
  }

  #countEmpty(moved: number, type: CompletionType): void {
    this.#emptyTransfers = moved === 0 && type !== 'final' ? this.#emptyTransfers + 1 : 0;
    if (this.#emptyTransfers === EMPTY_TRANSFERS_MAX) reportRetriedForEver(this, EMPTY_TRANSFERS_MAX);
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
        `WdfDmaTransactionCancel of ${this.label} in state ${this.stateName}: its adapter was given back with the last completion (surprises 3)`,
      );
    const withdrawn = yield* this.adapter.cancelAdapterChannel(this.transferContext!);
    if (!withdrawn) return false;
    this.setState(TransactionState.TransferFailed);
    if (this.ioRequest !== null) this.dropRequestReference(STATUS_CANCELLED);
    return true;
  }

  // --- giving back ----------------------------------------------------------------------------------------------

  /** WdfDmaTransactionRelease: makes the object ready for another Initialize; keeps a reservation. Always SUCCESS. */
  release(): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionRelease');
    return this.kernel.at(this.op) ? suspendedAt(this.op, () => this.#releaseNow()) : this.#releaseNow();
  }

  #releaseNow(): Suspending<NtStatus> {
    if (this.wasReleasedByDriver)
      reportFrameworkDefect(this, 2, 'is released a second time: the framework answers SUCCESS, not INVALID_DEVICE_STATE');
    const isReleasedNow = this.#beginRelease(false);
    this.wasReleasedByDriver = true;
    if (!isReleasedNow) return completed<NtStatus>(STATUS_SUCCESS);
    if (!this.releaseIdle(false)) return this.#releaseBusy();
    this.#endRelease();
    return completed<NtStatus>(STATUS_SUCCESS);
  }

  *#releaseBusy(): Suspending<NtStatus> {
    yield* this.releaseResources(false);
    this.#endRelease();
    return STATUS_SUCCESS;
  }

  protected *releaseForReuse(isForced: boolean): Suspending<void> {
    if (!this.#beginRelease(isForced)) return;
    if (!this.releaseIdle(isForced)) yield* this.releaseResources(isForced);
    this.#endRelease();
  }

  /** False: it is released already, which is benign. */
  #beginRelease(isForced: boolean): boolean {
    if (!isForced) {
      if (this.state === TransactionState.Released) return false;
      this.checkState('Release');
    }
    this.releasing('released');
    this.setState(TransactionState.Released);
    return true;
  }

  #endRelease(): void {
    this.#reset();
    this.clearRequest();
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
  override *dispose(): Suspending<void> {
    this.checkState('Delete');
    // Deleting it is as good as releasing it; going down with its enabler is being forgotten.
    if (this.state === TransactionState.TransferFailed && this.#executeFailed && !this.enabler.isLive)
      reportExecuteErrorNotReleased(this, 'dropped');
    this.releasing('deleted');
    this.setState(TransactionState.Deleted);
    if (!this.releaseIdle(true)) yield* this.releaseResources(true);
    this.clearRequest();
  }

  protected *invokeProgramDma(list: ScatterGatherList): Suspending<void> {
    if (this.programDma === null) return;
    this.kernel.emit(EventKind.TransferStage, this.objectId, this.transferredBytes, this.currentLengthBytes);
    this.phase = TransferPhase.Programming;
    this.isPresented = true;
    const { completions } = this;
    const irql = this.kernel.enter(this.objectId, 'EvtProgramDma');
    const isProgrammed = yield* this.programDma(this, this.enabler.device, this.acquiredContext, this.direction, list);
    this.kernel.leave(irql, this.objectId, 'EvtProgramDma');
    // JavaScript drivers may return nothing.
    if (isProgrammed === false && completions === this.completions) reportProgramFailed(this);
    if (this.phase === TransferPhase.Programming) this.phase = TransferPhase.Running;
  }

  // --- what the profiles provide ----------------------------------------------------------------------------------

  protected abstract initializeResources(): NtStatus;
  protected abstract startTransfer(): Suspending<NtStatus>;
  protected abstract stageTransfer(): Suspending<NtStatus>;
  protected abstract transferCompleted(): Suspending<NtStatus>;
  /** Gives back what takes no suspending; false when `releaseResources` has something to do. */
  protected abstract releaseIdle(isForced: boolean): boolean;
  protected abstract releaseResources(isForced: boolean): Suspending<void>;
  /** Room for `elements` in the list buffer. */
  protected abstract growList(elements: number): void;
  protected abstract availableMapRegisters(info: AdapterInfo): number;
  /** Initialize is about to use `info`. */
  protected adapterChosen(_info: AdapterInfo): void {}
  /** Release or FreeResources is about to reset the object, or it goes away. */
  protected releasing(_how: 'released' | 'deleted'): void {}
}
