import {
  CommonBuffer, DmaDirection, DmaEnabler, DmaTransaction, Interrupt, IoQueue, NT_SUCCESS, RegisterBlock, RequestType, STATUS_INVALID_BUFFER_SIZE, STATUS_MORE_PROCESSING_REQUIRED, STATUS_SUCCESS,
  declareContext, type Device, type DeviceInit, type DriverConfig, type HardwareResources, type NtStatus, type Request, type ScatterGatherList, type Suspending,
} from '../../index.js';
import * as plx from './plx9x5x-registers.js';

/*
 * A driver for the PLX PCI 9656 in the manner of the published PLX9x5x sample: scatter/gather 64-bit duplex, one
 * chain of transfer elements a direction, one transaction a direction reused for every request. Its small defects
 * are repaired: the write request belongs to its transaction (so completing it early is caught), each channel clears
 * its own saved status, and the upper half of the descriptor addresses is programmed (the sample assumes 0).
 */

const MAXIMUM_TRANSFER_BYTES = 8 * 1024;
/** Pages of the longest transfer and one more for a ragged start. */
const ELEMENTS_MAX = MAXIMUM_TRANSFER_BYTES / 4096 + 1;
const MAXIMUM_REQUEST_BYTES = 128 * 1024;

/** Channel 0 writes to the device, channel 1 reads from it. */
const WRITE = 0;
const READ = 1;

/** One direction: its transaction, its chain of elements, and what the ISR saved for the DPC. */
class Channel {
  transaction!: DmaTransaction;
  elements!: CommonBuffer;
  savedActive = false;
  savedCsr = 0;

  constructor(readonly index: 0 | 1) {}

  get isRead(): boolean {
    return this.index === READ;
  }
}

class PlxContext {
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  enabler!: DmaEnabler;
  readonly channels = [new Channel(WRITE), new Channel(READ)] as const;
}
const plxContext = declareContext('PLX_CONTEXT', PlxContext);

function* evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
  deviceInit.setPnpPowerEventCallbacks({ evtDevicePrepareHardware, evtDeviceD0Entry });
  deviceInit.setSynchronizationScope('device');
  const created = deviceInit.create(plxContext);
  if (!created.ok) return created.status;
  const device = created.object;
  device.alignmentRequirement = 15;

  const queues = createQueues(device);
  if (!NT_SUCCESS(queues)) return queues;
  const interrupt = Interrupt.create(device, { evtInterruptIsr, evtInterruptDpc, evtInterruptEnable, evtInterruptDisable, automaticSerialization: true });
  if (!interrupt.ok) return interrupt.status;
  plxContext(device).interrupt = interrupt.object;
  return yield* createDmaObjects(device);
}

function createQueues(device: Device): NtStatus {
  for (const [type, evtIo] of [[RequestType.Write, { evtIoWrite }], [RequestType.Read, { evtIoRead }]] as const) {
    const queue = IoQueue.create(device, { dispatchType: 'sequential', ...evtIo });
    if (!queue.ok) return queue.status;
    const status = device.configureRequestDispatching(queue.object, type);
    if (!NT_SUCCESS(status)) return status;
  }
  return STATUS_SUCCESS;
}

function* createDmaObjects(device: Device): Suspending<NtStatus> {
  const context = plxContext(device);
  const enabler = yield* DmaEnabler.create(device, { profile: 'ScatterGather64Duplex', maximumLengthBytes: MAXIMUM_TRANSFER_BYTES, wdmDmaVersionOverride: 3 });
  if (!enabler.ok) return enabler.status;
  context.enabler = enabler.object;
  enabler.object.setMaximumScatterGatherElements(ELEMENTS_MAX);
  for (const channel of context.channels) {
    const elements = yield* CommonBuffer.create(enabler.object, ELEMENTS_MAX * plx.DTE_BYTES);
    if (!elements.ok) return elements.status;
    channel.elements = elements.object;
    const transaction = yield* DmaTransaction.create(enabler.object);
    if (!transaction.ok) return transaction.status;
    channel.transaction = transaction.object;
  }
  return STATUS_SUCCESS;
}

function evtDevicePrepareHardware(device: Device, resources: HardwareResources): NtStatus {
  plxContext(device).registers = new RegisterBlock(device.kernel, resources.registers);
  return STATUS_SUCCESS;
}

function* evtDeviceD0Entry(device: Device): Suspending<NtStatus> {
  const { registers, channels } = plxContext(device);
  for (const channel of channels) {
    yield* registers.write32(plx.DMA_DAC[channel.index], Math.floor(channel.elements.logicalAddress / 0x1_0000_0000));
    channel.savedActive = false;
    channel.savedCsr = 0;
  }
  return STATUS_SUCCESS;
}

function* evtInterruptEnable(_interrupt: Interrupt, device: Device): Suspending<NtStatus> {
  const { registers } = plxContext(device);
  const intcsr = yield* registers.read32(plx.INTCSR);
  yield* registers.write32(plx.INTCSR, intcsr | plx.INTCSR_PCI_ENABLE);
  return STATUS_SUCCESS;
}

function* evtInterruptDisable(_interrupt: Interrupt, device: Device): Suspending<NtStatus> {
  const { registers } = plxContext(device);
  const intcsr = yield* registers.read32(plx.INTCSR);
  yield* registers.write32(plx.INTCSR, intcsr & ~plx.INTCSR_PCI_ENABLE);
  return STATUS_SUCCESS;
}

function* evtIoWrite(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  yield* start(request, lengthBytes, plxContext(queue.device).channels[WRITE], DmaDirection.WriteToDevice);
}

function* evtIoRead(queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
  yield* start(request, lengthBytes, plxContext(queue.device).channels[READ], DmaDirection.ReadFromDevice);
}

