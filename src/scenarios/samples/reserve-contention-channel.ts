import {
  DmaTransaction,
  STATUS_SUCCESS,
  type DmaEnabler,
  type Interrupt,
  type NtStatus,
  type RegisterBlock,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import * as plx from './plx9x5x-registers.js';

/** Block mode: one address, one length, straight from registers; docs/plx9656.md. */
const DMA_PCI_ADDRESS = [0x084, 0x098] as const;
const DMA_LOCAL_ADDRESS = [0x088, 0x09c] as const;
const DMA_SIZE = [0x08c, 0x0a0] as const;

/** A channel of the bridge in block mode with the packet transaction it serves; either channel can go either way. */
export class BlockChannel {
  transaction!: DmaTransaction;
  /** Where on the device the transaction in work begins. */
  deviceOffset = 0;
  isRead = false;
  #isDone = false;
  /** The chip works on a transfer that neither the DPC nor the removal has taken for ended. */
  #isBusy = false;

  constructor(readonly index: 0 | 1) {}

  /** A transfer is about to be given to the chip. */
  beginTransfer(): void {
    this.#isBusy = true;
  }

  /** The DPC and the removal may both see the end of one transfer: true for the one that is to end it. */
  takeTransfer(): boolean {
    const wasBusy = this.#isBusy;
    this.#isBusy = false;
    return wasBusy;
  }

  *create(enabler: DmaEnabler): Suspending<NtStatus> {
    const transaction = yield* DmaTransaction.create(enabler);
    if (transaction.ok) this.transaction = transaction.object;
    return transaction.status;
  }

  /** Programs and starts the one element of a packet transfer; every register belongs to this channel alone. */
  *start(registers: RegisterBlock, list: ScatterGatherList, deviceOffset: number): Suspending<void> {
    const { index } = this;
    const address = list.address(0);
    yield* registers.write32(plx.DMA_MODE[index], plx.MODE_DONE_INTERRUPT | plx.MODE_ROUTE_TO_PCI);
    yield* registers.write32(DMA_PCI_ADDRESS[index], address % 0x1_0000_0000);
    yield* registers.write32(plx.DMA_DAC[index], Math.floor(address / 0x1_0000_0000));
    yield* registers.write32(DMA_LOCAL_ADDRESS[index], deviceOffset);
    yield* registers.write32(DMA_SIZE[index], list.lengthBytes(0));
    yield* registers.write32(plx.DMA_DESCRIPTOR_POINTER[index], this.isRead ? plx.DPR_FROM_DEVICE : 0);
    yield* registers.write8(plx.DMA_CSR[index], plx.CSR_ENABLE | plx.CSR_START);
  }

  /** ISR: acknowledges what is this channel's. */
  *acknowledge(registers: RegisterBlock, intcsr: number): Suspending<boolean> {
    if ((intcsr & plx.INTCSR_DMA_ACTIVE[this.index]) === 0) return false;
    yield* registers.write8(plx.DMA_CSR[this.index], plx.CSR_ENABLE | plx.CSR_CLEAR_INTERRUPT);
    this.#isDone = true;
    return true;
  }

  /** DPC, under the interrupt lock. */
  takeDone(): boolean {
    const isDone = this.#isDone;
    this.#isDone = false;
    return isDone;
  }
}

/** ISR of the board: both channels are asked; the line is shared, so it may be neither. */
export function* acknowledgeChannels(
  interrupt: Interrupt,
  registers: RegisterBlock,
  channels: readonly BlockChannel[],
): Suspending<boolean> {
  const intcsr = yield* registers.read32(plx.INTCSR);
  // Nobody answers on the bus any more (rule D45).
  if (intcsr === plx.ALL_ONES) return false;
  let isOurs = false;
  for (const channel of channels) if (yield* channel.acknowledge(registers, intcsr)) isOurs = true;
  if (isOurs) interrupt.queueDpcForIsr();
  return isOurs;
}

/** EvtInterruptEnable and EvtInterruptDisable: master enable and both channels at once, so that a start need not touch what they share. */
export function* setInterrupts(registers: RegisterBlock, isEnabled: boolean): Suspending<NtStatus> {
  yield* registers.write32(plx.INTCSR, isEnabled ? plx.INTCSR_PCI_ENABLE | plx.INTCSR_DMA_ENABLE[0] | plx.INTCSR_DMA_ENABLE[1] : 0);
  return STATUS_SUCCESS;
}
