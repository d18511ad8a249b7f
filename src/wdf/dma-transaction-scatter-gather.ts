import { NT_SUCCESS, STATUS_SUCCESS, STATUS_WDF_TOO_FRAGMENTED, type NtStatus } from '../nt/index.js';
import type { ObjectAttributes, Suspending } from '../kernel/index.js';
import { ListPair, raiseAccessViolation, type ListControl, type ScatterGatherList } from '../hal/index.js';
import { ChainPosition, RegisterEstimate } from './dma-transaction-arithmetic.js';
import { DmaTransactionBase } from './dma-transaction-base.js';
import { DmaDirection, UNLIMITED_FRAGMENTS, type AdapterInfo, type DmaEnabler } from './dma-enabler.js';

/** Working places of the arithmetic; used and read without a scheduling point between. */
const estimate = new RegisterEstimate();
const position = new ChainPosition();

/**
 * A transaction of a scatter/gather enabler. Each transfer takes its map registers and gives them back, so another
 * transaction can get in between; a completion inside EvtProgramDma stages the next transfer right there, nested.
 */
export class DmaScatterGatherTransaction<C = unknown> extends DmaTransactionBase<C> implements ListControl {
  /** The buffers taken from the enabler at creation, or grown by the HAL when none are made in advance. */
  readonly #buffers: ListPair;
  /** The list of the transfer in flight; null between transfers. */
  #list: ScatterGatherList | null = null;
  readonly #isPreallocated: boolean;

  constructor(enabler: DmaEnabler, attributes: ObjectAttributes<C>) {
    super(enabler, attributes);
    this.#isPreallocated = enabler.isListAllocated;
    const read = enabler.adapterInfo(DmaDirection.ReadFromDevice).preallocatedElements;
    const write = enabler.adapterInfo(DmaDirection.WriteToDevice).preallocatedElements;
    this.#buffers = new ListPair(this.kernel, this.label, this.#isPreallocated ? Math.max(read, write) : 0);
    // The buffer belongs to the enabler, which must outlive it even if the transaction's disposal is put off.
    if (this.#isPreallocated) enabler.reference();
  }

  /** Checks every transfer, as if all complete in full, against the element limit; pages count, not merged elements. */
  protected initializeResources(): NtStatus {
    if (this.singleTransfer) return STATUS_SUCCESS;
    position.set(this.startMdl, this.startOffset);
    let left = this.transactionBytes;
    let lengthBytes = 0;
    while (left > 0) {
      this.#advance(lengthBytes);
      lengthBytes = Math.min(left, this.maxFragmentBytes);
      if (lengthBytes <= 0) this.#emptyForEver();
      const status = estimate.estimate(position.mdl!, position.offset, lengthBytes, this.adapterMapRegisters);
      if (!NT_SUCCESS(status)) {
        this.breakIn('A34', `${this.label} is initialised with ${this.transactionBytes} bytes, and its buffer is shorter`);
        return status;
      }
      if (estimate.registers > this.enabler.maximumScatterGatherElements) return STATUS_WDF_TOO_FRAGMENTED;
      left -= lengthBytes;
    }
    return STATUS_SUCCESS;
  }

  /** An adapter with one map register has no room for a whole page at any offset; the framework would look at empty transfers for ever. */
  #emptyForEver(): never {
    this.kernel.violation({
      rule: 'L-STEP-BOUND',
      severity: 'crash',
      object: this.label,
      message: `${this.label} cannot be divided into transfers: its adapter's fragment length is 0, with ${this.adapterMapRegisters} map registers`,
    });
    throw this.kernel.dead!;
  }

  #advance(lengthBytes: number): void {
    if (!position.advance(lengthBytes))
      raiseAccessViolation(
        this.kernel,
        'A34',
        this.label,
        `${this.label} goes ${lengthBytes} bytes on in a buffer that ends before (surprises 10)`,
      );
  }

  protected startTransfer(): Suspending<NtStatus> {
    return this.stageTransfer();
  }

  protected *stageTransfer(): Suspending<NtStatus> {
    position.set(this.currentMdl, this.currentOffset);
    this.#advance(this.currentLengthBytes);
    this.currentMdl = position.mdl;
    this.currentOffset = position.offset;
    this.currentLengthBytes = Math.min(this.remainingBytes, this.maxFragmentBytes);
    if (!this.singleTransfer && !this.#fitRegisters()) return STATUS_WDF_TOO_FRAGMENTED;
    const lengthBytes = this.currentLengthBytes;
    this.remainingBytes -= lengthBytes;
    const { adapter } = this;
    const irql = this.raise();
    const isSynchronous = this.immediate && this.transferContext !== null;
    const status = yield* adapter.buildScatterGatherListEx(
      this.transferContext,
      this.currentMdl,
      this.currentOffset,
      lengthBytes,
      isSynchronous,
      this,
      this.isWrite,
      this.#buffers.take(),
      !this.#isPreallocated,
    );
    if (this.lower(irql)) yield this.kernel.standAt(this.op);
    // After success the object may be gone; only a failure leaves it to us.
    if (!NT_SUCCESS(status)) this.remainingBytes += lengthBytes;
    return status;
  }

  /** Shortens the transfer to whole MDLs if its registers do not suffice; false when it has too many pages. */
  #fitRegisters(): boolean {
    const status = estimate.estimate(this.currentMdl!, this.currentOffset, this.currentLengthBytes, this.adapterMapRegisters);
    // A range beyond the chain is not noticed here: the framework goes on with what it cannot count.
    const pages = NT_SUCCESS(status) ? estimate.registers : UNLIMITED_FRAGMENTS;
    if (NT_SUCCESS(status)) this.currentLengthBytes = estimate.possibleLengthBytes;
    // Pages of the transfer before it was shortened.
    return pages <= this.enabler.maximumScatterGatherElements;
  }

  /** DRIVER_LIST_CONTROL: now or later, at DISPATCH_LEVEL. */
  listControl(list: ScatterGatherList): Suspending<void> {
    this.#list = list;
    return this.invokeProgramDma(list);
  }

  /** Putting the list flushes it and frees its registers; it cannot fail. */
  protected transferCompleted(): Suspending<NtStatus> {
    return this.#putList();
  }

  protected releaseIdle(): boolean {
    if (this.#list !== null) return false;
    this.adapterInfo = null;
    return true;
  }

  protected *releaseResources(): Suspending<void> {
    yield* this.#putList();
    this.adapterInfo = null;
  }

  *#putList(): Suspending<NtStatus> {
    const list = this.#list;
    if (list === null) return STATUS_SUCCESS;
    const { adapter } = this;
    const irql = this.raise();
    yield* adapter.putScatterGatherList(list);
    if (this.lower(irql)) yield this.kernel.standAt(this.op);
    this.#list = null;
    return STATUS_SUCCESS;
  }

  protected growList(elements: number): void {
    this.#buffers.grow(elements);
  }

  protected availableMapRegisters(info: AdapterInfo): number {
    return info.numberOfMapRegisters;
  }

  override *dispose(): Suspending<void> {
    yield* super.dispose();
    if (this.#isPreallocated) this.enabler.dereference();
  }
}
