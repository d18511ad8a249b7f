import {
  DISPATCH_LEVEL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_UNSUCCESSFUL,
  WDF_VIOLATION,
  WdfViolation,
  type Irql,
  type NtStatus,
} from '../nt/index.js';
import { EventKind, FxObject, type ObjectAttributes, type Op, type Suspending } from '../kernel/index.js';
import { raiseAccessViolation, TransferContext, type DmaAdapter, type Mdl } from '../hal/index.js';
import { DmaDirection, type AdapterInfo, type DmaEnabler } from './dma-enabler.js';
import { spanPages } from './dma-transaction-arithmetic.js';
import {
  isLegal,
  TRANSACTION_OPERATIONS,
  TransactionState,
  transactionStateName,
  type TransactionOperation,
} from './dma-transaction-state.js';
import { reportFrameworkDefect, reportNoTransfer } from './dma-transaction-findings.js';
import type { DmaDevice, DmaRequest } from './dma-host.js';
import type { EvtConfigureDmaChannel, EvtDmaTransferComplete, EvtReserveDma } from './dma-transaction-callbacks.js';
import type { Request } from './request.js';

/** Answer of `getTransferInfo`; one object per transaction, overwritten by the next call. */
export interface TransferInfo {
  mapRegisters: number;
  elements: number;
}

/** Where a transaction in Transfer stands; tells in which window a cancellation came (transaction-state-machine section 8). */
export const TransferPhase = { None: 0, Staging: 1, Programming: 2, Running: 3, Completing: 4 } as const;
export type TransferPhase = (typeof TransferPhase)[keyof typeof TransferPhase];

/**
 * The state of a transaction, its checks, and the DDIs that only set or read it. What runs a transaction builds on
 * this: `DmaTransactionBase`.
 */
export abstract class DmaTransactionCore<C = unknown> extends FxObject<C> {
  protected state: TransactionState = TransactionState.Created;
  protected direction: DmaDirection = DmaDirection.ReadFromDevice;
  /** Null before the first Initialize, and again once the resources are given back: the framework's NULL. */
  protected adapterInfo: AdapterInfo | null = null;
  /** Version 3 only; whatever the state, unlike `wdmTransferContext`, which is what drivers ask for. */
  readonly transferContext: TransferContext | null;
  protected acquiredContext: unknown = null;
  /** Where the buffer begins; the packet profiles count offsets from here over the whole chain. */
  protected startMdl: Mdl | null = null;
  protected startOffset = 0;
  /** Where the transfer in flight begins. */
  protected currentMdl: Mdl | null = null;
  protected currentOffset = 0;
  protected currentLengthBytes = 0;
  protected maxFragmentBytes = 0;
  protected transactionBytes = 0;
  /** Not yet moved and not in flight. */
  protected remainingBytes = 0;
  protected transferredBytes = 0;
  protected singleTransfer: boolean;
  /** DMA_SYNCHRONOUS_CALLBACK: granted at once or not at all. */
  protected immediate = false;
  /** Stands before every DDI. */
  protected readonly op: Op;
  protected ioRequest: DmaRequest | null = null;
  protected phase: TransferPhase = TransferPhase.None;
  /** The transfer in flight was shown to the driver, which has not completed it yet. */
  protected isPresented = false;
  /** Calls of DmaCompleted*. */
  protected completions = 0;
  protected wasReleasedByDriver = false;
  #isRequestReferenced = false;
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
    if (this.state === TransactionState.Transfer && lengthBytes < this.adapterInfo.maximumFragmentLengthBytes)
      reportFrameworkDefect(
        this,
        13,
        `is given a maximum length of ${lengthBytes} in mid-transaction: from the next transfer on it replaces ${this.maxFragmentBytes}, be it larger or smaller`,
      );
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

  /** WdfDmaTransactionGetCurrentDmaTransferLength: of the transfer in flight. Without one, as after the last completion, 0 and rule D26. */
  get currentDmaTransferLengthBytes(): number {
    this.requireLive('WdfDmaTransactionGetCurrentDmaTransferLength');
    if (this.state !== TransactionState.Transfer) reportNoTransfer(this);
    return this.currentLengthBytes;
  }

  /** For reports and tests: the same in any state. */
  get lengthInFlightBytes(): number {
    return this.currentLengthBytes;
  }

