import {
  DmaDirection,
  Interrupt,
  NT_SUCCESS,
  RegisterBlock,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  WdfSpinLock,
  declareContext,
  type Device,
  type DeviceInit,
  type DmaTransaction,
  type HardwareResources,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import {
  acknowledgeInterrupt,
  createDmaObjects,
  createQueues,
  PlxChannel,
  READ,
  setMasterEnable,
  WRITE,
} from '../../samples/plx9x5x-channel.js';

export { driverOf } from './driver-of.js';
export { PlxChannel, READ, WRITE };

/** Leads from a request to the channel that works on it. */
export class ChannelLink {
  channel: PlxChannel | null = null;
}
export const channelLink = declareContext('CHANNEL_LINK', ChannelLink);

/**
 * A small driver for the PLX 9656, right as it stands: one request at a time on each of the two channels, no
 * cancellation, no synchronization scope. The gallery's drivers replace what they are about.
 */
export class PlxDriver {
  device!: Device;
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  lock!: WdfSpinLock;
  readonly write = new PlxChannel(WRITE, true);
  readonly read = new PlxChannel(READ, true);

  get channels(): readonly PlxChannel[] {
    return [this.write, this.read];
  }

  *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks(this.powerCallbacks());
    deviceInit.setRequestContext(channelLink);
    const created = deviceInit.create();
    if (!created.ok) return created.status;
    this.device = created.object;
    this.device.alignmentRequirement = 15;
    this.lock = WdfSpinLock.create(this.device);
    const queues = this.createQueues();
    if (!NT_SUCCESS(queues)) return queues;
    const interrupt = Interrupt.create(this.device, {
      evtInterruptIsr: () => this.isr(),
      evtInterruptDpc: () => this.dpc(),
      evtInterruptEnable: () => this.setMasterEnable(true),
      evtInterruptDisable: () => this.setMasterEnable(false),
    });
    if (!interrupt.ok) return interrupt.status;
    this.interrupt = interrupt.object;
    return yield* createDmaObjects(this.device, this.channels);
  }

  protected powerCallbacks(): Parameters<DeviceInit['setPnpPowerEventCallbacks']>[0] {
    return {
      evtDevicePrepareHardware: (_device: Device, resources: HardwareResources) => this.prepareHardware(resources),
      evtDeviceD0Entry: () => this.enterD0(),
    };
  }

  protected createQueues(): NtStatus {
    return createQueues(
      this.device,
      (_queue, request) => this.evtIo(request, this.write, DmaDirection.WriteToDevice),
      (_queue, request) => this.evtIo(request, this.read, DmaDirection.ReadFromDevice),
    );
  }

  protected prepareHardware(resources: HardwareResources): NtStatus {
    this.registers = new RegisterBlock(this.device.kernel, resources.registers);
    return STATUS_SUCCESS;
  }

  protected *enterD0(): Suspending<NtStatus> {
    for (const channel of this.channels) yield* channel.enterD0(this.registers);
    return STATUS_SUCCESS;
  }

  protected *setMasterEnable(enabled: boolean): Suspending<NtStatus> {
    yield* setMasterEnable(this.registers, enabled);
    return STATUS_SUCCESS;
  }

  /** EvtIoRead, EvtIoWrite. */
  protected *evtIo(request: Request, channel: PlxChannel, direction: DmaDirection): Suspending<void> {
    const { transaction } = channel;
    let status = yield* this.initialize(request, channel, direction);
    if (NT_SUCCESS(status)) status = yield* transaction.execute(channel);
    if (NT_SUCCESS(status)) return;
    yield* transaction.release();
    yield* request.complete(status);
  }

  protected *initialize(request: Request, channel: PlxChannel, direction: DmaDirection): Suspending<NtStatus> {
    channelLink(request).channel = channel;
    return yield* channel.transaction.initializeUsingRequest(
      request,
      (_transaction, _device, _context, _direction, list) => this.evtProgramDma(channel, list),
      direction,
    );
  }

  protected *evtProgramDma(channel: PlxChannel, list: ScatterGatherList): Suspending<boolean> {
    yield* this.start(channel, list);
    return true;
  }

  /** Describes the transfer to the channel and starts it. */
  protected *start(channel: PlxChannel, list: ScatterGatherList): Suspending<void> {
    const { transaction } = channel;
    channel.writeElements(list, transaction.request!.deviceOffset + transaction.bytesTransferred);
    yield* this.interrupt.acquireLock();
    yield* channel.start(this.registers);
    yield* this.interrupt.releaseLock();
  }

  protected *isr(): Suspending<boolean> {
    return yield* acknowledgeInterrupt(this.interrupt, this.registers, this.channels);
  }

  protected *dpc(): Suspending<void> {
    yield* this.interrupt.acquireLock();
    const writeDone = this.write.takeDone();
    const readDone = this.read.takeDone();
    yield* this.interrupt.releaseLock();
    if (writeDone) yield* this.transferDone(this.write);
    if (readDone) yield* this.transferDone(this.read);
  }

  /** The channel has finished a transfer. */
  protected *transferDone(channel: PlxChannel): Suspending<void> {
    const { transaction } = channel;
    const status = yield* transaction.dmaCompletedWithLength(channel.movedBytes());
    if (status === STATUS_MORE_PROCESSING_REQUIRED) return;
    yield* this.requestDone(transaction, status);
  }

  /** The transaction has ended: released first, because completing may present the next request. */
  protected *requestDone(transaction: DmaTransaction, status: NtStatus): Suspending<void> {
    const request = transaction.request!;
    const bytes = transaction.bytesTransferred;
    yield* transaction.release();
    yield* request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }
}
