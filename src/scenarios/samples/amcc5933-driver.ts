import {
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_CANCELLED,
  STATUS_DEVICE_REMOVED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
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
import { AmccController } from './amcc5933-controller.js';

/*
 * A driver for the AMCC S5933 in the manner of the AMCC5933 sample: packet profile, 32 bits, one sequential default
 * queue, a transaction created for each request and deleted with it, cancellation polled between two transfers. The
 * sample's defects are repaired:
 *
 * - a cancelled request's transaction is ended by DmaCompletedFinal before it is deleted (rules B18, B03);
 * - an abort that the ISR has saved fails the request (D57);
 * - INTCSR is written without its write-1-to-clear bits, not read and written back (D21);
 * - EvtProgramDma holds the interrupt lock over MCSR and INTCSR, which the ISR writes, too (D17);
 * - when Execute fails the context forgets the transaction (D28);
 * - an interrupt that tells of no end neither stops the chip nor queues the DPC.
 *
 * Beyond the sample it takes partial transfers, and ends what the chip worked on when that is pulled out.
 */

const MAXIMUM_TRANSFER_BYTES = 16 * 4096;
const DWORD_BYTES = 4;

export class AmccContext {
  readonly controller = new AmccController();
  enabler!: DmaEnabler;
  /** Of the request in work; null between two requests. */
  transaction: DmaTransaction | null = null;
}
export const amccContext = declareContext('AMCC_DEVICE_EXTENSION', AmccContext);

export class Amcc5933Driver implements DriverConfig {
  constructor(readonly name = 'amcc5933') {}

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({
      evtDevicePrepareHardware,
      evtDeviceD0Entry,
      evtDeviceSurpriseRemoval,
      evtDeviceSelfManagedIoSuspend: (device) => this.#evtDeviceSelfManagedIoSuspend(device),
    });
    const created = deviceInit.create(amccContext);
    if (!created.ok) return created.status;
    const device = created.object;
    const context = amccContext(device);
    device.alignmentRequirement = DWORD_BYTES - 1;
    const queue = IoQueue.create(device, {
      dispatchType: 'sequential',
      evtIoDefault: (_queue, request, lengthBytes) => this.evtIoDefault(context, request, lengthBytes),
    });
    if (!queue.ok) return queue.status;
    device.setDefaultQueue(queue.object);
    const interrupt = Interrupt.create(device, {
      evtInterruptIsr: () => this.evtInterruptIsr(context),
      evtInterruptDpc: () => this.evtInterruptDpc(context),
      evtInterruptDisable: () => context.controller.mask(),
    });
    if (!interrupt.ok) return interrupt.status;
    context.controller.interrupt = interrupt.object;
    const enabler = yield* DmaEnabler.create(device, { profile: 'Packet', maximumLengthBytes: MAXIMUM_TRANSFER_BYTES });
    if (enabler.ok) context.enabler = enabler.object;
    return enabler.status;
  }

  /** Power-down without hardware: what the chip worked on will never be confirmed, so it ends here. */
  *#evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
    const context = amccContext(device);
    if (context.controller.isGone && (yield* context.controller.takeLost())) yield* this.transferEnded(context);
    return STATUS_SUCCESS;
  }

  protected *evtIoDefault(context: AmccContext, request: Request, lengthBytes: number): Suspending<void> {
    const checked = checkRequest(request, lengthBytes);
    if (!NT_SUCCESS(checked)) {
      yield* request.complete(checked);
      return;
    }
    const created = yield* DmaTransaction.create(context.enabler);
    if (!created.ok) {
      yield* request.complete(created.status);
      return;
    }
    const transaction = created.object;
    const direction = request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
    let status = yield* transaction.initializeUsingRequest(request, this.#evtProgramDma, direction);
    if (NT_SUCCESS(status)) {
      // Before Execute: the DPC may come before that returns (rule D23).
      context.transaction = transaction;
      status = yield* transaction.execute(context);
    }
    // After success both may be gone already.
    if (NT_SUCCESS(status)) return;
    yield* this.executeFailed(context, transaction, request, status);
  }

  protected *executeFailed(context: AmccContext, transaction: DmaTransaction, request: Request, status: NtStatus): Suspending<void> {
    context.transaction = null;
    yield* transaction.delete();
    yield* request.complete(status);
  }

  readonly #evtProgramDma = (
    transaction: DmaTransaction,
    _device: DmaDevice,
    context: unknown,
    direction: DmaDirection,
    list: ScatterGatherList,
  ): Suspending<boolean> => this.evtProgramDma(context as AmccContext, transaction, direction, list);

  protected *evtProgramDma(
    context: AmccContext,
    transaction: DmaTransaction,
    direction: DmaDirection,
    list: ScatterGatherList,
  ): Suspending<boolean> {
    const { controller } = context;
    const position = transaction.request!.deviceOffset + transaction.bytesTransferred;
    if (yield* controller.start(direction, list.address(0), list.lengthBytes(0), position)) return true;
    yield* transaction.dmaCompletedFinal(0);
    yield* this.completeRequest(context, STATUS_DEVICE_REMOVED);
    return false;
  }

  protected *evtInterruptIsr(context: AmccContext): Suspending<boolean> {
    return yield* context.controller.acknowledge();
  }

  protected *evtInterruptDpc(context: AmccContext): Suspending<void> {
    if (yield* context.controller.takeEnd()) yield* this.transferEnded(context);
  }

  /** The chip is through with the transfer, well or not; nobody else touches the transaction now. */
  protected *transferEnded(context: AmccContext): Suspending<void> {
    const { controller } = context;
    const transaction = context.transaction!;
    const isCanceled = transaction.request!.isCanceled();
    const { movedBytes, endStatus } = controller;
    if (isCanceled || !NT_SUCCESS(endStatus)) {
      yield* transaction.dmaCompletedFinal(movedBytes);
      yield* this.completeRequest(context, NT_SUCCESS(endStatus) ? STATUS_CANCELLED : endStatus);
      return;
    }
    const status = yield* transaction.dmaCompletedWithLength(movedBytes);
    // The next transfer is staged already, perhaps finished: nothing of this one may be touched.
    if (status !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.completeRequest(context, status);
  }

  /** The transaction has ended: it goes, then the request. */
  protected *completeRequest(context: AmccContext, status: NtStatus): Suspending<void> {
    const transaction = context.transaction!;
    const request = transaction.request!;
    const bytes = NT_SUCCESS(status) ? transaction.bytesTransferred : 0;
    // First of all: completing may present the next request.
    context.transaction = null;
    yield* transaction.delete();
    yield* request.completeWithInformation(status, bytes);
  }
}

function checkRequest(request: Request, lengthBytes: number): NtStatus {
  if (request.type !== RequestType.Read && request.type !== RequestType.Write) return STATUS_INVALID_DEVICE_REQUEST;
  return lengthBytes % DWORD_BYTES === 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

function evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
  amccContext(device).controller.registers = new RegisterBlock(device.kernel, resources.registers);
  return STATUS_SUCCESS;
}

function evtDeviceD0Entry(device: Device): NtStatus {
  amccContext(device).controller.enterD0();
  return STATUS_SUCCESS;
}

/** Only notes it: requests must not be completed here (rule C18). */
function evtDeviceSurpriseRemoval(device: Device): void {
  amccContext(device).controller.isGone = true;
}

export const amcc5933Driver: DriverConfig = new Amcc5933Driver();