function* start(request: Request, lengthBytes: number, channel: Channel, direction: DmaDirection): Suspending<void> {
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

/** One element per scatter/gather element, then the channel is started under the interrupt lock. */
function* evtProgramDma(transaction: DmaTransaction, device: Device, context: unknown, _direction: DmaDirection, list: ScatterGatherList): Suspending<boolean> {
  const channel = context as Channel;
  const { registers, interrupt } = plxContext(device);
  const { index } = channel;
  const pointerBits = plx.DPR_HOST_MEMORY | plx.DPR_TERMINAL_COUNT | (channel.isRead ? plx.DPR_FROM_DEVICE : 0);
  writeElements(channel, list, transaction.request!.deviceOffset + transaction.bytesTransferred, pointerBits);

  yield* interrupt.acquireLock();
  const mode = plx.MODE_CHAIN | plx.MODE_DONE_INTERRUPT | plx.MODE_ROUTE_TO_PCI | (channel.isRead ? plx.MODE_CLEAR_COUNT : 0);
  yield* registers.write32(plx.DMA_MODE[index], mode);
  const intcsr = yield* registers.read32(plx.INTCSR);
  yield* registers.write32(plx.INTCSR, intcsr | plx.INTCSR_DMA_ENABLE[index]);
  yield* registers.write32(plx.DMA_DESCRIPTOR_POINTER[index], (channel.elements.logicalAddress % 0x1_0000_0000) + pointerBits);
  yield* registers.write8(plx.DMA_CSR[index], plx.CSR_ENABLE | plx.CSR_START);
  yield* interrupt.releaseLock();
  return true;
}

function writeElements(channel: Channel, list: ScatterGatherList, firstLocalAddress: number, pointerBits: number): void {
  const { elements } = channel;
  let localAddress = firstLocalAddress;
  for (let i = 0; i < list.count; i++) {
    const at = i * plx.DTE_BYTES;
    const address = list.address(i);
    const next = (elements.logicalAddress + at + plx.DTE_BYTES) % 0x1_0000_0000;
    elements.write32(at + plx.DTE_PCI_ADDRESS_LOW, address % 0x1_0000_0000);
    elements.write32(at + plx.DTE_PCI_ADDRESS_HIGH, Math.floor(address / 0x1_0000_0000));
    elements.write32(at + plx.DTE_LOCAL_ADDRESS, localAddress);
    elements.write32(at + plx.DTE_TRANSFER_SIZE, list.lengthBytes(i));
    elements.write32(at + plx.DTE_DESCRIPTOR_POINTER, next + pointerBits + (i === list.count - 1 ? plx.DPR_END_OF_CHAIN : 0));
    localAddress += list.lengthBytes(i);
  }
}

/** Saves and acknowledges what is ours; each channel's cause and status go to its own copy. */
function* evtInterruptIsr(interrupt: Interrupt): Suspending<boolean> {
  const { registers, channels } = plxContext(interrupt.device);
  const intcsr = yield* registers.read32(plx.INTCSR);
  let ours = false;
  let done = false;
  for (const channel of channels) {
    if ((intcsr & plx.INTCSR_DMA_ACTIVE[channel.index]) === 0) continue;
    ours = true;
    const csr = yield* registers.read8(plx.DMA_CSR[channel.index]);
    yield* registers.write8(plx.DMA_CSR[channel.index], (csr & plx.CSR_ENABLE) | plx.CSR_CLEAR_INTERRUPT);
    channel.savedActive = true;
    channel.savedCsr |= csr;
    if ((csr & plx.CSR_DONE) !== 0) done = true;
  }
  if (done) interrupt.queueDpcForIsr();
  return ours;
}

/** Takes what the ISR saved under the interrupt lock, then finishes the transfers. */
function* evtInterruptDpc(interrupt: Interrupt, device: Device): Suspending<void> {
  const { channels } = plxContext(device);
  yield* interrupt.acquireLock();
  const writeDone = takeDone(channels[WRITE]);
  const readDone = takeDone(channels[READ]);
  yield* interrupt.releaseLock();
  if (writeDone) yield* finishTransfer(channels[WRITE]);
  if (readDone) yield* finishTransfer(channels[READ]);
}

function takeDone(channel: Channel): boolean {
  const done = channel.savedActive && (channel.savedCsr & plx.CSR_DONE) !== 0;
  if (!done) return false;
  channel.savedActive = false;
  channel.savedCsr = 0;
  return true;
}

function* finishTransfer(channel: Channel): Suspending<void> {
  const { transaction } = channel;
  const status = channel.isRead ? yield* transaction.dmaCompletedWithLength(movedBytes(channel)) : yield* transaction.dmaCompleted();
  // The next transfer is staged already, perhaps finished: nothing of this one may be touched.
  if (status === STATUS_MORE_PROCESSING_REQUIRED) return;
  const request = transaction.request!;
  const bytes = NT_SUCCESS(status) ? transaction.bytesTransferred : 0;
  // Released first: completing may present the next request, which uses this very object.
  yield* transaction.release();
  yield* request.completeWithInformation(status, bytes);
}

/** In clear-count mode the device writes what it did not move back into the elements. */
function movedBytes(channel: Channel): number {
  let residual = 0;
  for (let i = 0; ; i++) {
    const at = i * plx.DTE_BYTES;
    residual += channel.elements.read32(at + plx.DTE_TRANSFER_SIZE);
    if ((channel.elements.read32(at + plx.DTE_DESCRIPTOR_POINTER) & plx.DPR_END_OF_CHAIN) !== 0 || i === ELEMENTS_MAX - 1) break;
  }
  return channel.transaction.currentDmaTransferLengthBytes - residual;
}

export const plx9x5xDriver: DriverConfig = { name: 'plx9x5x', evtDriverDeviceAdd };
