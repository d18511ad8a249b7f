import {
  CommonBuffer,
  DmaEnabler,
  DmaTransaction,
  IoQueue,
  NT_SUCCESS,
  RequestType,
  STATUS_SUCCESS,
  trackFields,
  type Device,
  type DmaProfile,
  type EvtIo,
  type IoQueueConfig,
  type Interrupt,
  type NtStatus,
  type RegisterBlock,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import * as plx from './plx9x5x-registers.js';
import { ProgressWatch } from './watchdog.js';

export const MAXIMUM_TRANSFER_BYTES = 8 * 1024;
/** Pages of the longest transfer and one more for a ragged start: the elements of a channel's chain. */
export const ELEMENTS_MAX = MAXIMUM_TRANSFER_BYTES / 4096 + 1;

/** Channel 0 writes to the device, channel 1 reads from it. */
export const WRITE = 0;
export const READ = 1;

/**
 * One direction of the chip: its transaction, its chain of elements, and the transfer it has been given. `isRunning`,
 * `isDone` and `starts` change under the interrupt lock only.
 */
export class PlxChannel {
  transaction!: DmaTransaction;
  elements!: CommonBuffer;
  readonly watch = new ProgressWatch();
  /** It has been given a transfer whose end nobody has taken. */
  isRunning = false;
  /** The ISR has seen the end of that transfer. */
  isDone = false;
  /** Transfers it has been given: tells them apart. */
  starts = 0;
  /** Of every pointer to one of its elements. */
  readonly #pointerBits: number;

  constructor(
    readonly index: 0 | 1,
    /** The device writes back what it did not move; without it only whole transfers can be told. */
    readonly clearsCount: boolean,
  ) {
    this.#pointerBits = plx.DPR_HOST_MEMORY | plx.DPR_TERMINAL_COUNT | (this.isRead ? plx.DPR_FROM_DEVICE : 0);
  }

  get isRead(): boolean {
    return this.index === READ;
  }

  /** D0 entry: nothing is running. */
  *enterD0(registers: RegisterBlock): Suspending<void> {
    this.takeLost();
    yield* this.restore(registers);
  }

  /** D0 entry, and after a reset: the upper half of the chain's address. */
  *restore(registers: RegisterBlock): Suspending<void> {
    yield* registers.write32(plx.DMA_DAC[this.index], Math.floor(this.elements.logicalAddress / 0x1_0000_0000));
  }

  /** One element per scatter/gather element, the last one marked. */
  writeElements(list: ScatterGatherList, firstLocalAddress: number): void {
    const { elements } = this;
    let localAddress = firstLocalAddress;
    for (let i = 0; i < list.count; i++) {
      const at = i * plx.DTE_BYTES;
      const address = list.address(i);
      const next = (elements.logicalAddress + at + plx.DTE_BYTES) % 0x1_0000_0000;
      elements.write32(at + plx.DTE_PCI_ADDRESS_LOW, address % 0x1_0000_0000);
      elements.write32(at + plx.DTE_PCI_ADDRESS_HIGH, Math.floor(address / 0x1_0000_0000));
      elements.write32(at + plx.DTE_LOCAL_ADDRESS, localAddress);
      elements.write32(at + plx.DTE_TRANSFER_SIZE, list.lengthBytes(i));
      elements.write32(at + plx.DTE_DESCRIPTOR_POINTER, next + this.#pointerBits + (i === list.count - 1 ? plx.DPR_END_OF_CHAIN : 0));
      localAddress += list.lengthBytes(i);
    }
  }

  /** Programs and starts the chip's channel; the caller holds the interrupt lock, because INTCSR belongs to both channels. */
  *start(registers: RegisterBlock): Suspending<void> {
    const { index } = this;
    this.given();
    const mode = plx.MODE_CHAIN | plx.MODE_DONE_INTERRUPT | plx.MODE_ROUTE_TO_PCI | (this.clearsCount ? plx.MODE_CLEAR_COUNT : 0);
    yield* registers.write32(plx.DMA_MODE[index], mode);
    const intcsr = yield* registers.read32(plx.INTCSR);
    yield* registers.write32(plx.INTCSR, intcsr | plx.INTCSR_DMA_ENABLE[index]);
    yield* registers.write32(plx.DMA_DESCRIPTOR_POINTER[index], (this.elements.logicalAddress % 0x1_0000_0000) + this.#pointerBits);
    yield* registers.write8(plx.DMA_CSR[index], plx.CSR_ENABLE | plx.CSR_START);
  }

  /** A transfer is the channel's from here on; `start` says so itself. */
  given(): void {
    this.isRunning = true;
    this.isDone = false;
    this.starts++;
  }

  /**
   * ISR: acknowledges what is this channel's. True: it had interrupted. The interrupt is cleared before Done is looked
   * at: a transfer that ends after the look interrupts again, so an interrupt that came without a cause, or twice, is
   * harmless. Looking first and clearing then can clear the real interrupt with the spurious one.
   */
  *acknowledge(registers: RegisterBlock, intcsr: number): Suspending<boolean> {
    if ((intcsr & plx.INTCSR_DMA_ACTIVE[this.index]) === 0) return false;
    yield* registers.write8(plx.DMA_CSR[this.index], plx.CSR_ENABLE | plx.CSR_CLEAR_INTERRUPT);
    const csr = yield* registers.read8(plx.DMA_CSR[this.index]);
    // Done stays until the next start: without a transfer it is an old one's, which has been taken.
    if (this.isRunning && csr !== plx.ALL_ONES_8 && (csr & plx.CSR_DONE) !== 0) this.isDone = true;
    return true;
  }

  /** DPC: takes the finished transfer off the channel, if there is one. */
  takeDone(): boolean {
    return this.isDone && this.takeLost();
  }

  /** Takes the transfer off the channel, finished or not. */
  takeLost(): boolean {
    const wasRunning = this.isRunning;
    this.isRunning = false;
    this.isDone = false;
    return wasRunning;
  }

  /** In clear-count mode the device writes what it did not move back into the elements. */
  movedBytes(): number {
    let residual = 0;
    for (let i = 0; ; i++) {
      const at = i * plx.DTE_BYTES;
      residual += this.elements.read32(at + plx.DTE_TRANSFER_SIZE);
      if ((this.elements.read32(at + plx.DTE_DESCRIPTOR_POINTER) & plx.DPR_END_OF_CHAIN) !== 0 || i === ELEMENTS_MAX - 1) break;
    }
    return this.transaction.currentDmaTransferLengthBytes - residual;
  }
}

/** A sequential queue for each direction: the chip does one transfer a channel at a time. */
export function createQueues(device: Device, evtIoWrite: EvtIo, evtIoRead: EvtIo): NtStatus {
  const status = createQueue(device, RequestType.Write, { dispatchType: 'sequential', evtIoWrite });
  return NT_SUCCESS(status) ? createQueue(device, RequestType.Read, { dispatchType: 'sequential', evtIoRead }) : status;
}

function createQueue(device: Device, type: RequestType, config: IoQueueConfig): NtStatus {
  const queue = IoQueue.create(device, config);
  return queue.ok ? device.configureRequestDispatching(queue.object, type) : queue.status;
}

/**
 * The enabler, and for each channel its chain of elements and its transaction. The chip can do what any bus-master
 * profile asks for: a packet transfer is a chain of one element.
 */
export function* createDmaObjects(
  device: Device,
  channels: readonly PlxChannel[],
  profile: DmaProfile = 'ScatterGather64Duplex',
): Suspending<NtStatus> {
  const enabler = yield* DmaEnabler.create(device, {
    profile,
    maximumLengthBytes: MAXIMUM_TRANSFER_BYTES,
    wdmDmaVersionOverride: 3,
  });
  if (!enabler.ok) return enabler.status;
  enabler.object.setMaximumScatterGatherElements(ELEMENTS_MAX);
  for (const channel of channels) {
    const elements = yield* CommonBuffer.create(enabler.object, ELEMENTS_MAX * plx.DTE_BYTES);
    if (!elements.ok) return elements.status;
    channel.elements = elements.object;
    const transaction = yield* DmaTransaction.create(enabler.object);
    if (!transaction.ok) return transaction.status;
    channel.transaction = transaction.object;
    trackFields(device.kernel, channel, `${device.deviceName} ${channel.isRead ? 'read' : 'write'} channel`);
  }
  return STATUS_SUCCESS;
}

/** EvtInterruptIsr of the chip: asks both channels. The DPC must run when a transfer has ended. */
export function* acknowledgeInterrupt(
  interrupt: Interrupt,
  registers: RegisterBlock,
  channels: readonly PlxChannel[],
): Suspending<boolean> {
  const intcsr = yield* registers.read32(plx.INTCSR);
  // Nobody answers on the bus any more (rule D45).
  if (intcsr === plx.ALL_ONES) return false;
  let ours = false;
  let done = false;
  for (const channel of channels) {
    if (!(yield* channel.acknowledge(registers, intcsr))) continue;
    ours = true;
    if (channel.isDone) done = true;
  }
  if (done) interrupt.queueDpcForIsr();
  return ours;
}

/** EvtInterruptEnable and EvtInterruptDisable: the chip's master enable. */
export function* setMasterEnable(registers: RegisterBlock, enabled: boolean): Suspending<void> {
  const intcsr = yield* registers.read32(plx.INTCSR);
  yield* registers.write32(plx.INTCSR, enabled ? intcsr | plx.INTCSR_PCI_ENABLE : intcsr & ~plx.INTCSR_PCI_ENABLE);
}
