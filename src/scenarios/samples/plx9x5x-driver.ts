import {
  DmaDirection,
  FILE_DEVICE_UNKNOWN,
  Interrupt,
  IoControlMethod,
  IoQueue,
  NT_SUCCESS,
  RequestType,
  STATUS_DEVICE_REMOVED,
  STATUS_INVALID_BUFFER_SIZE,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_IO_TIMEOUT,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  ctlCode,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaTransaction,
  type DriverConfig,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { createDmaObjects, createQueues, PlxChannel, READ, WRITE } from './plx9x5x-channel.js';
import { PlxChip } from './plx9x5x-chip.js';

/*
 * A driver for the PLX PCI 9656 in the manner of the published PLX9x5x sample: scatter/gather 64-bit duplex, one
 * chain of transfer elements a direction, one transaction a direction reused for every request. Its small defects
 * are repaired: the write request belongs to its transaction (so completing it early is caught), each channel clears
 * its own saved status, interrupts are acknowledged before the channel is looked at, and the upper half of the
 * descriptor addresses is programmed (the sample assumes 0). A watchdog, which the sample does not have, gives up
 * what takes too long. EvtIo, DPC and watchdog run under the device's callback lock.
 */

const MAXIMUM_REQUEST_BYTES = 128 * 1024;

/**
 * Turns the single-transfer requirement of the transactions that follow on, and off again. While it is on, a request of
 * more than MAXIMUM_TRANSFER_BYTES, or of which the chip moves only a part, is completed with WDF_TOO_MANY_TRANSFERS,
 * which the framework hands to the caller as INVALID_DEVICE_REQUEST.
 */
export const IOCTL_TOGGLE_SINGLE_TRANSFER = ctlCode(FILE_DEVICE_UNKNOWN, 0x810, IoControlMethod.Buffered);

/** A direction of the chip with what the watchdog decided about its transfer. */
class SampleChannel extends PlxChannel {
  /** The start that took too long; its request ends with IO_TIMEOUT. */
  givenUp = 0;

  get isGivenUp(): boolean {
    return this.givenUp === this.starts;
  }
}

class PlxContext {
  /** Changed and read under the callback lock only. */
  requiresSingleTransfer = false;
  readonly channels = [new SampleChannel(WRITE, false), new SampleChannel(READ, true)] as const;
  readonly chip: PlxChip = new PlxChip(this.channels, {
    giveUp: ({ index }, start) => giveUp(this.chip, this.channels[index], start),
    // Presented again: nothing of the current transfer counts as moved.
    wasReset: ({ index }) => finishTransfer(this.channels[index], this.channels[index].isGivenUp ? STATUS_IO_TIMEOUT : STATUS_SUCCESS, 0),
    wasRemoved: ({ index }) => finishTransfer(this.channels[index], STATUS_DEVICE_REMOVED, 0),
  });
}
const plxContext = declareContext('PLX_CONTEXT', PlxContext);

function* evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({
    evtDevicePrepareHardware: (device, resources) => plxContext(device).chip.mapRegisters(device, resources),
    evtDeviceD0Entry: (device) => plxContext(device).chip.enterD0(),
    evtDeviceD0ExitPreInterruptsDisabled: (device) => plxContext(device).chip.leaveD0(),
  });
  deviceInit.setSynchronizationScope('device');
  const created = deviceInit.create(plxContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = 15;

  const { chip, channels } = plxContext(device);
  let status = createQueues(device, evtIoWrite, evtIoRead);
  if (NT_SUCCESS(status)) status = chip.createWatchdog(device, deviceInit.queryParameter('timeoutMs'));
  if (!NT_SUCCESS(status)) return status;
  const interrupt = Interrupt.create(device, {
    evtInterruptIsr: () => chip.acknowledgeInterrupt(),
    evtInterruptDpc,
    evtInterruptEnable: () => chip.setMasterEnable(true),
    evtInterruptDisable: () => chip.setMasterEnable(false),
    automaticSerialization: true,
  });
  if (!interrupt.ok) return interrupt.status;
  chip.interrupt = interrupt.object;
  status = yield* createDmaObjects(device, channels);
  return NT_SUCCESS(status) ? createControlQueue(device) : status;
}

function createControlQueue(device: Device): NtStatus {
  const queue = IoQueue.create(device, { dispatchType: 'sequential', evtIoDeviceControl });
  return queue.ok ? device.configureRequestDispatching(queue.object, RequestType.DeviceControl) : queue.status;
}

function* evtIoDeviceControl(
  queue: IoQueue,
  request: Request,
  _outputBytes: number,
  _inputBytes: number,
  ioControlCode: number,
): Suspending<void> {
  const context = plxContext(queue.device);
  const isKnown = ioControlCode === IOCTL_TOGGLE_SINGLE_TRANSFER;
  if (isKnown) context.requiresSingleTransfer = !context.requiresSingleTransfer;
  yield* request.complete(isKnown ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST);
}

function* evtIoWrite(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  yield* start(request, lengthBytes, plxContext(queue.device), WRITE, DmaDirection.WriteToDevice);
}

function* evtIoRead(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  yield* start(request, lengthBytes, plxContext(queue.device), READ, DmaDirection.ReadFromDevice);
}

function* start(request: Request, lengthBytes: number, context: PlxContext, index: 0 | 1, direction: DmaDirection): Suspending<void> {
  if (lengthBytes > MAXIMUM_REQUEST_BYTES) {
    yield* request.complete(STATUS_INVALID_BUFFER_SIZE);
    return;
  }
  const channel = context.channels[index];
  const { transaction } = channel;
  // Said for each request, off as well as on: Release puts the enabler's default back, an Initialize that failed does not.
  transaction.setSingleTransferRequirement(context.requiresSingleTransfer);
  let status = yield* transaction.initializeUsingRequest(request, evtProgramDma, direction);
  if (NT_SUCCESS(status)) status = yield* transaction.execute(channel);
  if (NT_SUCCESS(status)) return;
  yield* transaction.release();
  yield* request.complete(status);
}

function* evtProgramDma(
  transaction: DmaTransaction,
  device: Device,
  context: unknown,
  _direction: DmaDirection,
  list: ScatterGatherList,
): Suspending<boolean> {
  const channel = context as PlxChannel;
  channel.writeElements(list, transaction.request!.deviceOffset + transaction.bytesTransferred);
  yield* plxContext(device).chip.start(channel);
  return true;
}

/** Watchdog: the abort ends the transfer as usual, by its interrupt, or a reset of the chip does. */
function* giveUp(chip: PlxChip, channel: SampleChannel, start: number): Suspending<void> {
  if (yield* chip.abort(channel, start)) channel.givenUp = start;
}

/** Takes finished transfers off their channels under the interrupt lock, then ends them. */
function* evtInterruptDpc(interrupt: Interrupt, device: Device): Suspending<void> {
  const { channels } = plxContext(device);
  yield* interrupt.acquireLock();
  const writeDone = channels[WRITE].takeDone();
  const readDone = channels[READ].takeDone();
  yield* interrupt.releaseLock();
  if (writeDone) yield* transferDone(channels[WRITE]);
  if (readDone) yield* transferDone(channels[READ]);
}

/** The channel is through with its transfer. Of an aborted write nobody can tell how far it came. */
function* transferDone(channel: SampleChannel): Suspending<void> {
  const { transaction, clearsCount, isGivenUp } = channel;
  const moved = clearsCount ? channel.movedBytes() : isGivenUp ? 0 : transaction.currentDmaTransferLengthBytes;
  yield* finishTransfer(channel, isGivenUp ? STATUS_IO_TIMEOUT : STATUS_SUCCESS, moved);
}

/** A failing `status` ends the transaction; else what is left of it goes on. */
function* finishTransfer({ transaction }: SampleChannel, status: NtStatus, movedBytes: number): Suspending<void> {
  const isFinal = !NT_SUCCESS(status);
  const isWholeTransfer = movedBytes === transaction.currentDmaTransferLengthBytes;
  const ended = isFinal
    ? yield* transaction.dmaCompletedFinal(movedBytes)
    : isWholeTransfer
      ? yield* transaction.dmaCompleted()
      : yield* transaction.dmaCompletedWithLength(movedBytes);
  // The next transfer is staged already, perhaps finished: nothing of this one may be touched.
  if (ended === STATUS_MORE_PROCESSING_REQUIRED) return;
  const request = transaction.request!;
  const isWhole = transaction.bytesTransferred === request.lengthBytes;
  const bytes = transaction.bytesTransferred;
  // Released first: completing may present the next request, which uses this very object.
  yield* transaction.release();
  const shown = isFinal && !isWhole ? status : ended;
  yield* request.completeWithInformation(shown, NT_SUCCESS(shown) ? bytes : 0);
}

export const plx9x5xDriver: DriverConfig = { name: 'plx9x5x', evtDriverDeviceAdd };
