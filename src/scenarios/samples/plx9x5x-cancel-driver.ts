import {
  DmaDirection,
  Interrupt,
  NT_SUCCESS,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaProfile,
  type DriverConfig,
  type IoQueue,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { CancelableTransfer, transferLink } from './cancelable-transfer.js';
import { createDmaObjects, createQueues, PlxChannel, READ, WRITE } from './plx9x5x-channel.js';
import { PlxChip, type PlxTransfers } from './plx9x5x-chip.js';

/*
 * The PLX9x5x driver with what the published sample leaves out: requests can be cancelled at any time. Waiting
 * transactions are withdrawn, live transfers are aborted through DMACSR and end when the chip confirms with Done; the
 * residual in the elements says how far they came. A watchdog aborts what takes too long, and resets a chip that does
 * not confirm. No synchronization scope: the transfers have locks of their own.
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

  protected startHardware(list: ScatterGatherList): Suspending<void> {
    const { channel, transaction } = this;
    channel.writeElements(list, transaction.request!.deviceOffset + transaction.bytesTransferred);
    return plxContext(this.device).chip.start(channel);
  }

  protected *abortHardware(): Suspending<void> {
    yield* plxContext(this.device).chip.abort(this.channel, this.channel.starts);
  }

  protected isDeviceGone(): boolean {
    return plxContext(this.device).isGone;
  }

  /** The watchdog's time is up for the transfer that was the channel's `start`th. */
  giveUp(start: number): Suspending<void> {
    return this.timeOut(() => this.channel.starts === start);
  }

  protected becameIdle(): void {
    // The queue is sequential: the next request comes when this one has completed.
  }
}

class PlxCancelContext {
  chip!: PlxChip;
  transfers: readonly ChannelTransfer[] = [];
  isGone = false;
}
const plxContext = declareContext('PLX_CANCEL_CONTEXT', PlxCancelContext);

/** What the chip's watchdog does with a device's transfers. */
function plxTransfers(transfers: readonly ChannelTransfer[]): PlxTransfers {
  return {
    giveUp: ({ index }, start) => transfers[index]!.giveUp(start),
    wasReset: ({ index }) => transfers[index]!.wasReset(),
    wasRemoved: ({ index }) => transfers[index]!.deviceRemoved(),
  };
}

function* addDevice(deviceInit: DeviceInit, profile: DmaProfile): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({
    evtDevicePrepareHardware: (device, resources) => plxContext(device).chip.mapRegisters(device, resources),
    evtDeviceD0Entry: (device) => plxContext(device).chip.enterD0(),
    evtDeviceD0ExitPreInterruptsDisabled: (device) => plxContext(device).chip.leaveD0(),
    evtDeviceSurpriseRemoval,
    evtDeviceSelfManagedIoSuspend,
  });
  deviceInit.setRequestContext(transferLink);
  const created = deviceInit.create(plxContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = 15;
  const context = plxContext(device);
  context.transfers = [new ChannelTransfer(device, WRITE), new ChannelTransfer(device, READ)];
  const channels = context.transfers.map((transfer) => transfer.channel);
  const chip = (context.chip = new PlxChip(channels, plxTransfers(context.transfers)));
  let status = createQueues(device, evtIoWrite, evtIoRead);
  if (NT_SUCCESS(status)) status = chip.createWatchdog(device, deviceInit.queryParameter('timeoutMs'));
  if (!NT_SUCCESS(status)) return status;
  const interrupt = Interrupt.create(device, {
    evtInterruptIsr: () => chip.acknowledgeInterrupt(),
    evtInterruptDpc,
    evtInterruptEnable: () => chip.setMasterEnable(true),
    evtInterruptDisable: () => chip.setMasterEnable(false),
  });
  if (!interrupt.ok) return interrupt.status;
  chip.interrupt = interrupt.object;
  status = yield* createDmaObjects(device, channels, profile);
  for (const transfer of context.transfers) transfer.transaction = transfer.channel.transaction;
  return status;
}

/** Only notes it: requests must not be completed here (rule C18). */
function evtDeviceSurpriseRemoval(device: Device): void {
  plxContext(device).isGone = true;
}

/** The power-down sequence runs without hardware: what the chip worked on will never be confirmed, so it ends here. */
function* evtDeviceSelfManagedIoSuspend(device: Device): Suspending<NtStatus> {
  const { isGone, chip } = plxContext(device);
  if (isGone) yield* chip.removed();
  return STATUS_SUCCESS;
}

function evtIoWrite(queue: IoQueue, request: Request): Suspending<void> {
  return plxContext(queue.device).transfers[WRITE]!.start(request, DmaDirection.WriteToDevice);
}

function evtIoRead(queue: IoQueue, request: Request): Suspending<void> {
  return plxContext(queue.device).transfers[READ]!.start(request, DmaDirection.ReadFromDevice);
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
