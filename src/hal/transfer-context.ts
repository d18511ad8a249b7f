import type { Suspending } from '../kernel/index.js';

/** DMA_COMPLETION_STATUS of the system DMA controller. */
export const DmaCompletionStatus = { DmaComplete: 0, DmaAborted: 1, DmaError: 2, DmaCancelled: 3 } as const;
export type DmaCompletionStatus = (typeof DmaCompletionStatus)[keyof typeof DmaCompletionStatus];

/** DMA_COMPLETION_ROUTINE: the controller finished, failed or gave up a transfer. Arrives at DISPATCH_LEVEL. */
export interface DmaCompletionRoutine {
  dmaCompletion(status: DmaCompletionStatus): Suspending<void>;
}

/**
 * A version-3 transfer context: names one operation to the HAL from the allocation request to the last flush, and is
 * the key that cancelling goes by.
 */
export class TransferContext {
  /** CancelMappedTransfer was called; the next mapping fails, until a flush or the next initialisation. */
  isCancelled = false;
  /** The system DMA controller works on it. */
  isRunning = false;
  completion: DmaCompletionRoutine | null = null;
  /** Between the start of an operation and the answer of the allocation request: what a pre-cancelling HAL may mark. */
  isStarting = false;
  isPreCancelled = false;

  /** InitializeDmaTransferContext. A request that waits under this context keeps waiting. */
  initialize(): void {
    this.isCancelled = false;
    this.isRunning = false;
    this.completion = null;
    this.isPreCancelled = false;
    this.isStarting = false;
  }
}

/** The controller has nothing to do under this context any more. */
export function stopRunning(context: TransferContext): void {
  context.isRunning = false;
  context.completion = null;
}

/** A HAL that marks allocations to come answers the marked one with CANCELLED (hal.md section 4, CancelAdapterChannel). */
export function takePreCancel(context: TransferContext): boolean {
  const wasMarked = context.isPreCancelled;
  context.isPreCancelled = false;
  return wasMarked;
}
