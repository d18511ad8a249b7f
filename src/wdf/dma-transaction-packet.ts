import {
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_WDF_BUSY,
  type NtStatus,
} from '../nt/index.js';
import { suspendingCallback, type ObjectAttributes, type Suspending, type VirtualCpu } from '../kernel/index.js';
import {
  AllocationAction,
  DmaCompletionStatus,
  ListPair,
  raiseAccessViolation,
  type AdapterControl,
  type DmaCompletionRoutine,
  type ScatterGatherList,
} from '../hal/index.js';
import { RegisterEstimate, reservedLengthBytes, spanPages, WORST_PAGE_OFFSET } from './dma-transaction-arithmetic.js';
import { DmaTransactionBase } from './dma-transaction-base.js';
import type { EvtReserveDma } from './dma-transaction-callbacks.js';
import { isDmaDirection, type AdapterInfo, type DmaDirection, type DmaEnabler } from './dma-enabler.js';
import { reportConfigureRefused, reportFrameworkDefect } from './dma-transaction-findings.js';
import { TransactionState } from './dma-transaction-state.js';

const estimate = new RegisterEstimate();

/**
 * A transaction of a packet enabler, and the base of the system one. Map registers are taken once and kept over all
 * transfers; each transfer is one mapping of one element. While one thread stages a transfer, whoever asks for the
 * next one - EvtProgramDma itself, or a completion on another CPU - only leaves a mark that the staging thread finds.
 */
export class DmaPacketTransaction<C = unknown> extends DmaTransactionBase<C> implements AdapterControl {
  protected deviceAddressOffset = 0;
  /** StopSystemTransfer was called; survives a flush that clears the HAL's own mark. */
  protected isStopped = false;
  /** Who is between the entry of staging and the return of EvtProgramDma; never reset but by that thread. */
  protected stagingOwner: VirtualCpu | null = null;
  protected rerunCompletion = false;
  protected completionStatus: DmaCompletionStatus = DmaCompletionStatus.DmaComplete;
  #rerunStaging = false;
  #registersNeeded = 0;
  /** 0 without a reservation. Survives Release; a cancelled reservation leaves it behind (surprises 4). */
  #registersReserved = 0;
  /** May be NULL (0) although set: then no registers are needed. Stays when it is cleared. */
  #base = 0;
  #isBaseSet = false;
  #isDeviceAcquired = false;
  #reserveDma: ((transaction: DmaTransactionBase, context: unknown) => Suspending<void>) | null = null;
  readonly #lists: ListPair;

  constructor(enabler: DmaEnabler, attributes: ObjectAttributes<C>) {
    super(enabler, attributes);
    this.#lists = new ListPair(this.kernel, this.label, 1);
  }

  protected initializeResources(): NtStatus {
    this.deviceAddressOffset = 0;
    this.isStopped = false;
    return STATUS_SUCCESS;
  }

  // --- taking registers -------------------------------------------------------------------------------------------

  protected *startTransfer(): Suspending<NtStatus> {
    const busy = this.#acquireDevice();
    if (busy !== STATUS_SUCCESS) return busy;
    this.currentLengthBytes = Math.min(this.remainingBytes, this.maxFragmentBytes);
    this.currentOffset = this.startOffset;
    const isReserving = this.state === TransactionState.Reserved;
    this.#registersNeeded = isReserving ? this.#registersReserved : this.#registersFor(this.currentLengthBytes);
    const irql = this.raise();
    let status: NtStatus = STATUS_SUCCESS;
    if (!isReserving && this.#registersReserved > 0) {
      // Nothing is asked of the HAL: there is no allocation that a cancellation could still meet.
      if (this.transferContext !== null) this.transferContext.isStarting = false;
      yield* this.adapterControl(this.#base);
    } else {
      const isSynchronous = this.immediate && this.transferContext !== null;
      status = yield* this.adapter.allocateAdapterChannelEx(this.transferContext, this.#registersNeeded, isSynchronous, this);
    }
    if (this.lower(irql)) yield this.kernel.standAt(this.op);
    // After success the object may be complete or gone.
    if (!NT_SUCCESS(status)) this.#releaseDevice();
    return status;
  }

  /** One transfer takes the pages it touches; with several any of them may start anywhere in a page. System: all there are. */
  #registersFor(lengthBytes: number): number {
    if (!this.enabler.isBusMaster) return this.adapterMapRegisters;
    const first = lengthBytes === this.remainingBytes ? this.startMdl!.virtualAddress + this.startOffset : WORST_PAGE_OFFSET;
    return spanPages(first, lengthBytes);
  }

  /** Version 2 allows one active packet transaction a device; version 3 lets the HAL queue. */
  #acquireDevice(): NtStatus {
    if (this.enabler.usesDmaV3) return STATUS_SUCCESS;
    const { device } = this.enabler;
    if (device.activePacketTransaction !== null) {
      this.breakIn(
        'C06',
        `${this.label} is executed while ${device.activePacketTransaction.label} of the same device is active: with DMA version 2 there is one at a time`,
      );
      return STATUS_WDF_BUSY;
    }
    device.activePacketTransaction = this;
    this.#isDeviceAcquired = true;
    return STATUS_SUCCESS;
  }

