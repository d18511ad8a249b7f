import {
  DmaDirection,
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_DEVICE_REMOVED,
  STATUS_IO_TIMEOUT,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  WdfSpinLock,
  declareContext,
  type DmaDevice,
  type DmaTransaction,
  type FxObject,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';

/** Which path may touch the transaction, and how a cancellation reaches it. */
const Phase = {
  /** No request. */
  Idle: 0,
  /** Between MarkCancelable and the moment the device is programmed: WdfDmaTransactionCancel may withdraw it. */
  Waiting: 1,
  /** The device works on it: it must be told to stop, and its confirmation awaited. */
  Running: 2,
  /** The DPC is inside WdfDmaTransactionDmaCompleted. */
  Completing: 3,
  /** The transaction has ended; only the request is left. */
  Ended: 4,
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** Leads from a request to its transfer, for EvtRequestCancel. */
export class TransferLink {
  transfer: CancelableTransfer | null = null;
}
export const transferLink = declareContext('TRANSFER_LINK', TransferLink);

/**
 * One request at a time over one transaction, cancelable in every window from MarkCancelableEx to its completion
 * (transaction-state-machine section 8).
 *
 * Two parties may still touch a request once it is marked: the I/O path (EvtIo, EvtProgramDma, DPC) and the cancel
 * callback. Each drops its part when it is through, and whoever is last completes the request; when the callback
 * never runs, the I/O path completes alone. A watchdog has no part: it only asks the device to stop, under the lock. `#lock` guards the phase. WdfDmaTransactionCancel is called with it held
 * and in phase Waiting only, so the transaction cannot complete during the call.
 */
export abstract class CancelableTransfer {
  transaction!: DmaTransaction;
  direction: DmaDirection = DmaDirection.ReadFromDevice;
  #request: Request | null = null;
  #phase: Phase = Phase.Idle;
  /** Why the transfer is to end early: CANCELLED or IO_TIMEOUT; SUCCESS while it is not. */
  #stopStatus: NtStatus = STATUS_SUCCESS;
  #parties = 0;
  #status: NtStatus = STATUS_SUCCESS;
  #bytes = 0;
  /** Counts requests, so that a path that comes late sees that the object has gone on. */
  #generation = 0;
  readonly #lock: WdfSpinLock;

  constructor(parent: FxObject) {
    this.#lock = WdfSpinLock.create(parent);
  }

  /** Programs and starts the device; the transfer's lock is held. */
  protected abstract startHardware(list: ScatterGatherList): Suspending<void>;
  /** Tells the device to stop; it confirms through its interrupt. The transfer's lock is held. */
  protected abstract abortHardware(): Suspending<void>;
  /** The hardware was pulled: nothing will be confirmed any more. */
  protected abstract isDeviceGone(): boolean;
  /** The object is free for the next request; called before the old one completes, because that may present the next. */
  protected abstract becameIdle(): void;

  /** EvtIo: marks the request cancelable and executes its transaction; completes it when that fails. */
  *start(request: Request, direction: DmaDirection): Suspending<void> {
    const { transaction } = this;
    this.#request = request;
    this.#generation++;
    this.#stopStatus = STATUS_SUCCESS;
    this.#parties = 2;
    this.#phase = Phase.Waiting;
    this.direction = direction;
    let status = yield* transaction.initializeUsingRequest(request, evtProgramDma, direction);
    if (NT_SUCCESS(status)) {
      transferLink(request).transfer = this;
      status = yield* request.markCancelableEx(evtRequestCancel);
    }
    if (!NT_SUCCESS(status)) {
      // Not marked: the callback will never run, and completing is ours alone.
      yield* transaction.release();
      yield* this.#complete(status, 0);
      return;
    }
    status = yield* transaction.execute(this);
    if (!NT_SUCCESS(status)) yield* this.#end(status);
  }

  /** EvtProgramDma, first transfer or a later one: always TRUE, because a failure ends the transaction here. */
  *program(list: ScatterGatherList): Suspending<boolean> {
    yield* this.#lock.acquire();
    const status = NT_SUCCESS(this.#stopStatus) && this.isDeviceGone() ? STATUS_DEVICE_REMOVED : this.#stopStatus;
    if (NT_SUCCESS(status)) {
      this.#phase = Phase.Running;
      yield* this.startHardware(list);
    } else this.#phase = Phase.Completing;
    yield* this.#lock.release();
    if (NT_SUCCESS(status)) return true;
    yield* this.transaction.dmaCompletedFinal(0);
    yield* this.#end(status);
    return true;
  }

  /** The device is gone: a transfer it was working on ends here, unless its DPC was quicker. */
  deviceRemoved(): Suspending<void> {
    return this.transferDone(0, STATUS_DEVICE_REMOVED);
  }

  /**
   * Watchdog: the device takes too long over the transfer that `isSame` knows. It is told to stop, unless it was
   * before; the transfer ends when it confirms that, or when it has been reset.
   */
  *timeOut(isSame: () => boolean): Suspending<void> {
    yield* this.#lock.acquire();
    if (this.#phase === Phase.Running && NT_SUCCESS(this.#stopStatus) && isSame()) {
      this.#stopStatus = STATUS_IO_TIMEOUT;
      yield* this.abortHardware();
    }
    yield* this.#lock.release();
  }

  /** The device was reset and has forgotten the transfer: it ends if it was to end early, else the same is presented again. */
  wasReset(): Suspending<void> {
    return this.transferDone(0, STATUS_SUCCESS);
  }

  /** DPC: the device has stopped working on the transfer, having moved `movedBytes`. A failing `status` ends the transaction. */
  *transferDone(movedBytes: number, status: NtStatus): Suspending<void> {
    const { transaction } = this;
    const generation = this.#generation;
    yield* this.#lock.acquire();
    // Two paths can see the same end, the DPC and the removal: one of them takes it.
    const isOurs = this.#phase === Phase.Running;
    if (isOurs) this.#phase = Phase.Completing;
    const isFinal = !NT_SUCCESS(this.#stopStatus) || !NT_SUCCESS(status);
    yield* this.#lock.release();
    if (!isOurs) return;
    const ended = isFinal ? yield* transaction.dmaCompletedFinal(movedBytes) : yield* transaction.dmaCompletedWithLength(movedBytes);
    if (ended !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.#end(isFinal ? (NT_SUCCESS(status) ? this.#stopStatus : status) : ended);
    else yield* this.#stagedNext(generation);
  }

  /** The next transfer is programmed, perhaps done, or it waits for map registers: then it can be withdrawn again. */
  *#stagedNext(generation: number): Suspending<void> {
    yield* this.#lock.acquire();
    let isWithdrawn = false;
    if (this.#generation === generation && this.#phase === Phase.Completing) {
      this.#phase = Phase.Waiting;
      isWithdrawn = !NT_SUCCESS(this.#stopStatus) && (yield* this.#withdraw());
    }
    yield* this.#lock.release();
    if (isWithdrawn) yield* this.#end(this.#stopStatus);
  }

  /** True: the transaction waited for registers and never will again. The lock is held. */
  *#withdraw(): Suspending<boolean> {
    const isWithdrawn = yield* this.transaction.cancel();
    if (isWithdrawn) this.#phase = Phase.Completing;
    return isWithdrawn;
  }

  /** The I/O path is through with the transaction: release it, then the request. All bytes moved is success, whoever asked for an end. */
  *#end(status: NtStatus): Suspending<void> {
    const { transaction } = this;
    const request = this.#request!;
    yield* this.#lock.acquire();
    this.#phase = Phase.Ended;
    yield* this.#lock.release();
    this.#bytes = transaction.bytesTransferred;
    this.#status = this.#bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    yield* transaction.release();
    const unmarked = yield* request.unmarkCancelable();
    if (NT_SUCCESS(unmarked)) yield* this.#complete(this.#status, this.#bytes);
    else yield* this.#dropPart();
  }

  /** EvtRequestCancel. */
  *cancel(): Suspending<void> {
    yield* this.#lock.acquire();
    // A watchdog that was first has told the device already.
    const isFirst = NT_SUCCESS(this.#stopStatus);
    if (isFirst) this.#stopStatus = STATUS_CANCELLED;
    const isWithdrawn = this.#phase === Phase.Waiting && (yield* this.#withdraw());
    if (this.#phase === Phase.Running && isFirst) yield* this.abortHardware();
    yield* this.#lock.release();
    // Withdrawn: no callback of the transaction will come, so the I/O path's part is ours too.
    if (isWithdrawn) {
      this.#status = this.#stopStatus;
      this.#bytes = this.transaction.bytesTransferred;
      yield* this.transaction.release();
      yield* this.#dropPart();
    }
    yield* this.#dropPart();
  }

  /** One of the two parties leaves; the last one completes the request. */
  *#dropPart(): Suspending<void> {
    yield* this.#lock.acquire();
    this.#parties--;
    const isLast = this.#parties === 0;
    yield* this.#lock.release();
    if (isLast) yield* this.#complete(this.#status, this.#bytes);
  }

  #complete(status: NtStatus, bytes: number): Suspending<void> {
    const request = this.#request!;
    this.#request = null;
    this.#phase = Phase.Idle;
    this.becameIdle();
    return request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }
}

function evtProgramDma(
  _transaction: DmaTransaction,
  _device: DmaDevice,
  context: unknown,
  _direction: DmaDirection,
  list: ScatterGatherList,
): Suspending<boolean> {
  return (context as CancelableTransfer).program(list);
}

function evtRequestCancel(request: Request): Suspending<void> {
  return transferLink(request).transfer!.cancel();
}