  /** WdfDmaTransactionGetRequest: until Release; null for one initialised without a request. */
  get request(): Request | null {
    this.requireLive('WdfDmaTransactionGetRequest');
    // In a driver every request is the framework's own class; only a harness passes another.
    return this.ioRequest as Request | null;
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

  // --- the request ----------------------------------------------------------------------------------------------

  protected takeRequestReference(): void {
    this.ioRequest!.addDmaReference();
    this.#isRequestReferenced = true;
  }

  /** Drops the reference Execute took but keeps the pointer, so that GetRequest goes on working. */
  protected dropRequestReference(status: NtStatus, isExecuteFailing = false): void {
    this.ioRequest!.dmaStatus = status;
    if (!this.#isRequestReferenced) {
      this.kernel.violation({
        rule: 'L-REQUEST-REFERENCE',
        severity: 'error',
        object: this.label,
        message: isExecuteFailing
          ? `${this.label} drops the reference to its request twice: WdfDmaTransactionCancel came before WdfDmaTransactionExecute had asked for map registers and answered TRUE, and both drop it (section 8, window C)`
          : `${this.label} drops a reference to its request that it never took: a reservation was refused or cancelled on a transaction initialised from a request (surprises 6)`,
      });
    }
    this.#isRequestReferenced = false;
    this.ioRequest!.dropDmaReference();
  }

  protected clearRequest(): void {
    if (this.#isRequestReferenced) this.dropRequestReference(STATUS_UNSUCCESSFUL);
    if (this.ioRequest !== null) this.ioRequest.transaction = null;
    this.ioRequest = null;
  }

  /** The window of transaction-state-machine section 8 in which a cancellation of its request would come now. */
  get cancelWindow(): 'C' | 'D' | 'E' | 'F' | 'G' | 'H' {
    if (this.state !== TransactionState.Transfer) return this.state === TransactionState.Initialized ? 'C' : 'H';
    if (this.phase === TransferPhase.Running) return 'F';
    if (this.phase === TransferPhase.Completing) return 'G';
    const context = this.transferContext;
    if (context === null) return 'E';
    // Execute was entered, and registers are not asked for yet.
    if (context.isStarting) return 'C';
    return this.adapterInfo?.adapter?.isWaiting(context) === true ? 'D' : 'E';
  }

  // --- packet and system profiles only; here what the others do ---------------------------------------------------

  /**
   * WdfDmaTransactionAllocateResources: reserves `registers` (0: what the initialised buffer takes) for repeated use;
   * `evtReserveDma` runs when they are granted. Packet and system profiles, version 3; else INVALID_DEVICE_REQUEST.
   */
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
  *freeResources(): Suspending<void> {
    this.requireLive('WdfDmaTransactionFreeResources');
    this.refuseProfile('WdfDmaTransactionFreeResources');
  }

  /** WdfDmaTransactionStopSystemTransfer: stops the system DMA controller's transfer; system profiles. */
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

  // --- shared ----------------------------------------------------------------------------------------------------

  /** The adapter; where the framework would follow a NULL pointer, a fault. */
  protected get adapter(): DmaAdapter {
    return this.adapterInfo?.adapter ?? this.#noAdapter();
  }

  /** Registers one transfer may take; the same fault without an adapter. */
  protected get adapterMapRegisters(): number {
    return this.adapterInfo?.numberOfMapRegisters ?? this.#noAdapter();
  }

  #noAdapter(): never {
    raiseAccessViolation(
      this.kernel,
      'D62',
      this.label,
      `${this.label} in state ${this.stateName} has no adapter: it was never initialised, or its adapter was given back (surprises 3)`,
    );
  }

  protected get isWrite(): boolean {
    return this.direction === DmaDirection.WriteToDevice;
  }

  /** Every DDI begins here: the handle is good and the level legal; the caller's scheduling point follows. */
  protected enterDdi(ddi: string): void {
    this.requireLive(ddi);
    this.kernel.requireIrqlAtMost(DISPATCH_LEVEL, ddi);
  }

  protected setState(state: TransactionState): void {
    if (state !== TransactionState.Released) this.wasReleasedByDriver = false;
    this.kernel.emit(EventKind.TransactionState, this.objectId, state, this.state);
    this.state = state;
  }

  /** Checks the operation against the table. False: illegal, and it is up to the caller what happens. */
  protected checkState(operation: TransactionOperation, why = ''): boolean {
    return isLegal(operation, this.state) || this.illegalState(operation, why);
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
    const why =
      this.enabler.kind === 'system'
        ? ': its read direction is not configured, and only that one is looked at (surprises 14)'
        : ', which on x64 it must ask for (surprises 14)';
    this.breakIn('C03', `${ddi} is called on ${this.label}, whose enabler does not use DMA version 3${why}`);
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
/**
 * Version 2's estimate: a register for every page touched, MDL by MDL. The framework never clears the offset once it has
 * reached the MDL in which the buffer begins: the same number of bytes is left out of every later MDL, and a chain that
 * is entered in its middle is told to take too little.
 */
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
  }
  return pages;
}