  #releaseDevice(): void {
    if (!this.#isDeviceAcquired) return;
    this.#isDeviceAcquired = false;
    this.enabler.device.activePacketTransaction = null;
  }

  /** DRIVER_CONTROL: the registers are ours. Now or later, at DISPATCH_LEVEL. */
  *adapterControl(mapRegisterBase: number): Suspending<AllocationAction> {
    const action = this.allocationAction;
    if (!this.#isBaseSet) {
      this.#base = mapRegisterBase;
      this.#isBaseSet = true;
    }
    if (this.state === TransactionState.Reserved) {
      yield* this.#invokeReserveDma();
      return action;
    }
    const status = yield* this.stageTransfer();
    // Nobody can be told the status here; a system driver hears of a transfer that ended before it began.
    if (!NT_SUCCESS(status))
      yield* this.invokeTransferComplete(status === STATUS_CANCELLED ? DmaCompletionStatus.DmaCancelled : DmaCompletionStatus.DmaError);
    return action;
  }

  *#invokeReserveDma(): Suspending<void> {
    const reserveDma = this.#reserveDma;
    // Cleared first: the driver may initialise and execute inside it.
    this.#reserveDma = null;
    if (reserveDma === null) return;
    const irql = this.kernel.enter(this.objectId, 'EvtReserveDma');
    yield* reserveDma(this, this.acquiredContext);
    this.kernel.leave(irql, this.objectId, 'EvtReserveDma');
  }

  // --- staging ----------------------------------------------------------------------------------------------------

  /**
   * Stages the next transfer, or leaves a mark for the thread that is staging. Looking at the owner and setting it is
   * one step; so is looking at the marks and clearing the owner. The object is held meanwhile: the driver may delete
   * it inside EvtProgramDma.
   */
  protected *stageTransfer(): Suspending<NtStatus> {
    if (this.stagingOwner !== null) {
      this.#rerunStaging = true;
      return STATUS_SUCCESS;
    }
    this.stagingOwner = this.kernel.current;
    this.reference();
    let status: NtStatus = STATUS_SUCCESS;
    let isNeeded = true;
    while (isNeeded) {
      status = yield* this.#stageOnce();
      // EvtProgramDma has returned and the owner is still set: what comes in here is the staging thread's to do.
      if (this.kernel.at(this.op)) yield this.op;
      if (this.rerunCompletion) {
        this.rerunCompletion = false;
        yield* this.invokeTransferComplete(this.completionStatus);
      }
      isNeeded = this.#rerunStaging;
      this.#rerunStaging = false;
      if (!isNeeded) this.stagingOwner = null;
    }
    this.dereference();
    return status;
  }

  *#stageOnce(): Suspending<NtStatus> {
    this.currentLengthBytes = Math.min(this.remainingBytes, this.maxFragmentBytes);
    this.currentOffset = this.startOffset + this.transferredBytes;
    if (!this.singleTransfer && this.#registersReserved > 0 && this.#registersNeeded > this.#registersReserved) this.#fitReserved();
    this.remainingBytes -= this.currentLengthBytes;
    if (this.isStopped) return STATUS_CANCELLED;
    if (this.configuresChannel && !(yield* this.#configureChannel())) return STATUS_SUCCESS;
    const mapOp = this.adapter.transferOp;
    if (this.kernel.at(mapOp)) yield mapOp;
    const list = this.takeTransferList();
    const status = this.#map(list);
    if (!NT_SUCCESS(status)) return status;
    const short = this.currentLengthBytes - this.adapter.mappedLengthBytes;
    this.remainingBytes += short;
    this.currentLengthBytes -= short;
    yield* this.invokeProgramDma(list);
    this.transferListDone(list);
    return STATUS_SUCCESS;
  }

  /** False: the driver has ended the transaction, or (rule C28) should have. */
  *#configureChannel(): Suspending<boolean> {
    const { completions } = this;
    this.isPresented = true;
    const goesOn = yield* this.invokeConfigureChannel();
    if (!goesOn && completions === this.completions) reportConfigureRefused(this);
    return goesOn;
  }

  /** Shortens the transfer to what the reserved registers carry. */
  #fitReserved(): void {
    const lengthBytes = reservedLengthBytes(this.currentMdl, this.currentOffset, this.#registersReserved);
    if (lengthBytes === null)
      raiseAccessViolation(
        this.kernel,
        'A34',
        this.label,
        `${this.label} looks for byte ${this.currentOffset} of a buffer that ends before (surprises 10)`,
      );
    const rightBytes = reservedLengthBytes(this.currentMdl, this.currentOffset, this.#registersReserved, true)!;
    if (Math.min(this.currentLengthBytes, rightBytes) !== Math.min(this.currentLengthBytes, lengthBytes))
      reportFrameworkDefect(
        this,
        12,
        `begins a transfer at the very start of an MDL of its chain: the framework sizes it to ${lengthBytes} bytes for ${this.#registersReserved} reserved map registers, which carry ${rightBytes}`,
      );
    this.currentLengthBytes = Math.min(this.currentLengthBytes, lengthBytes);
  }

  #map(list: ScatterGatherList): NtStatus {
    const { adapter, currentMdl: mdl, currentOffset: offset, currentLengthBytes: lengthBytes } = this;
    if (this.enabler.usesDmaV3)
      return adapter.mapTransferEx(
        mdl,
        this.#base,
        offset,
        this.deviceAddressOffset,
        lengthBytes,
        this.isWrite,
        list,
        this.completionRoutine,
      );
    return adapter.mapTransfer(mdl, this.#base, (mdl?.virtualAddress ?? 0) + offset, lengthBytes, this.isWrite, list);
  }

  protected *transferCompleted(): Suspending<NtStatus> {
    const { adapter } = this;
    const flushOp = adapter.transferOp;
    if (this.kernel.at(flushOp)) yield flushOp;
    return adapter.flushAdapterBuffersEx(this.currentMdl, this.#base, this.currentOffset, this.currentLengthBytes);
  }

  /** The list lives on the staging thread's stack: valid inside EvtProgramDma only. */
  protected takeTransferList(): ScatterGatherList {
    return this.#lists.take();
  }

  protected transferListDone(list: ScatterGatherList): void {
    list.revoke('EvtProgramDma of its packet transfer has returned');
  }

  // --- giving back ------------------------------------------------------------------------------------------------

  /** Nothing was granted, or it is reserved and stays. */
  protected releaseIdle(isForced: boolean): boolean {
    return !this.#isBaseSet || (this.#registersReserved > 0 && !isForced);
  }

  protected *releaseResources(): Suspending<void> {
    yield* this.freeMapRegistersAndAdapter();
    this.#isBaseSet = false;
    this.#releaseDevice();
    this.adapterInfo = null;
    this.#registersReserved = 0;
  }

  protected *freeMapRegistersAndAdapter(): Suspending<void> {
    // A NULL base must not be freed, even though the HAL gave it.
    if (this.#base === 0) return;
    const { adapter } = this;
    const irql = this.raise();
    yield* adapter.freeMapRegisters(this.#base, this.#registersReserved > 0 ? this.#registersReserved : this.#registersNeeded);
    if (this.lower(irql)) yield this.kernel.standAt(this.op);
  }

  // --- reservation ------------------------------------------------------------------------------------------------

  override *allocateResources(
    direction: number,
    registers: number,
    evtReserveDma: EvtReserveDma | null,
    context: unknown = null,
  ): Suspending<NtStatus> {
    this.enterDdi('WdfDmaTransactionAllocateResources');
    if (this.kernel.at(this.op)) yield this.op;
    if (!this.requireV3('WdfDmaTransactionAllocateResources')) return STATUS_INVALID_DEVICE_REQUEST;
    if (!isDmaDirection(direction)) {
      this.breakIn('C03', `WdfDmaTransactionAllocateResources of ${this.label} is called with direction ${direction}`);
      return STATUS_INVALID_PARAMETER;
    }
    if (evtReserveDma === null) this.nullParameter('WdfDmaTransactionAllocateResources', 'EvtReserveDmaFunction');
    this.checkState(registers === 0 ? 'AllocateDerivedResources' : 'AllocateResources');
    if (this.#registersReserved !== 0)
      this.dmaFatal(
        'B14',
        `WdfDmaTransactionAllocateResources is called on ${this.label} in state ${this.stateName}, which has ${this.#registersReserved} map registers reserved already${this.#isBaseSet ? '' : ', or had: a reservation that was withdrawn leaves its count behind (surprises 4)'}`,
      );
    let status = yield* this.#prepareReservation(direction, registers);
    if (NT_SUCCESS(status)) {
      this.#reserveDma = suspendingCallback(evtReserveDma);
      this.acquiredContext = context;
      this.setState(TransactionState.Reserved);
      status = yield* this.startTransfer();
    }
    if (NT_SUCCESS(status)) return status;
    this.setState(TransactionState.TransferFailed);
    this.#reserveDma = null;
    this.acquiredContext = null;
    this.#registersReserved = 0;
    if (this.ioRequest !== null) this.dropRequestReference(status);
    return status;
  }

  /** Decides the count and forgets the buffer: Initialize is needed again afterwards. */
  *#prepareReservation(direction: DmaDirection, registers: number): Suspending<NtStatus> {
    this.adapterInfo = this.enabler.adapterInfo(direction);
    if (registers !== 0) this.#registersReserved = registers;
    else if (!this.enabler.isBusMaster) this.#registersReserved = this.adapterInfo.numberOfMapRegisters;
    else {
      const status = estimate.estimate(this.startMdl!, this.startOffset, this.transactionBytes, this.adapterInfo.numberOfMapRegisters);
      if (!NT_SUCCESS(status)) {
        yield* this.releaseForReuse(true);
        return status;
      }
      this.#registersReserved = estimate.registers;
    }
    this.direction = direction;
    this.startMdl = this.currentMdl = null;
    this.startOffset = this.currentOffset = 0;
    this.remainingBytes = this.transactionBytes = 0;
    this.programDma = null;
    this.initializeTransferContext();
    return this.initializeResources();
  }

  override *freeResources(): Suspending<void> {
    this.enterDdi('WdfDmaTransactionFreeResources');
    if (this.kernel.at(this.op)) yield this.op;
    if (!this.requireV3('WdfDmaTransactionFreeResources')) return;
    this.checkState('FreeResources');
    yield* this.releaseForReuse(true);
  }

  protected override clearCallback(): void {
    super.clearCallback();
    this.#reserveDma = null;
  }

  protected availableMapRegisters(info: AdapterInfo): number {
    return this.#registersReserved > 0 ? this.#registersReserved : info.numberOfMapRegisters;
  }

  /** Rule D63: a reservation that still waits is forgotten here, and its grant will come all the same (surprises 5). */
  protected override releasing(how: 'released' | 'deleted'): void {
    if (this.state !== TransactionState.Reserved || this.#isBaseSet) return;
    this.kernel.violation({
      rule: 'D63',
      severity: 'error',
      object: this.label,
      message: `${this.label} is ${how} while its reservation of ${this.#registersReserved} map registers still waits: the grant will come to ${how === 'deleted' ? 'freed memory' : 'a reset object'} and the registers are lost; cancel it first (surprises 5)`,
    });
  }

  /** The framework does not compare the directions of a reservation and of the transfers made with it. */
  protected override adapterChosen(info: AdapterInfo): void {
    if (!this.#isBaseSet || this.#registersReserved === 0 || this.adapterInfo === null || this.adapterInfo === info) return;
    this.kernel.violation({
      rule: 'L-RESERVED-DIRECTION',
      severity: 'error',
      object: this.label,
      message: `${this.label} is initialised for another direction than the one its ${this.#registersReserved} map registers were reserved for`,
    });
  }

  /** A single-element list needs no larger buffer. */
  protected growList(_elements: number): void {}

  // --- what system transactions add -------------------------------------------------------------------------------

  protected get allocationAction(): AllocationAction {
    return AllocationAction.DeallocateObjectKeepRegisters;
  }

  protected get completionRoutine(): DmaCompletionRoutine | null {
    return null;
  }

  /** A callback stands before each mapping. */
  protected get configuresChannel(): boolean {
    return false;
  }

  protected *invokeConfigureChannel(): Suspending<boolean> {
    return true;
  }

  /** Bus masters have no completion routine: a transfer that cannot be staged is heard of nowhere. */

  protected *invokeTransferComplete(_status: DmaCompletionStatus): Suspending<void> {}
}
