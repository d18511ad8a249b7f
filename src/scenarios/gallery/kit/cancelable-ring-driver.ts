import {
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_IO_DEVICE_ERROR,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  declareContext,
  type DeviceInit,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { RingDriver, type RingTransfer } from './ring-driver.js';

/** Leads from a request to its transfer. */
class RingLink {
  transfer: RingTransfer | null = null;
}
const ringLink = declareContext('RING_LINK', RingLink);

/**
 * `RingDriver` with requests that can be cancelled, right as it stands: the cancel callback asks the device to abort the
 * transfer by its tag, one abort at a time, and leaves ending the transaction to the DPC, which waits for the transfer's
 * completion; whoever of the two comes last completes the request (transaction-state-machine section 8).
 */
export class CancelableRingDriver extends RingDriver {
  /** Tags to abort after the one the device works on; under the lock. */
  readonly #aborts: number[] = [];
  #isAborting = false;

  protected override configure(deviceInit: DeviceInit): void {
    deviceInit.setRequestContext(ringLink);
  }

  protected override *start(transfer: RingTransfer, request: Request): Suspending<void> {
    transfer.isCancelled = false;
    transfer.parties = 2;
    let status = yield* this.initialize(transfer, request);
    if (NT_SUCCESS(status)) {
      ringLink(request).transfer = transfer;
      status = yield* request.markCancelableEx((cancelled) => this.cancel(ringLink(cancelled).transfer!));
    }
    if (!NT_SUCCESS(status)) {
      // Not marked: the callback will never run, so completing is this path's alone.
      yield* super.requestDone(transfer, status);
      return;
    }
    status = yield* this.execute(transfer);
    if (!NT_SUCCESS(status)) yield* this.requestDone(transfer, status);
  }

  protected execute(transfer: RingTransfer): Suspending<NtStatus> {
    return transfer.transaction.execute(transfer);
  }

  protected override *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    yield* this.lock.acquire();
    const { isCancelled } = transfer;
    if (!isCancelled) yield* this.submit(transfer, list);
    yield* this.lock.release();
    if (!isCancelled) return true;
    yield* transfer.transaction.dmaCompletedFinal(0);
    yield* this.requestDone(transfer, STATUS_CANCELLED);
    return true;
  }

  protected override *dpc(): Suspending<void> {
    const causes = yield* this.takeCauses();
    if ((causes & ring.INT_ABORT_ACK) !== 0) yield* this.abortAcknowledged();
    yield* this.reap();
  }

  protected override *transferDone(transfer: RingTransfer): Suspending<void> {
    const { transaction, movedBytes, isCancelled } = transfer;
    const isOk = transfer.completionStatus === ring.STATUS_OK;
    const isFinal = isCancelled || !isOk;
    const status = isFinal ? yield* transaction.dmaCompletedFinal(movedBytes) : yield* transaction.dmaCompletedWithLength(movedBytes);
    if (status === STATUS_MORE_PROCESSING_REQUIRED) return;
    yield* this.requestDone(transfer, isCancelled ? STATUS_CANCELLED : isOk ? status : STATUS_IO_DEVICE_ERROR);
  }

  /** The transaction has ended: the I/O path gives its part of the request up. All bytes moved is success, whoever cancelled. */
  protected override *requestDone(transfer: RingTransfer, status: NtStatus): Suspending<void> {
    const request = transfer.request!;
    transfer.bytes = transfer.transaction.bytesTransferred;
    transfer.status = transfer.bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    yield* transfer.transaction.release();
    const unmarked = yield* request.unmarkCancelable();
    if (NT_SUCCESS(unmarked)) yield* this.complete(transfer);
    else yield* this.dropPart(transfer);
  }

  protected *dropPart(transfer: RingTransfer): Suspending<void> {
    yield* this.lock.acquire();
    const isLast = --transfer.parties === 0;
    yield* this.lock.release();
    if (isLast) yield* this.complete(transfer);
  }

  protected complete(transfer: RingTransfer): Suspending<void> {
    const request = transfer.request!;
    const { status, bytes } = transfer;
    this.freeTransfer(transfer);
    return request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }

  /** EvtRequestCancel. */
  protected *cancel(transfer: RingTransfer): Suspending<void> {
    yield* this.lock.acquire();
    transfer.isCancelled = true;
    if (transfer.tag !== 0) yield* this.abort(transfer.tag);
    yield* this.lock.release();
    yield* this.dropPart(transfer);
  }

  /** Asks the device to stop a transfer, or queues the wish while it answers another; the lock is held. */
  protected *abort(tag: number): Suspending<void> {
    this.#aborts.push(tag);
    if (!this.#isAborting) yield* this.abortNext();
  }

  protected *abortNext(): Suspending<void> {
    const tag = this.#aborts.shift();
    this.#isAborting = tag !== undefined;
    if (tag !== undefined) yield* this.write(ring.ABORT, tag);
  }

  /** DPC: the device has answered an abort and takes the next one. */
  protected *abortAcknowledged(): Suspending<void> {
    yield* this.lock.acquire();
    yield* this.abortNext();
    yield* this.lock.release();
  }
}
