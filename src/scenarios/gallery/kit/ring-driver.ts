import {
  CommonBuffer,
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  Interrupt,
  IoQueue,
  NT_SUCCESS,
  RegisterBlock,
  RequestType,
  STATUS_IO_DEVICE_ERROR,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  WdfSpinLock,
  type Device,
  type DeviceInit,
  type HardwareResources,
  type IoQueueConfig,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';

/** Most descriptors of a transfer: a page, wherever it begins. */
const ELEMENTS_MAX = 2;
const MAXIMUM_TRANSFER_BYTES = 4096;
const CAUSES = ring.INT_COMPLETION | ring.INT_ABORT_ACK | ring.INT_ERROR;

/** A transaction and the transfer of it that is at the device. */
export class RingTransfer {
  transaction!: DmaTransaction;
  request: Request | null = null;
  direction: DmaDirection = DmaDirection.ReadFromDevice;
  /** Names the transfer to the device and back; 0 while none is there. */
  tag = 0;
  uses = 0;
  /** Next of the transfers that are free. */
  next: RingTransfer | null = null;
  /** What the completion said. */
  movedBytes = 0;
  completionStatus = 0;
  /** Of a request that can be cancelled: who may still touch it, the I/O path and the cancel callback. The last one completes it. */
  parties = 0;
  isCancelled = false;
  status: NtStatus = STATUS_SUCCESS;
  bytes = 0;

  constructor(readonly index: number) {}
}

/**
 * A small driver for one channel of sgring, right as it stands: up to `transfersMax` requests at a time, each with a
 * transaction of its own, no cancellation. One spin lock guards both rings and the transfers. The gallery's drivers
 * replace what they are about.
 */
export class RingDriver {
  /** Entries of both rings; a power of two that holds all descriptors in flight. */
  protected readonly entries: number = 64;
  protected readonly transfersMax: number = 4;
  /** The DPC runs under the lock of the device's synchronization scope. */
  protected readonly isSerialized: boolean = false;
  device!: Device;
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  queue!: IoQueue;
  lock!: WdfSpinLock;
  submission!: CommonBuffer;
  completion!: CommonBuffer;
  readonly transfers: RingTransfer[] = [];
  free: RingTransfer | null = null;
  /** Free-running indexes: after the last descriptor written, and of the first completion not taken. */
  submitted = 0;
  reaped = 0;
  /** Causes the ISR took and the DPC has not looked at; under the interrupt lock. */
  savedCauses = 0;
  /** A request waits in the manual queue for a transfer. */
  protected isShort = false;

  *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({
      evtDevicePrepareHardware: (_device: Device, resources: HardwareResources) => this.prepareHardware(resources),
      evtDeviceD0Entry: () => this.enterD0(),
      evtDeviceD0Exit: () => this.exitD0(),
    });
    this.configure(deviceInit);
    const created = deviceInit.create();
    if (!created.ok) return created.status;
    this.device = created.object;
    this.device.alignmentRequirement = 63;
    this.lock = WdfSpinLock.create(this.device);
    const queue = IoQueue.create(this.device, this.queueConfig());
    if (!queue.ok) return queue.status;
    this.queue = queue.object;
    for (const type of [RequestType.Read, RequestType.Write]) this.device.configureRequestDispatching(this.queue, type);
    const interrupt = Interrupt.create(this.device, {
      evtInterruptIsr: () => this.isr(),
      evtInterruptDpc: () => this.dpc(),
      evtInterruptEnable: () => this.setInterruptMask(CAUSES),
      evtInterruptDisable: () => this.setInterruptMask(0),
      automaticSerialization: this.isSerialized,
    });
    if (!interrupt.ok) return interrupt.status;
    this.interrupt = interrupt.object;
    return yield* this.#createDmaObjects();
  }

  protected configure(_deviceInit: DeviceInit): void {}

  protected queueConfig(): IoQueueConfig {
    return {
      dispatchType: 'parallel',
      numberOfPresentedRequests: this.transfersMax,
      evtIoRead: (_queue, request) => this.evtIo(request),
      evtIoWrite: (_queue, request) => this.evtIo(request),
    };
  }

  *#createDmaObjects(): Suspending<NtStatus> {
    const created = yield* DmaEnabler.create(this.device, {
      profile: 'ScatterGather64Duplex',
      maximumLengthBytes: MAXIMUM_TRANSFER_BYTES,
      wdmDmaVersionOverride: 3,
    });
    if (!created.ok) return created.status;
    const enabler = created.object;
    enabler.setMaximumScatterGatherElements(ELEMENTS_MAX);
    const submission = yield* CommonBuffer.create(enabler, this.entries * ring.DESCRIPTOR_BYTES);
    if (!submission.ok) return submission.status;
    this.submission = submission.object;
    const completion = yield* CommonBuffer.create(enabler, this.entries * ring.COMPLETION_BYTES);
    if (!completion.ok) return completion.status;
    this.completion = completion.object;
    for (let index = 0; index < this.transfersMax; index++) {
      const transaction = yield* DmaTransaction.create(enabler);
      if (!transaction.ok) return transaction.status;
      const transfer = this.newTransfer(index);
      transfer.transaction = transaction.object;
      this.transfers.push(transfer);
      this.freeTransfer(transfer);
    }
    return STATUS_SUCCESS;
  }

  protected newTransfer(index: number): RingTransfer {
    return new RingTransfer(index);
  }

  protected prepareHardware(resources: HardwareResources): NtStatus {
    this.registers = new RegisterBlock(this.device.kernel, resources.registers);
    return STATUS_SUCCESS;
  }

  protected *enterD0(): Suspending<NtStatus> {
    this.submitted = 0;
    this.reaped = 0;
    this.completion.fill(0);
    const submission = this.submission.logicalAddress;
    const completion = this.completion.logicalAddress;
    yield* this.write(ring.RING_SIZE, this.entries);
    yield* this.write(ring.SQ_BASE_LOW, submission % 0x1_0000_0000);
    yield* this.write(ring.SQ_BASE_HIGH, Math.floor(submission / 0x1_0000_0000));
    yield* this.write(ring.CQ_BASE_LOW, completion % 0x1_0000_0000);
    yield* this.write(ring.CQ_BASE_HIGH, Math.floor(completion / 0x1_0000_0000));
    yield* this.write(ring.SQ_TAIL, 0);
    yield* this.write(ring.CQ_HEAD, 0);
    yield* this.write(ring.CTRL, ring.CTRL_ENABLE);
    return STATUS_SUCCESS;
  }

  protected *exitD0(): Suspending<NtStatus> {
    yield* this.write(ring.CTRL, 0);
    return STATUS_SUCCESS;
  }

  protected *setInterruptMask(causes: number): Suspending<NtStatus> {
    yield* this.write(ring.INT_MASK, causes);
    return STATUS_SUCCESS;
  }

  protected read(register: number): Suspending<number> {
    return this.registers.read32(ring.channelRegister(0, register));
  }

  protected write(register: number, value: number): Suspending<void> {
    return this.registers.write32(ring.channelRegister(0, register), value);
  }

  // ---- Free transfers: no scheduling point inside, so no other processor can come between

  /** Null when all are in use. */
  protected takeTransfer(): RingTransfer | null {
    const transfer = this.free;
    if (transfer !== null) this.free = transfer.next;
    return transfer;
  }

  protected freeTransfer(transfer: RingTransfer): void {
    transfer.request = null;
    transfer.next = this.free;
    this.free = transfer;
  }

  // ---- Submission

  /** EvtIoRead, EvtIoWrite: the queue presents no more requests than there are transfers. */
  protected evtIo(request: Request): Suspending<void> {
    return this.start(this.takeTransfer()!, request);
  }

  protected *start(transfer: RingTransfer, request: Request): Suspending<void> {
    let status = yield* this.initialize(transfer, request);
    if (NT_SUCCESS(status)) status = yield* transfer.transaction.execute(transfer);
    if (!NT_SUCCESS(status)) yield* this.requestDone(transfer, status);
  }

  /** EvtIoQueueReady of a manual queue: starts what waits, as far as there are transfers. */
  protected *startWaiting(): Suspending<void> {
    while (yield* this.startNext());
  }

  /** False when nothing waits, or no transfer is free; then `transferFreed` goes on. */
  protected *startNext(): Suspending<boolean> {
    const transfer = this.takeTransfer();
    this.isShort = transfer === null;
    if (transfer === null) return false;
    const waiting = yield* this.queue.retrieveNextRequest();
    if (waiting.ok) yield* this.start(transfer, waiting.object);
    else this.freeTransfer(transfer);
    return waiting.ok;
  }

  /** With a manual queue: a transfer has become free, and a request may have been waiting for it. */
  protected *transferFreed(): Suspending<void> {
    if (this.isShort) yield* this.startWaiting();
  }

  protected initialize(transfer: RingTransfer, request: Request): Suspending<NtStatus> {
    const direction = request.type === RequestType.Read ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
    transfer.request = request;
    transfer.direction = direction;
    return transfer.transaction.initializeUsingRequest(
      request,
      (_transaction, _device, _context, _direction, list) => this.evtProgramDma(transfer, list),
      direction,
    );
  }

  protected *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    yield* this.lock.acquire();
    yield* this.submit(transfer, list);
    yield* this.lock.release();
    return true;
  }

  /** Descriptors, then the doorbell; the lock is held. */
  protected submit(transfer: RingTransfer, list: ScatterGatherList): Suspending<void> {
    this.writeDescriptors(transfer, list);
    return this.write(ring.SQ_TAIL, this.submitted);
  }

  /** No two transfers share a tag for a long time. */
  protected newTag(transfer: RingTransfer): number {
    transfer.uses = (transfer.uses + 1) & 0x7fff;
    return (transfer.uses << 16) | (transfer.index + 1);
  }

  protected writeDescriptors(transfer: RingTransfer, list: ScatterGatherList): void {
    transfer.tag = this.newTag(transfer);
    let deviceOffset = transfer.request!.deviceOffset + transfer.transaction.bytesTransferred;
    for (let i = 0; i < list.count; i++) {
      this.writeDescriptor(this.submitted, transfer, list.address(i), list.lengthBytes(i), deviceOffset, i === list.count - 1);
      deviceOffset += list.lengthBytes(i);
      this.submitted = (this.submitted + 1) | 0;
    }
  }

  protected writeDescriptor(
    index: number,
    transfer: RingTransfer,
    address: number,
    lengthBytes: number,
    deviceOffset: number,
    isLast: boolean,
  ): void {
    const at = (index & (this.entries - 1)) * ring.DESCRIPTOR_BYTES;
    const high = Math.floor(address / 0x1_0000_0000);
    const fromDevice = transfer.direction === DmaDirection.ReadFromDevice ? ring.FLAG_FROM_DEVICE : 0;
    this.submission.write32(at + ring.DESCRIPTOR_ADDRESS_LOW, address - high * 0x1_0000_0000);
    this.submission.write32(at + ring.DESCRIPTOR_ADDRESS_HIGH, high);
    this.submission.write32(at + ring.DESCRIPTOR_LENGTH, lengthBytes);
    this.submission.write32(at + ring.DESCRIPTOR_FLAGS, fromDevice | (isLast ? ring.FLAG_END_OF_REQUEST : 0));
    this.submission.write32(at + ring.DESCRIPTOR_DEVICE_OFFSET, deviceOffset);
    this.submission.write32(at + ring.DESCRIPTOR_TAG, transfer.tag);
  }

  // ---- Completion

  protected *isr(): Suspending<boolean> {
    const causes = yield* this.read(ring.INT_CAUSE);
    if (causes === 0 || causes === ring.ALL_ONES) return false;
    yield* this.write(ring.INT_CAUSE, causes);
    this.savedCauses |= causes;
    this.interrupt.queueDpcForIsr();
    return true;
  }

  protected *takeCauses(): Suspending<number> {
    yield* this.interrupt.acquireLock();
    const causes = this.savedCauses;
    this.savedCauses = 0;
    yield* this.interrupt.releaseLock();
    return causes;
  }

  protected dpc(): Suspending<void> {
    return this.reap();
  }

  /** Takes completions until there are none; each transfer is ended outside the lock. */
  protected *reap(): Suspending<void> {
    for (;;) {
      yield* this.lock.acquire();
      const isNew = this.hasCompletion();
      const transfer = isNew ? this.takeCompletion() : null;
      if (isNew) yield* this.write(ring.CQ_HEAD, this.reaped);
      yield* this.lock.release();
      if (!isNew) return;
      if (transfer !== null) yield* this.transferDone(transfer);
    }
  }

  protected hasCompletion(): boolean {
    const at = (this.reaped & (this.entries - 1)) * ring.COMPLETION_BYTES;
    const expectedPhase = (this.reaped & this.entries) === 0 ? ring.PHASE : 0;
    return (this.completion.observe32(at + ring.COMPLETION_SEQUENCE) & ring.PHASE) === expectedPhase;
  }

  /** The transfer that the entry names; null when there is none such at the device. */
  protected takeCompletion(): RingTransfer | null {
    const at = (this.reaped & (this.entries - 1)) * ring.COMPLETION_BYTES;
    this.reaped = (this.reaped + 1) | 0;
    const tag = this.completion.read32(at + ring.COMPLETION_TAG);
    const transfer = this.transfers[(tag & 0xffff) - 1];
    if (transfer === undefined || transfer.tag !== tag) return null;
    transfer.tag = 0;
    transfer.movedBytes = this.completion.read32(at + ring.COMPLETION_BYTES_MOVED);
    transfer.completionStatus = this.completion.read32(at + ring.COMPLETION_STATUS);
    return transfer;
  }

  /** The device has done with a transfer. */
  protected *transferDone(transfer: RingTransfer): Suspending<void> {
    const { transaction, movedBytes } = transfer;
    const isOk = transfer.completionStatus === ring.STATUS_OK;
    const status = isOk ? yield* transaction.dmaCompletedWithLength(movedBytes) : yield* transaction.dmaCompletedFinal(movedBytes);
    if (status !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.requestDone(transfer, isOk ? status : STATUS_IO_DEVICE_ERROR);
  }

  /** The transaction has ended: released first, because completing may present the next request. */
  protected *requestDone(transfer: RingTransfer, status: NtStatus): Suspending<void> {
    const request = transfer.request!;
    const bytes = transfer.transaction.bytesTransferred;
    yield* transfer.transaction.release();
    this.freeTransfer(transfer);
    yield* request.completeWithInformation(status, NT_SUCCESS(status) ? bytes : 0);
  }
}
