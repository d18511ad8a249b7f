import { NT_SUCCESS, type NtStatus } from '../nt/index.js';
import { suspendingCallback, type Suspending } from '../kernel/index.js';
import {
  AllocationAction,
  raiseAccessViolation,
  type DmaCompletionRoutine,
  type DmaCompletionStatus,
  type Mdl,
  type ScatterGatherList,
} from '../hal/index.js';
import type { DmaTransactionBase } from './dma-transaction-base.js';
import type { EvtConfigureDmaChannel, EvtDmaTransferComplete } from './dma-transaction-callbacks.js';
import type { DmaDirection } from './dma-enabler.js';
import type { DmaDevice } from './dma-host.js';
import { reportFrameworkDefect, reportNobodyTells } from './dma-transaction-findings.js';
import { DmaPacketTransaction } from './dma-transaction-packet.js';
import { TransactionState } from './dma-transaction-state.js';

type ConfigureDmaChannel = (
  transaction: DmaTransactionBase,
  device: DmaDevice,
  context: unknown,
  mdl: Mdl | null,
  offset: number,
  lengthBytes: number,
) => Suspending<boolean>;
type TransferComplete = (
  transaction: DmaTransactionBase,
  device: DmaDevice,
  context: unknown,
  direction: DmaDirection,
  status: DmaCompletionStatus,
) => Suspending<void>;

/**
 * A transaction served by the shared system DMA controller. The channel is owned from the grant to the end of the
 * transaction; the controller runs the transfer and tells of its end by a completion routine, if the driver wants one.
 */
export class DmaSystemTransaction<C = unknown> extends DmaPacketTransaction<C> implements DmaCompletionRoutine {
  #configureChannel: ConfigureDmaChannel | null = null;
  #configureContext: unknown = null;
  #transferComplete: TransferComplete | null = null;
  #transferCompleteContext: unknown = null;
  /** Set before the last Release and not since: documented to be gone. */
  #hasStaleCallbacks = false;

  override setChannelConfigurationCallback(callback: EvtConfigureDmaChannel | null, context: unknown = null): void {
    this.requireLive('WdfDmaTransactionSetChannelConfigurationCallback');
    this.#configureChannel = callback === null ? null : suspendingCallback(callback);
    this.#configureContext = context;
    this.#hasStaleCallbacks = false;
  }

  override setTransferCompleteCallback(callback: EvtDmaTransferComplete | null, context: unknown = null): void {
    this.requireLive('WdfDmaTransactionSetTransferCompleteCallback');
    this.#transferComplete = callback === null ? null : suspendingCallback(callback);
    this.#transferCompleteContext = context;
    this.#hasStaleCallbacks = false;
  }

  override setDeviceAddressOffset(offset: number): void {
    this.requireLive('WdfDmaTransactionSetDeviceAddressOffset');
    this.deviceAddressOffset = offset;
  }

  /** Asynchronous: the completion routine, or the next staging, says CANCELLED. A second stop is fatal (B19) with the verifier on. */
  override *stopSystemTransfer(): Suspending<void> {
    this.enterDdi('WdfDmaTransactionStopSystemTransfer');
    if (this.kernel.at(this.op)) yield this.op;
    // A record of our own: a flush that comes in between clears the HAL's mark.
    this.isStopped = true;
    const { adapter, transferContext } = this;
    if (transferContext === null)
      raiseAccessViolation(
        this.kernel,
        'D62',
        this.label,
        `WdfDmaTransactionStopSystemTransfer of ${this.label} has no transfer context to cancel: without a configured read direction its enabler counts as version 2 (surprises 14)`,
      );
    const status = yield* adapter.cancelMappedTransfer(transferContext);
    if (NT_SUCCESS(status) || !this.enabler.device.platform.frameworkVerifier) return;
    this.dmaFatal(
      'B19',
      `WdfDmaTransactionStopSystemTransfer is called on ${this.label} in state ${this.stateName}, whose transfer was stopped before`,
    );
  }

  /** DMA_COMPLETION_ROUTINE: put off while a thread is staging, so that it never overtakes EvtProgramDma. */
  *dmaCompletion(status: DmaCompletionStatus): Suspending<void> {
    if (this.stagingOwner !== null) {
      this.completionStatus = status;
      this.rerunCompletion = true;
      return;
    }
    yield* this.invokeTransferComplete(status);
  }

  protected override *startTransfer(): Suspending<NtStatus> {
    if (this.state === TransactionState.Transfer) this.#checkCallbacks();
    return yield* super.startTransfer();
  }

  #checkCallbacks(): void {
    if (this.#hasStaleCallbacks)
      reportFrameworkDefect(
        this,
        1,
        'is executed with callbacks set before its last Release: documented to be cleared there, they will be called',
      );
    const { interrupts } = this.enabler.device;
    // A looped transfer never ends by itself: it is looked at with ReadDmaCounter and stopped.
    if (this.#transferComplete !== null || interrupts === undefined || interrupts.length > 0) return;
    if (this.adapter.description.autoInitialize !== true) reportNobodyTells(this);
  }

  protected override releasing(how: 'released' | 'deleted'): void {
    super.releasing(how);
    this.#hasStaleCallbacks = this.#configureChannel !== null || this.#transferComplete !== null;
  }

  protected override get allocationAction(): AllocationAction {
    return AllocationAction.KeepObject;
  }

  protected override get completionRoutine(): DmaCompletionRoutine | null {
    return this.#transferComplete === null ? null : this;
  }

  protected override get configuresChannel(): boolean {
    return this.#configureChannel !== null;
  }

  protected override *invokeConfigureChannel(): Suspending<boolean> {
    const irql = this.kernel.enter(this.objectId, 'EvtDmaTransactionConfigureDmaChannel');
    const goesOn = yield* this.#configureChannel!(
      this,
      this.enabler.device,
      this.#configureContext,
      this.currentMdl,
      this.currentOffset,
      this.currentLengthBytes,
    );
    this.kernel.leave(irql, this.objectId, 'EvtDmaTransactionConfigureDmaChannel');
    return goesOn;
  }

  protected override *invokeTransferComplete(status: DmaCompletionStatus): Suspending<void> {
    if (this.#transferComplete === null) return;
    // Perhaps of a transfer that was never programmed: it is completed all the same.
    this.isPresented = true;
    const irql = this.kernel.enter(this.objectId, 'EvtDmaTransactionDmaTransferComplete');
    yield* this.#transferComplete(this, this.enabler.device, this.#transferCompleteContext, this.direction, status);
    this.kernel.leave(irql, this.objectId, 'EvtDmaTransactionDmaTransferComplete');
  }

  /** One list for all transactions of the enabler: the next mapping of any of them overwrites it. */
  protected override takeTransferList(): ScatterGatherList {
    const lists = this.enabler.systemLists!;
    lists.current.revoke('another mapping of the enabler has overwritten it');
    return lists.take();
  }

  /** The list stays until it is overwritten. The transaction may have ended inside EvtProgramDma. */
  protected override transferListDone(): void {
    this.adapterInfo?.adapter?.transferProgrammed();
  }

  protected override growList(elements: number): void {
    this.enabler.systemLists!.grow(elements);
  }

  protected override *freeMapRegistersAndAdapter(): Suspending<void> {
    const { adapter } = this;
    const irql = this.raise();
    yield* adapter.freeAdapterChannel();
    if (this.lower(irql)) yield this.kernel.standAt(this.op);
  }
}
