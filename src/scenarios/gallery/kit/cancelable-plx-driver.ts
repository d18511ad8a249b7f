import {
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  type DmaDirection,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { channelLink, PlxDriver } from './plx-driver.js';

/** What a channel's request has come to; guarded by the driver's lock. */
export class TransferState {
  request: Request | null = null;
  /** EvtProgramDma has not come yet. */
  isWaiting = false;
  isRunning = false;
  isCancelled = false;
  /** Who may still touch the request: the I/O path and the cancel callback. The last one completes it. */
  parties = 0;
  status: NtStatus = STATUS_SUCCESS;
  bytes = 0;
}

/**
 * `PlxDriver` with requests that can be cancelled, right as it stands: the cancel callback stops the channel and leaves
 * ending the transaction to the DPC, which waits for the chip's confirmation; whoever of the two comes last completes
 * the request (transaction-state-machine section 8).
 */
export class CancelablePlxDriver extends PlxDriver {
  readonly writeState = new TransferState();
  readonly readState = new TransferState();

  protected stateOf(channel: PlxChannel): TransferState {
    return channel.isRead ? this.readState : this.writeState;
  }

  protected override *evtIo(request: Request, channel: PlxChannel, direction: DmaDirection): Suspending<void> {
    const state = this.stateOf(channel);
    state.request = request;
    state.isWaiting = true;
    state.isCancelled = false;
    state.parties = 2;
    let status = yield* this.initialize(request, channel, direction);
    if (NT_SUCCESS(status)) status = yield* request.markCancelableEx((cancelled) => this.cancel(cancelled));
    if (!NT_SUCCESS(status)) {
      // Not marked: the callback will never run, so completing is this path's alone.
      yield* channel.transaction.release();
      yield* request.complete(status);
      return;
    }
    status = yield* channel.transaction.execute(channel);
    if (!NT_SUCCESS(status)) yield* this.end(channel, status);
  }

  protected override *evtProgramDma(channel: PlxChannel, list: ScatterGatherList): Suspending<boolean> {
    const state = this.stateOf(channel);
    yield* this.lock.acquire();
    const { isCancelled } = state;
    state.isWaiting = false;
    if (!isCancelled) {
      state.isRunning = true;
      yield* this.start(channel, list);
    }
    yield* this.lock.release();
    if (!isCancelled) return true;
    yield* channel.transaction.dmaCompletedFinal(0);
    yield* this.end(channel, STATUS_CANCELLED);
    return true;
  }

  protected override *transferDone(channel: PlxChannel): Suspending<void> {
    const state = this.stateOf(channel);
    const { transaction } = channel;
    yield* this.lock.acquire();
    state.isRunning = false;
    const { isCancelled } = state;
    yield* this.lock.release();
    const moved = channel.movedBytes();
    const status = isCancelled ? yield* transaction.dmaCompletedFinal(moved) : yield* transaction.dmaCompletedWithLength(moved);
    if (status !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.end(channel, isCancelled ? STATUS_CANCELLED : status);
  }

  /** The transaction has ended: the I/O path gives its part of the request up. */
  protected *end(channel: PlxChannel, status: NtStatus): Suspending<void> {
    const state = this.stateOf(channel);
    const request = state.request!;
    state.bytes = channel.transaction.bytesTransferred;
    state.status = state.bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    yield* channel.transaction.release();
    const unmarked = yield* request.unmarkCancelable();
    // Unmarked: the callback will never run. Otherwise completing is left to whoever comes last.
    if (NT_SUCCESS(unmarked)) yield* this.complete(state);
    else yield* this.dropPart(state);
  }

  /** EvtRequestCancel. */
  protected *cancel(request: Request): Suspending<void> {
    const channel = channelLink(request).channel!;
    const state = this.stateOf(channel);
    yield* this.lock.acquire();
    state.isCancelled = true;
    if (state.isRunning) yield* this.abort(channel);
    yield* this.lock.release();
    yield* this.dropPart(state);
  }

  /** Tells the chip to stop; it confirms with Done. */
  protected *abort(channel: PlxChannel): Suspending<void> {
    yield* this.interrupt.acquireLock();
    yield* this.registers.write8(plx.DMA_CSR[channel.index], plx.CSR_ENABLE | plx.CSR_ABORT);
    yield* this.interrupt.releaseLock();
  }

  protected *dropPart(state: TransferState): Suspending<void> {
    yield* this.lock.acquire();
    const isLast = --state.parties === 0;
    yield* this.lock.release();
    if (isLast) yield* this.complete(state);
  }

  protected *complete(state: TransferState): Suspending<void> {
    yield* state.request!.completeWithInformation(state.status, NT_SUCCESS(state.status) ? state.bytes : 0);
  }
}
