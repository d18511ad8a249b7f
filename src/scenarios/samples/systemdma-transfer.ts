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
  trackFields,
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

/** What the lock of a transfer guards. `status` and `bytes` are written by who ends it and read by who drops the last part. */
class TransferState {
  phase: Phase = Phase.Idle;
  parties = 0;
  /** Why the transfer is given up; null while it is not. */
  stopStatus: NtStatus | null = null;
  /** The I/O path is through with the transaction and stops the timer. */
  hasEnded = false;
  isTimerStarted = false;
  status: NtStatus = STATUS_SUCCESS;
  bytes = 0;
}

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
  protected readonly lock: WdfSpinLock;
  readonly #state: TransferState;
  protected isStopIssued = false;

  constructor(
    device: Device,
    protected readonly enabler: DmaEnabler,
    /** Which of the port's request lines. */
    private readonly line: number,
    private readonly checkMs: number,
  ) {
    this.lock = WdfSpinLock.create(device);
    this.#state = trackFields(device.kernel, new TransferState(), 'TRANSFER_STATE');
  }

  /** Before Execute: what the device must know of a transfer that may begin at once (rule D53). */
  protected abstract prepareDevice(): Suspending<void>;
  /** EvtProgramDma of a transfer of `lengthBytes`: from here on the device may ask for its data. */
  protected abstract startDevice(lengthBytes: number): Suspending<void>;
  /** The transfer ended before its end: the device must ask no longer. */
  protected abstract stopDevice(): Suspending<void>;
  /** Bytes of the transfer that was ended so. */
  protected abstract movedBytes(completion: DmaCompletionStatus): number;
  /** The timer looks at the transfer. */
  protected abstract look(adapter: DmaAdapter): Suspending<void>;
  /** What it makes of that, the lock held: the status to stop the transfer with, or null to let it go on. */
  protected abstract verdict(isRunning: boolean): NtStatus | null;
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
    this.#state.phase = Phase.Idle;
    this.#state.stopStatus = this.isGone ? STATUS_DEVICE_REMOVED : null;
    this.isStopIssued = false;
    this.#state.isTimerStarted = false;
    this.#state.hasEnded = false;
    // The I/O path's part and the cancel callback's.
    this.#state.parties = 2;
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
      this.#state.status = status;
      this.#state.bytes = 0;
      yield* this.#dropParts(2);
      return;
    }
    status = yield* transaction.execute(this);
    if (!NT_SUCCESS(status)) yield* this.#end(status);
  }

  /** Settings that must stand before Initialize. */
  protected beforeInitialize(_transaction: DmaTransaction): void {}

  *#enter(phase: Phase): Suspending<void> {
    yield* this.lock.acquire();
    this.#state.phase = phase;
    yield* this.lock.release();
  }

  /** EvtProgramDma. The device asks for its data from here on: never before (rule D52). */
  *program(): Suspending<void> {
    yield* this.lock.acquire();
    this.#state.phase = Phase.Running;
    if (this.#state.stopStatus !== null) yield* this.stopController();
    else {
      if (!this.#state.isTimerStarted) {
        this.#state.isTimerStarted = true;
        this.#state.parties++;
        this.#timer.start(this.checkMs);
      }
      yield* this.startDevice(this.transaction.currentDmaTransferLengthBytes);
    }
    yield* this.lock.release();
  }

  /** The controller is through with the transfer, or was stopped, or the transfer never began. */
  *transferComplete(completion: DmaCompletionStatus): Suspending<void> {
    const { transaction } = this;
    yield* this.lock.acquire();
    this.#state.phase = Phase.Completing;
    const isWhole = completion === DmaCompletionStatus.DmaComplete;
    const { stopStatus } = this.#state;
    const isFinal = !isWhole || stopStatus !== null;
    if (!isWhole) yield* this.stopDevice();
    yield* this.lock.release();
    const moved = this.movedBytes(completion);
    const ended = isFinal ? yield* transaction.dmaCompletedFinal(moved) : yield* transaction.dmaCompleted();
    if (ended === STATUS_MORE_PROCESSING_REQUIRED) return;
    const why = this.#whyEnded(completion, stopStatus);
    yield* this.#end(NT_SUCCESS(why) ? ended : why);
  }

  /** The channel could not be configured: whoever answers FALSE has ended the transaction before (rule C28). */
  protected *refused(status: NtStatus): Suspending<void> {
    yield* this.#enter(Phase.Completing);
    yield* this.transaction.dmaCompletedFinal(0);
    yield* this.#end(status);
  }

  #whyEnded(completion: DmaCompletionStatus, stopStatus: NtStatus | null): NtStatus {
    if (completion === DmaCompletionStatus.DmaError) return this.isGone ? STATUS_DEVICE_REMOVED : STATUS_IO_DEVICE_ERROR;
    return stopStatus ?? (completion === DmaCompletionStatus.DmaComplete ? STATUS_SUCCESS : STATUS_CANCELLED);
  }

  /** The I/O path has ended: all bytes moved is success, whoever asked for an end. */
  *#end(status: NtStatus): Suspending<void> {
    const { transaction } = this;
    const request = this.request!;
    this.#state.bytes = transaction.bytesTransferred;
    this.#state.status = this.#state.bytes === request.lengthBytes ? STATUS_SUCCESS : status;
    // Of a transaction that is released there is nothing to withdraw.
    yield* this.#enter(Phase.Completing);
    yield* transaction.release();
    yield* this.lock.acquire();
    this.#state.hasEnded = true;
    yield* this.lock.release();
    let parts = 1;
    if (NT_SUCCESS(yield* request.unmarkCancelable())) parts++;
    if (this.#state.isTimerStarted && (yield* this.#timer.stop(false))) parts++;
    yield* this.#dropParts(parts);
  }

  *#evtTimerFunc(): Suspending<void> {
    const adapter = this.enabler.wdmGetDmaAdapter(this.direction)!;
    yield* this.look(adapter);
    yield* this.lock.acquire();
    const stopWith = this.verdict(this.#state.phase === Phase.Running);
    // The I/O path has ended: it could not stop a timer that was not in the queue, so this part is ours to drop.
    const isOver = this.#state.hasEnded;
    if (stopWith === null && !isOver) this.#timer.start(this.checkMs);
    yield* this.lock.release();
    if (isOver) yield* this.#dropParts(1);
    else if (stopWith !== null) yield* this.stop(stopWith);
  }

  /** EvtRequestCancel. */
  *cancel(): Suspending<void> {
    yield* this.stop(STATUS_CANCELLED);
  }

  /** `isGone`: in demand mode nobody will ask for data any more, so the controller is stopped. */
  *deviceRemoved(): Suspending<void> {
    yield* this.lock.acquire();
    const isBusy = this.#state.parties > 0;
    if (isBusy) this.#state.parties++;
    yield* this.lock.release();
    if (isBusy) yield* this.stop(STATUS_DEVICE_REMOVED);
  }

  /** The first to come gives the transfer up; each drops its part. */
  protected *stop(status: NtStatus): Suspending<void> {
    yield* this.lock.acquire();
    const isWithdrawn = yield* this.giveUp(status);
    yield* this.lock.release();
    yield* this.givenUp(status, isWithdrawn);
  }

  /** True: the transaction waited for a channel, is withdrawn and never will run. The lock keeps it from ending meanwhile. */
  protected *giveUp(status: NtStatus): Suspending<boolean> {
    const state = this.#state;
    if (state.stopStatus !== null) return false;
    state.stopStatus = status;
    if (state.phase === Phase.Waiting && (yield* this.transaction.cancel())) {
      state.phase = Phase.Completing;
      return true;
    }
    // In the other phases the I/O path sees the status itself.
    if (state.phase === Phase.Waiting || state.phase === Phase.Running) yield* this.stopController();
    return false;
  }

  /** After the lock: drops the part of whoever gave up; of a withdrawn transaction no callback will come, so the I/O path's part, too. */
  protected *givenUp(status: NtStatus, isWithdrawn: boolean): Suspending<void> {
    if (isWithdrawn) {
      this.#state.status = status;
      this.#state.bytes = 0;
      yield* this.transaction.release();
      // The I/O path's end for a transaction that never ran: a cancel callback that is not running gives its part back.
      if (status !== STATUS_CANCELLED && NT_SUCCESS(yield* this.request!.unmarkCancelable())) yield* this.#dropParts(1);
    }
    yield* this.#dropParts(isWithdrawn ? 2 : 1);
  }

  /** Once a request (rule B19); the lock is held. */
  protected *stopController(): Suspending<void> {
    if (this.isStopIssued) return;
    this.isStopIssued = true;
    yield* this.transaction.stopSystemTransfer();
  }

  *#dropParts(parts: number): Suspending<void> {
    yield* this.lock.acquire();
    this.#state.parties -= parts;
    const isLast = this.#state.parties === 0;
    yield* this.lock.release();
    if (!isLast) return;
    const request = this.request!;
    const [status, bytes] = [this.#state.status, this.#state.bytes];
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
