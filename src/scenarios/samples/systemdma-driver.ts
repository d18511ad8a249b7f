import {
  DmaCompletionStatus,
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_IO_DEVICE_ERROR,
  STATUS_IO_TIMEOUT,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  Timer,
  WdfSpinLock,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaDevice,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';

/*
 * A driver for a device that cannot master the bus and has no interrupt: the system DMA controller moves its data and
 * says when it has. Three parties may touch a request - the I/O path, EvtRequestCancel, the timer - and each holds a
 * part of it; whoever drops the last one completes it. A cancellation or a timeout stops the controller; the I/O
 * path's end always comes through EvtDmaTransactionDmaTransferComplete, unless the transaction is withdrawn while it
 * still waits for a channel.
 */

/** Registers of the port; docs/sdma.md. */
const PORT_POINTER = 0x00;
const PORT_COUNT = 0x04;
const PORT_LINE = 0x08;
const PORT_FIFO = 0x10;

/** The timer looks at the controller's counter so often. */
const CHECK_MS = 1000;

const MAXIMUM_TRANSFER_BYTES = 16 * 1024;

const Phase = {
  /** Executed, or about to be: it may wait for a channel and can be withdrawn. */
  Waiting: 0,
  /** The controller has the transfer: it is stopped through the HAL. */
  Running: 1,
  /** EvtDmaTransferComplete is inside DmaCompleted: it looks at the stop when it comes out. */
  Completing: 2,
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

class SystemDmaContext {
  registers!: RegisterBlock;
  enabler!: DmaEnabler;
  transaction!: DmaTransaction;
  timer!: Timer;
  lock!: WdfSpinLock;
  request: Request | null = null;
  phase: Phase = Phase.Waiting;
  parties = 0;
  /** Why the transfer is given up: cancelled or timed out; SUCCESS while it is not. */
  stopStatus: NtStatus = STATUS_SUCCESS;
  isStopIssued = false;
  /** The I/O path is through with the transaction and stops the timer. */
  hasEnded = false;
  isTimerStarted = false;
  /** Looks at the counter in a row that found it where it was. */
  idleChecks = 0;
  lastCounter = 0;
  status: NtStatus = STATUS_SUCCESS;
  bytes = 0;
}
const systemDmaContext = declareContext('SYSTEM_DMA_CONTEXT', SystemDmaContext);

/** Leads EvtRequestCancel from the request to its device. */
class RequestOwner {
  device: Device | null = null;
}
const requestOwner = declareContext('SYSTEM_DMA_REQUEST', RequestOwner);

class SystemDmaDriver implements DriverConfig {
  readonly name = 'systemdma';

  /** Looks at the counter in a row without progress after which a transfer has timed out. */
  constructor(private readonly idleChecksMax: number) {}

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({ evtDevicePrepareHardware: (device, resources) => this.#prepareHardware(device, resources) });
    deviceInit.setRequestContext(requestOwner);
    const created = deviceInit.create(systemDmaContext);
    if (!created.ok) return created.status;
    const device = created.object;
    const context = systemDmaContext(device);
    context.lock = WdfSpinLock.create(device);
    const queue = IoQueue.create(device, {
      dispatchType: 'sequential',
      evtIoDefault: (owner, request) => this.#evtIo(owner.device, request),
    });
    if (!queue.ok) return queue.status;
    device.setDefaultQueue(queue.object);
    const timer = Timer.create(device, { evtTimerFunc: (timer) => this.#evtTimerFunc(context, timer), automaticSerialization: false });
    if (!timer.ok) return timer.status;
    context.timer = timer.object;
    const enabler = yield* DmaEnabler.create(device, { profile: 'System', maximumLengthBytes: MAXIMUM_TRANSFER_BYTES });
    if (!enabler.ok) return enabler.status;
    context.enabler = enabler.object;
    return STATUS_SUCCESS;
  }

  /** Position by ReadDmaCounter: a transfer that moves, or whose end is on its way, gets more time. */
  *#evtTimerFunc(context: SystemDmaContext, timer: Timer): Suspending<void> {
    const { lock } = context;
    const counter = yield* context.enabler.wdmGetDmaAdapter(DmaDirection.ReadFromDevice)!.readDmaCounter();
    yield* lock.acquire();
    const isAlive = counter === 0 || counter !== context.lastCounter || context.phase !== Phase.Running;
    context.idleChecks = isAlive ? 0 : context.idleChecks + 1;
    context.lastCounter = counter;
    const hasTimedOut = context.idleChecks > this.idleChecksMax;
    // The I/O path has ended: it could not stop a timer that was not in the queue, so this part is ours to drop.
    const isOver = context.hasEnded;
    if (!hasTimedOut && !isOver) timer.start(CHECK_MS);
    yield* lock.release();
    if (isOver) yield* dropParts(context, 1);
    else if (hasTimedOut) yield* stop(context, STATUS_IO_TIMEOUT);
  }

  /** The DMA resource says which channel and which request line; only now can the adapter be had. */
  *#prepareHardware(device: Device, resources: HardwareResources): Suspending<NtStatus> {
    const context = systemDmaContext(device);
    context.registers = new RegisterBlock(device.kernel, resources.registers);
    const dma = resources.translated.find((resource) => resource.type === 'dma');
    if (dma === undefined) return STATUS_INVALID_DEVICE_REQUEST;
    const config = { deviceAddress: PORT_FIFO, dmaWidthBits: 32, dmaDescriptor: dma, demandMode: true } as const;
    const status = context.enabler.configureSystemProfile(config, DmaDirection.ReadFromDevice);
    if (!NT_SUCCESS(status)) return status;
    const transaction = yield* DmaTransaction.create(context.enabler);
    if (transaction.ok) context.transaction = transaction.object;
    return transaction.status;
  }

  *#evtIo(device: Device, request: Request): Suspending<void> {
    const context = systemDmaContext(device);
    const { transaction } = context;
    context.request = request;
    context.phase = Phase.Waiting;
    context.stopStatus = STATUS_SUCCESS;
    context.isStopIssued = false;
    context.isTimerStarted = false;
    context.hasEnded = false;
    context.idleChecks = 0;
    context.lastCounter = 0;
    // The I/O path's part and the cancel callback's.
    context.parties = 2;
    requestOwner(request).device = device;
    const direction = request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
    let status = yield* transaction.initializeUsingRequest(
      request,
      (_t, _d, _c, _x, list) => this.#evtProgramDma(context, list),
      direction,
    );
    if (NT_SUCCESS(status)) {
      transaction.setTransferCompleteCallback(evtDmaTransferComplete);
      status = yield* request.markCancelableEx(evtRequestCancel);
    }
    if (!NT_SUCCESS(status)) {
      yield* transaction.release();
      yield* request.complete(status);
      return;
    }
    status = yield* transaction.execute();
    if (!NT_SUCCESS(status)) yield* end(context, status);
  }

  /** The device asks for its data from here on: never before (rule D52). */
  *#evtProgramDma(context: SystemDmaContext, _list: ScatterGatherList): Suspending<boolean> {
    const { transaction, registers, lock } = context;
    yield* lock.acquire();
    context.phase = Phase.Running;
    if (!context.isTimerStarted && context.stopStatus === STATUS_SUCCESS) {
      context.isTimerStarted = true;
      context.parties++;
      context.timer.start(CHECK_MS);
    }
    if (context.stopStatus !== STATUS_SUCCESS) yield* stopController(context);
    else {
      yield* registers.write32(PORT_POINTER, transaction.request!.deviceOffset + transaction.bytesTransferred);
      yield* registers.write32(PORT_COUNT, transaction.currentDmaTransferLengthBytes);
      yield* registers.write32(PORT_LINE, 1);
    }
    yield* lock.release();
    return true;
  }
}

/** The controller is through with the transfer, or was stopped, or the transfer never began. */
function* evtDmaTransferComplete(
  transaction: DmaTransaction,
  device: DmaDevice,
  _context: unknown,
  _direction: DmaDirection,
  completion: DmaCompletionStatus,
): Suspending<void> {
  const context = systemDmaContext(device);
  yield* context.lock.acquire();
  context.phase = Phase.Completing;
  const isWhole = completion === DmaCompletionStatus.DmaComplete;
  const isFinal = !isWhole || context.stopStatus !== STATUS_SUCCESS;
  // Stopped in the middle: the device still asks.
  if (!isWhole) yield* context.registers.write32(PORT_LINE, 0);
  yield* context.lock.release();
  const moved = isWhole ? transaction.currentDmaTransferLengthBytes : 0;
  const ended = isFinal ? yield* transaction.dmaCompletedFinal(moved) : yield* transaction.dmaCompleted();
  if (ended === STATUS_MORE_PROCESSING_REQUIRED) return;
  const failed =
    completion === DmaCompletionStatus.DmaError
      ? STATUS_IO_DEVICE_ERROR
      : isWhole || context.stopStatus !== STATUS_SUCCESS
        ? context.stopStatus
        : STATUS_CANCELLED;
  yield* end(context, NT_SUCCESS(failed) ? ended : failed);
}

/** The I/O path has ended: all bytes moved is success, whoever asked for an end. */
function* end(context: SystemDmaContext, status: NtStatus): Suspending<void> {
  const { transaction, timer } = context;
  const request = context.request!;
  context.bytes = transaction.bytesTransferred;
  context.status = context.bytes === request.lengthBytes ? STATUS_SUCCESS : status;
  yield* transaction.release();
  yield* context.lock.acquire();
  context.hasEnded = true;
  yield* context.lock.release();
  let parts = 1;
  if (NT_SUCCESS(yield* request.unmarkCancelable())) parts++;
  if (context.isTimerStarted && (yield* timer.stop(false))) parts++;
  yield* dropParts(context, parts);
}

function* evtRequestCancel(request: Request): Suspending<void> {
  yield* stop(systemDmaContext(requestOwner(request).device!), STATUS_CANCELLED);
}

/** Cancel callback and timer: the first of them to come gives the transfer up; each drops its part. */
function* stop(context: SystemDmaContext, status: NtStatus): Suspending<void> {
  const { lock, transaction } = context;
  let parts = 1;
  yield* lock.acquire();
  if (context.stopStatus === STATUS_SUCCESS) {
    context.stopStatus = status;
    // In phase Completing the I/O path sees the status itself. The lock keeps the transaction from ending meanwhile.
    if (context.phase === Phase.Waiting && (yield* transaction.cancel())) {
      context.phase = Phase.Completing;
      parts++;
    } else if (context.phase !== Phase.Completing) yield* stopController(context);
  }
  yield* lock.release();
  // Withdrawn: no callback of the transaction will come, so the I/O path's part is ours, too.
  if (parts === 2) {
    context.status = status;
    context.bytes = 0;
    yield* transaction.release();
  }
  yield* dropParts(context, parts);
}

/** Once a request (rule B19); the lock is held. */
function* stopController(context: SystemDmaContext): Suspending<void> {
  if (context.isStopIssued) return;
  context.isStopIssued = true;
  yield* context.transaction.stopSystemTransfer();
}

function* dropParts(context: SystemDmaContext, parts: number): Suspending<void> {
  yield* context.lock.acquire();
  context.parties -= parts;
  const isLast = context.parties === 0;
  yield* context.lock.release();
  if (!isLast) return;
  const { request, status, bytes } = context;
  context.request = null;
  yield* request!.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
}

export const systemDmaDriver: DriverConfig = new SystemDmaDriver(600);
/** The same without patience: the first look that finds no progress since the one before gives the transfer up. */
export const systemDmaImpatientDriver: DriverConfig = new SystemDmaDriver(0);
