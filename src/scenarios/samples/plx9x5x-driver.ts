import {
  DmaDirection,
  Interrupt,
  NT_SUCCESS,
  RegisterBlock,
  STATUS_INVALID_BUFFER_SIZE,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaTransaction,
  type DriverConfig,
  type HardwareResources,
  type IoQueue,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { acknowledgeInterrupt, createDmaObjects, createQueues, PlxChannel, READ, setMasterEnable, WRITE } from './plx9x5x-channel.js';

/*
 * A driver for the PLX PCI 9656 in the manner of the published PLX9x5x sample: scatter/gather 64-bit duplex, one
 * chain of transfer elements a direction, one transaction a direction reused for every request. Its small defects
 * are repaired: the write request belongs to its transaction (so completing it early is caught), each channel clears
 * its own saved status, and the upper half of the descriptor addresses is programmed (the sample assumes 0).
 */

const MAXIMUM_REQUEST_BYTES = 128 * 1024;

class PlxContext {
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  readonly channels = [new PlxChannel(WRITE, false), new PlxChannel(READ, true)] as const;
}
const plxContext = declareContext('PLX_CONTEXT', PlxContext);

function* evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({ evtDevicePrepareHardware, evtDeviceD0Entry });
  deviceInit.setSynchronizationScope('device');
  const created = deviceInit.create(plxContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = 15;

  const queues = createQueues(device, evtIoWrite, evtIoRead);
  if (!NT_SUCCESS(queues)) return queues;
  const interrupt = Interrupt.create(device, {
    evtInterruptIsr,
    evtInterruptDpc,
    evtInterruptEnable,
    evtInterruptDisable,
    automaticSerialization: true,
  });
  if (!interrupt.ok) return interrupt.status;
  plxContext(device).interrupt = interrupt.object;
  return yield* createDmaObjects(device, plxContext(device).channels);
}

function evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
  plxContext(device).registers = new RegisterBlock(device.kernel, resources.registers);
  return STATUS_SUCCESS;
}

function* evtDeviceD0Entry(device: Device): Suspending<NtStatus> {
  const { registers, channels } = plxContext(device);
  for (const channel of channels) yield* channel.enterD0(registers);
  return STATUS_SUCCESS;
}

function* evtInterruptEnable(_interrupt: Interrupt, device: Device): Suspending<NtStatus> {
  yield* setMasterEnable(plxContext(device).registers, true);
  return STATUS_SUCCESS;
}

function* evtInterruptDisable(_interrupt: Interrupt, device: Device): Suspending<NtStatus> {
  yield* setMasterEnable(plxContext(device).registers, false);
  return STATUS_SUCCESS;
}

function* evtIoWrite(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  yield* start(request, lengthBytes, plxContext(queue.device).channels[WRITE], DmaDirection.WriteToDevice);
}

function* evtIoRead(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  yield* start(request, lengthBytes, plxContext(queue.device).channels[READ], DmaDirection.ReadFromDevice);
}

function* start(request: Request, lengthBytes: number, channel: PlxChannel, direction: DmaDirection): Suspending<void> {
  if (lengthBytes > MAXIMUM_REQUEST_BYTES) {
    yield* request.complete(STATUS_INVALID_BUFFER_SIZE);
    return;
  }
  const { transaction } = channel;
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
  const { registers, interrupt } = plxContext(device);
  channel.writeElements(list, transaction.request!.deviceOffset + transaction.bytesTransferred);
  yield* interrupt.acquireLock();
  yield* channel.start(registers);
  yield* interrupt.releaseLock();
  return true;
}

function* evtInterruptIsr(interrupt: Interrupt): Suspending<boolean> {
  const { registers, channels } = plxContext(interrupt.device);
  return yield* acknowledgeInterrupt(interrupt, registers, channels);
}

/** Takes what the ISR saved under the interrupt lock, then finishes the transfers. */
function* evtInterruptDpc(interrupt: Interrupt, device: Device): Suspending<void> {
  const { channels } = plxContext(device);
  yield* interrupt.acquireLock();
  const writeDone = channels[WRITE].takeDone();
  const readDone = channels[READ].takeDone();
  yield* interrupt.releaseLock();
  if (writeDone) yield* finishTransfer(channels[WRITE]);
  if (readDone) yield* finishTransfer(channels[READ]);
}

function* finishTransfer(channel: PlxChannel): Suspending<void> {
  const { transaction } = channel;
  const status = channel.clearsCount ? yield* transaction.dmaCompletedWithLength(channel.movedBytes()) : yield* transaction.dmaCompleted();
  // The next transfer is staged already, perhaps finished: nothing of this one may be touched.
  if (status === STATUS_MORE_PROCESSING_REQUIRED) return;
  const request = transaction.request!;
  const bytes = NT_SUCCESS(status) ? transaction.bytesTransferred : 0;
  // Released first: completing may present the next request, which uses this very object.
  yield* transaction.release();
  yield* request.completeWithInformation(status, bytes);
}

export const plx9x5xDriver: DriverConfig = { name: 'plx9x5x', evtDriverDeviceAdd };
