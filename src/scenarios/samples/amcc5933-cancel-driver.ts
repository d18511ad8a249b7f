import {
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  Interrupt,
  IoQueue,
  RegisterBlock,
  RequestType,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { AmccController } from './amcc5933-controller.js';
import { CancelableTransfer, transferLink } from './cancelable-transfer.js';

/*
 * The AMCC5933 driver with what the sample leaves out: requests can be cancelled at any time. A transaction that waits
 * for map registers is withdrawn, which needs version 3 of the packet profile; a live transfer is stopped by emptying
 * the chip's FIFO, and ends when the chip confirms: the count register says how far it came. One transaction, reused.
 */

const MAXIMUM_TRANSFER_BYTES = 16 * 4096;
const DWORD_BYTES = 4;

/** The chip as a cancelable transfer. */
class PacketTransfer extends CancelableTransfer {
  readonly controller = new AmccController();

  protected *startHardware(list: ScatterGatherList): Suspending<void> {
    const { transaction, controller, direction } = this;
    const position = transaction.request!.deviceOffset + transaction.bytesTransferred;
    yield* controller.start(direction, list.address(0), list.lengthBytes(0), position);
  }

  protected *abortHardware(): Suspending<void> {
    yield* this.controller.abort();
  }

  protected isDeviceGone(): boolean {
    return this.controller.isGone;
  }

  protected becameIdle(): void {
    // The queue is sequential: the next request comes when this one has completed.
  }
}

class AmccCancelContext {
  transfer!: PacketTransfer;
}
const amccContext = declareContext('AMCC_CANCEL_CONTEXT', AmccCancelContext);

function* evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({
    evtDevicePrepareHardware,
    evtDeviceD0Entry,
    evtDeviceSurpriseRemoval,
    evtDeviceSelfManagedIoSuspend,
  });
  deviceInit.setRequestContext(transferLink);
  const created = deviceInit.create(amccContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = DWORD_BYTES - 1;
  const transfer = new PacketTransfer(device);
  amccContext(device).transfer = transfer;
  const queue = IoQueue.create(device, { dispatchType: 'sequential', evtIoDefault });
  if (!queue.ok) return queue.status;
  device.setDefaultQueue(queue.object);
  const interrupt = Interrupt.create(device, { evtInterruptIsr, evtInterruptDpc, evtInterruptDisable });
  if (!interrupt.ok) return interrupt.status;
  transfer.controller.interrupt = interrupt.object;
  const enabler = yield* DmaEnabler.create(device, {
    profile: 'Packet',
    maximumLengthBytes: MAXIMUM_TRANSFER_BYTES,
    wdmDmaVersionOverride: 3,
  });
  if (!enabler.ok) return enabler.status;
  const transaction = yield* DmaTransaction.create(enabler.object);
  if (transaction.ok) transfer.transaction = transaction.object;
  return transaction.status;
}

const controllerOf = (device: Device): AmccController => amccContext(device).transfer.controller;

function evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
  controllerOf(device).registers = new RegisterBlock(device.kernel, resources.registers);
  return STATUS_SUCCESS;
}

function evtDeviceD0Entry(device: Device): NtStatus {
  controllerOf(device).enterD0();
  return STATUS_SUCCESS;
}

/** Only notes it: requests must not be completed here (rule C18). */
function evtDeviceSurpriseRemoval(device: Device): void {
  controllerOf(device).isGone = true;
}

/** Power-down without hardware: what the chip worked on will never be confirmed, so it ends here. */
function* evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
  const { transfer } = amccContext(device);
  if (transfer.controller.isGone) yield* transfer.deviceRemoved();
  return STATUS_SUCCESS;
}

function* evtInterruptDisable(_interrupt: Interrupt, device: Device): Suspending<NtStatus> {
  return yield* controllerOf(device).mask();
}

function* evtIoDefault(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  if (lengthBytes % DWORD_BYTES !== 0) {
    yield* request.complete(STATUS_INVALID_PARAMETER);
    return;
  }
  const direction = request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
  yield* amccContext(queue.device).transfer.start(request, direction);
}

function* evtInterruptIsr(interrupt: Interrupt): Suspending<boolean> {
  return yield* controllerOf(interrupt.device).acknowledge();
}

function* evtInterruptDpc(_interrupt: Interrupt, device: Device): Suspending<void> {
  const { transfer } = amccContext(device);
  const { controller } = transfer;
  if (yield* controller.takeEnd()) yield* transfer.transferDone(controller.movedBytes, controller.endStatus);
}

export const amcc5933CancelDriver: DriverConfig = { name: 'amcc5933-cancel', evtDriverDeviceAdd };
