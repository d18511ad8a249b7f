import type { Suspending } from '../kernel/index.js';
import type { DmaCompletionStatus, Mdl, ScatterGatherList } from '../hal/index.js';
import type { DmaDirection } from './dma-enabler.js';
import type { DmaDevice } from './dma-host.js';
import type { DmaTransactionBase } from './dma-transaction-base.js';

/*
 * The driver's callbacks around a transaction, all at DISPATCH_LEVEL (kmdf ddi.md section 2). They are written as
 * methods so that a callback may name its own, narrower types: its device class, its transaction's context.
 */

/**
 * EVT_WDF_PROGRAM_DMA: programs the device for one transfer. The result is ignored, as in the framework: a driver
 * that cannot go on calls dmaCompletedFinal.
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

/** EVT_WDF_RESERVE_DMA: a reservation was granted. */
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
