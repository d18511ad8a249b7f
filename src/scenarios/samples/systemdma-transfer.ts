import {
  DmaCompletionStatus,
  DmaDirection,
  DmaTransaction,
  NT_SUCCESS,
  STATUS_CANCELLED,
  STATUS_DEVICE_REMOVED,
  STATUS_IO_DEVICE_ERROR,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  Timer,
  WdfSpinLock,
  declareContext,
  type Device,
  type DmaAdapter,
  type DmaDevice,
  type DmaEnabler,
  type NtStatus,
  type RegisterBlock,
  type Request,
  type Suspending,
} from '../../index.js';
import * as port from './systemdma-registers.js';

const Phase = {
  /** The transaction is not initialised: nothing of it can be withdrawn or stopped. */
  Idle: 0,
  /** Executed, or about to be: it may wait for a channel and can be withdrawn. */
  Waiting: 1,
  /** The controller has the transfer: it is stopped through the HAL. */
  Running: 2,
  /** EvtDmaTransferComplete is inside DmaCompleted, or there is nothing left to stop: the stop is looked at afterwards. */
  Completing: 3,
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** Leads EvtRequestCancel from the request to its transfer. */
export class RequestOwner {
  transfer: PortTransfer | null = null;
}
export const requestOwner = declareContext('SYSTEM_DMA_REQUEST', RequestOwner);

/**
 * One request line of a port with the transaction that serves it, one request at a time.
 *
 * Three parties may touch a request - the I/O path, EvtRequestCancel, the timer - and each holds a part of it; whoever
 * drops the last one completes it. The removal of the device is a fourth one, for as long as it takes. Whoever gives
 * the transfer up first stops the controller; the I/O path's end always comes through
 * EvtDmaTransactionDmaTransferComplete, unless the transaction is withdrawn while it still waits for a channel.
 */
export abstract class PortTransfer {
  registers!: RegisterBlock;
  transaction!: DmaTransaction;
  /** The hardware was pulled. */
  isGone = false;
  #timer!: Timer;
  protected request: Request | null = null;
  protected direction: DmaDirection = DmaDirection.ReadFromDevice;
  readonly #lock: WdfSpinLock;
  #phase: Phase = Phase.Idle;
  #parties = 0;
  /** Why the transfer is given up; null while it is not. */
  #stopStatus: NtStatus | null = null;
  protected isStopIssued = false;
  /** The I/O path is through with the transaction and stops the timer. */
  #hasEnded = false;
  #isTimerStarted = false;
  #status: NtStatus = STATUS_SUCCESS;
  #bytes = 0;

  constructor(
    device: Device,
    protected readonly enabler: DmaEnabler,
    /** Which of the port's request lines. */
    private readonly line: number,
    private readonly checkMs: number,
  ) {
    this.#lock = WdfSpinLock.create(device);
  }

  /** Before Execute: what the device must know of a transfer that may begin at once (rule D53). */
  protected abstract prepareDevice(): Suspending<void>;
  /** EvtProgramDma of a transfer of `lengthBytes`: from here on the device may ask for its data. */
  protected abstract startDevice(lengthBytes: number): Suspending<void>;
  /** The transfer ended before its end: the device must ask no longer. */
  protected abstract stopDevice(): Suspending<void>;
  /** Bytes of the transfer that was ended so. */
  protected abstract movedBytes(completion: DmaCompletionStatus): number;
  /** The timer looks at the transfer: the status to stop it with, or null to let it go on. */
  protected abstract look(adapter: DmaAdapter, isRunning: boolean): Suspending<NtStatus | null>;
  /** Settings of the transaction between Initialize and Execute. */
  protected configure(_transaction: DmaTransaction): void {}

  createTimer(device: Device): NtStatus {
    const timer = Timer.create(device, { evtTimerFunc: () => this.#evtTimerFunc(), automaticSerialization: false });
    if (timer.ok) this.#timer = timer.object;
    return timer.status;
  }

  *createTransaction(): Suspending<NtStatus> {
    const transaction = yield* DmaTransaction.create(this.enabler);
    if (transaction.ok) this.transaction = transaction.object;
    return transaction.status;
  }

  protected *writePort(register: number, value: number): Suspending<void> {
    yield* this.registers.write32(this.line * port.LINE_STRIDE + register, value);
  }

  /** Where in its bank of the device's memory the request begins. */
  protected get bankOffset(): number {
    return this.request!.deviceOffset % port.BANK_BYTES;
  }

  *start(request: Request, direction: DmaDirection): Suspending<void> {
    const { transaction } = this;
    this.request = request;
    this.direction = direction;
    this.#phase = Phase.Idle;
    this.#stopStatus = this.isGone ? STATUS_DEVICE_REMOVED : null;
    this.isStopIssued = false;
    this.#isTimerStarted = false;
    this.#hasEnded = false;
    // The I/O path's part and the cancel callback's.
    this.#parties = 2;
    requestOwner(request).transfer = this;
    this.beforeInitialize(transaction);
    let status = yield* transaction.initializeUsingRequest(request, evtProgramDma, direction);
    if (NT_SUCCESS(status)) {
      transaction.setTransferCompleteCallback(evtDmaTransferComplete, this);
      transaction.setDeviceAddressOffset(Math.floor(request.deviceOffset / port.BANK_BYTES) * port.FIFO_STRIDE);
      this.configure(transaction);
      yield* this.prepareDevice();
      yield* this.#enter(Phase.Waiting);
      status = yield* request.markCancelableEx(evtRequestCancel);
    }
    if (!NT_SUCCESS(status)) {
      yield* this.#enter(Phase.Completing);
      yield* transaction.release();
      this.#status = status;
      this.#bytes = 0;
      yield* this.#dropParts(2);
      return;
    }
    status = yield* transaction.execute(this);
    if (!NT_SUCCESS(status)) yield* this.#end(status);
  }

  /** Settings that must stand before Initialize. */
  protected beforeInitialize(_transaction: DmaTransaction): void {}

  *#enter(phase: Phase): Suspending<void> {
    yield* this.#lock.acquire();
    this.#phase = phase;
    yield* this.#lock.release();
  }

  /** EvtProgramDma. The device asks for its data from here on: never before (rule D52). */
  *program(): Suspending<void> {
    yield* this.#lock.acquire();
    this.#phase = Phase.Running;
    if (this.#stopStatus !== null) yield* this.stopController();
    else {
      if (!this.#isTimerStarted) {
        this.#isTimerStarted = true;
        this.#parties++;
        this.#timer.start(this.checkMs);
      }
      yield* this.startDevice(this.transaction.currentDmaTransferLengthBytes);
    }
    yield* this.#lock.release();
  }

  /** The controller is through with the transfer, or was stopped, or the transfer never began. */
  *transferComplete(completion: DmaCompletionStatus): Suspending<void> {
    const { transaction } = this;
    yield* this.#lock.acquire();
    this.#phase = Phase.Completing;
    const isWhole = completion === DmaCompletionStatus.DmaComplete;
    const isFinal = !isWhole || this.#stopStatus !== null;
    if (!isWhole) yield* this.stopDevice();
    yield* this.#lock.release();
    const moved = this.movedBytes(completion);
    const ended = isFinal ? yield* transaction.dmaCompletedFinal(moved) : yield* transaction.dmaCompleted();
    if (ended === STATUS_MORE_PROCESSING_REQUIRED) return;
    const why = this.#whyEnded(completion);
    yield* this.#end(NT_SUCCESS(why) ? ended : why);
  }

  /** The channel could not be configured: whoever answers FALSE has ended the transaction before (rule C28). */
  protected *refused(status: NtStatus): Suspending<void> {
    yield* this.#enter(Phase.Completing);
    yield* this.transaction.dmaCompletedFinal(0);
    yield* this.#end(status);
  }

  #whyEnded(completion: DmaCompletionStatus): NtStatus {
    if (completion === DmaCompletionStatus.DmaError) return this.isGone ? STATUS_DEVICE_REMOVED : STATUS_IO_DEVICE_ERROR;
    return this.#stopStatus ?? (completion === DmaCompletionStatus.DmaComplete ? STATUS_SUCCESS : STATUS_CANCELLED);
  }

  /** The I/O path has ended: all bytes moved is success, whoever asked for an end. */
  *#end(status: NtStatus): Suspending<void> {
    const { transaction } = this;
    const request = this.request!;
    this.#bytes = transaction.bytesTransferred;
    this.#status = this.#bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    // Of a transaction that is released there is nothing to withdraw.
    yield* this.#enter(Phase.Completing);
    yield* transaction.release();
    yield* this.#lock.acquire();
    this.#hasEnded = true;
    yield* this.#lock.release();
    let parts = 1;
    if (NT_SUCCESS(yield* request.unmarkCancelable())) parts++;
    if (this.#isTimerStarted && (yield* this.#timer.stop(false))) parts++;
    yield* this.#dropParts(parts);
  }

  *#evtTimerFunc(): Suspending<void> {
    const adapter = this.enabler.wdmGetDmaAdapter(this.direction)!;
    const stopWith = yield* this.look(adapter, this.#phase === Phase.Running);
    yield* this.#lock.acquire();
    // The I/O path has ended: it could not stop a timer that was not in the queue, so this part is ours to drop.
    const isOver = this.#hasEnded;
    if (stopWith === null && !isOver) this.#timer.start(this.checkMs);
    yield* this.#lock.release();
    if (isOver) yield* this.#dropParts(1);
    else if (stopWith !== null) yield* this.#stop(stopWith);
  }

  /** EvtRequestCancel. */
  *cancel(): Suspending<void> {
    yield* this.#stop(STATUS_CANCELLED);
  }

  /** `isGone`: in demand mode nobody will ask for data any more, so the controller is stopped. */
  *deviceRemoved(): Suspending<void> {
    yield* this.#lock.acquire();
    const isBusy = this.#parties > 0;
    if (isBusy) this.#parties++;
    yield* this.#lock.release();
    if (isBusy) yield* this.#stop(STATUS_DEVICE_REMOVED);
  }

  /** The first to come gives the transfer up; each drops its part. */
  *#stop(status: NtStatus): Suspending<void> {
    const { transaction } = this;
    let parts = 1;
    yield* this.#lock.acquire();
    if (this.#stopStatus === null) {
      this.#stopStatus = status;
      // In the other phases the I/O path sees the status itself. The lock keeps the transaction from ending meanwhile.
      if (this.#phase === Phase.Waiting && (yield* transaction.cancel())) {
        this.#phase = Phase.Completing;
        parts++;
      } else if (this.#phase === Phase.Waiting || this.#phase === Phase.Running) yield* this.stopController();
    }
    yield* this.#lock.release();
    // Withdrawn: no callback of the transaction will come, so the I/O path's part is ours, too.
    if (parts === 2) {
      this.#status = status;
      this.#bytes = 0;
      yield* transaction.release();
      yield* this.#withdrawn();
    }
    yield* this.#dropParts(parts);
  }

  /** The I/O path's end for a transaction that never ran: a cancel callback that is not running gives its part back. */
  *#withdrawn(): Suspending<void> {
    if (this.#stopStatus === STATUS_CANCELLED) return;
    if (NT_SUCCESS(yield* this.request!.unmarkCancelable())) yield* this.#dropParts(1);
  }

  /** Once a request (rule B19); the lock is held. */
  protected *stopController(): Suspending<void> {
    if (this.isStopIssued) return;
    this.isStopIssued = true;
    yield* this.transaction.stopSystemTransfer();
  }

  *#dropParts(parts: number): Suspending<void> {
    yield* this.#lock.acquire();
    this.#parties -= parts;
    const isLast = this.#parties === 0;
    yield* this.#lock.release();
    if (!isLast) return;
    const request = this.request!;
    const [status, bytes] = [this.#status, this.#bytes];
    this.request = null;
    yield* request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }
}

function* evtProgramDma(_transaction: DmaTransaction, _device: DmaDevice, context: unknown): Suspending<boolean> {
  yield* (context as PortTransfer).program();
  return true;
}

function* evtDmaTransferComplete(
  _transaction: DmaTransaction,
  _device: DmaDevice,
  context: unknown,
  _direction: DmaDirection,
  completion: DmaCompletionStatus,
): Suspending<void> {
  yield* (context as PortTransfer).transferComplete(completion);
}

function* evtRequestCancel(request: Request): Suspending<void> {
  yield* requestOwner(request).transfer!.cancel();
}
