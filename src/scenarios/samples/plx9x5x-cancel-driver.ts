import {
  DmaDirection,
  Interrupt,
  NT_SUCCESS,
  RegisterBlock,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaProfile,
  type DriverConfig,
  type HardwareResources,
  type IoQueue,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { CancelableTransfer, transferLink } from './cancelable-transfer.js';
import { acknowledgeInterrupt, createDmaObjects, createQueues, PlxChannel, READ, setMasterEnable, WRITE } from './plx9x5x-channel.js';
import * as plx from './plx9x5x-registers.js';

/*
 * The PLX9x5x driver with what the published sample leaves out: requests can be cancelled at any time. Waiting
 * transactions are withdrawn, live transfers are aborted through DMACSR and end when the chip confirms with Done; the
 * residual in the elements says how far they came. No synchronization scope: the transfers have locks of their own.
 */

/** A direction of the chip as a cancelable transfer. */
class ChannelTransfer extends CancelableTransfer {
  readonly channel: PlxChannel;

  constructor(
    private readonly device: Device,
    index: 0 | 1,
  ) {
    super(device);
    this.channel = new PlxChannel(index, true);
  }

  protected *startHardware(list: ScatterGatherList): Suspending<void> {
    const { registers, interrupt } = plxContext(this.device);
    const { channel, transaction } = this;
    channel.writeElements(list, transaction.request!.deviceOffset + transaction.bytesTransferred);
    yield* interrupt.acquireLock();
    yield* channel.start(registers);
    yield* interrupt.releaseLock();
  }

  protected *abortHardware(): Suspending<void> {
    const { registers, interrupt } = plxContext(this.device);
    yield* interrupt.acquireLock();
    yield* registers.write8(plx.DMA_CSR[this.channel.index], plx.CSR_ENABLE | plx.CSR_ABORT);
    yield* interrupt.releaseLock();
  }

  protected isDeviceGone(): boolean {
    return plxContext(this.device).isGone;
  }

  protected becameIdle(): void {
    // The queue is sequential: the next request comes when this one has completed.
  }
}

class PlxCancelContext {
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  transfers: readonly ChannelTransfer[] = [];
  channels: readonly PlxChannel[] = [];
  isGone = false;
}
const plxContext = declareContext('PLX_CANCEL_CONTEXT', PlxCancelContext);

function* addDevice(deviceInit: DeviceInit, profile: DmaProfile): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({
    evtDevicePrepareHardware,
    evtDeviceD0Entry,
    evtDeviceSurpriseRemoval,
    evtDeviceSelfManagedIoSuspend,
  });
  deviceInit.setRequestContext(transferLink);
  const created = deviceInit.create(plxContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = 15;
  const queues = createQueues(device, evtIoWrite, evtIoRead);
  if (!NT_SUCCESS(queues)) return queues;
  const interrupt = Interrupt.create(device, { evtInterruptIsr, evtInterruptDpc, evtInterruptEnable, evtInterruptDisable });
  if (!interrupt.ok) return interrupt.status;
  const context = plxContext(device);
  context.interrupt = interrupt.object;
  context.transfers = [new ChannelTransfer(device, WRITE), new ChannelTransfer(device, READ)];
  context.channels = context.transfers.map((transfer) => transfer.channel);
  const status = yield* createDmaObjects(device, context.channels, profile);
  for (const transfer of context.transfers) transfer.transaction = transfer.channel.transaction;
  return status;
}

function evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
  plxContext(device).registers = new RegisterBlock(device.kernel, resources.registers);
  return STATUS_SUCCESS;
}

function* evtDeviceD0Entry(device: Device): Suspending<NtStatus> {
  const { registers, transfers } = plxContext(device);
  for (const { channel } of transfers) yield* channel.enterD0(registers);
  return STATUS_SUCCESS;
}

/** Only notes it: requests must not be completed here (rule C18). */
function evtDeviceSurpriseRemoval(device: Device): void {
  plxContext(device).isGone = true;
}

/** The power-down sequence runs without hardware: what the chip worked on will never be confirmed, so it ends here. */
function* evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
  const { isGone, transfers } = plxContext(device);
  if (isGone) for (const transfer of transfers) yield* transfer.deviceRemoved();
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

function* evtIoWrite(queue: IoQueue, request: Request): Suspending<void> {
  yield* plxContext(queue.device).transfers[WRITE]!.start(request, DmaDirection.WriteToDevice);
}

function* evtIoRead(queue: IoQueue, request: Request): Suspending<void> {
  yield* plxContext(queue.device).transfers[READ]!.start(request, DmaDirection.ReadFromDevice);
}

function* evtInterruptIsr(interrupt: Interrupt): Suspending<boolean> {
  const { registers, channels } = plxContext(interrupt.device);
  return yield* acknowledgeInterrupt(interrupt, registers, channels);
}

function* evtInterruptDpc(interrupt: Interrupt, device: Device): Suspending<void> {
  const { transfers } = plxContext(device);
  yield* interrupt.acquireLock();
  const writeDone = transfers[WRITE]!.channel.takeDone();
  const readDone = transfers[READ]!.channel.takeDone();
  yield* interrupt.releaseLock();
  if (writeDone) yield* transfers[WRITE]!.transferDone(transfers[WRITE]!.channel.movedBytes(), STATUS_SUCCESS);
  if (readDone) yield* transfers[READ]!.transferDone(transfers[READ]!.channel.movedBytes(), STATUS_SUCCESS);
}

/** The driver with an enabler of any bus-master profile, version 3: WdfDmaTransactionCancel needs it. */
export function plxCancelDriver(name: string, profile: DmaProfile): DriverConfig {
  return { name, evtDriverDeviceAdd: (deviceInit) => addDevice(deviceInit, profile) };
}

export const plx9x5xCancelDriver: DriverConfig = plxCancelDriver('plx9x5x-cancel', 'ScatterGather64Duplex');
