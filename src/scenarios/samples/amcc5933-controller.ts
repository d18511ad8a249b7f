import {
  DmaDirection,
  STATUS_DEVICE_REMOVED,
  STATUS_IO_DEVICE_ERROR,
  STATUS_SUCCESS,
  type Interrupt,
  type NtStatus,
  type RegisterBlock,
  type Suspending,
} from '../../index.js';
import * as amcc from './amcc5933-registers.js';

/**
 * The chip as both drivers see it: one transfer at a time, in one direction or the other. What the ISR shares with the
 * rest - the transfer in work, the saved causes, MCSR and INTCSR - is touched under the interrupt lock only (rule D17).
 */
export class AmccController {
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  /** EvtDeviceSurpriseRemoval has been called: nothing will be confirmed any more. */
  isGone = false;
  /** Set by `takeEnd`: how the transfer ended, and how many of its bytes were moved. */
  endStatus: NtStatus = STATUS_SUCCESS;
  movedBytes = 0;
  #direction: DmaDirection = DmaDirection.ReadFromDevice;
  #lengthBytes = 0;
  #isRunning = false;
  #hasEnded = false;
  #savedCauses = 0;

  enterD0(): void {
    this.#isRunning = false;
    this.#hasEnded = false;
    this.#savedCauses = 0;
  }

  /** EvtProgramDma: one packet. `address` lies below 4 GiB, the profile sees to that. False: the chip is gone, nothing was started. */
  *start(direction: DmaDirection, address: number, lengthBytes: number, streamPosition: number): Suspending<boolean> {
    const { registers, interrupt } = this;
    yield* interrupt.acquireLock();
    if (this.isGone) {
      yield* interrupt.releaseLock();
      return false;
    }
    // Before the chip is started: it may interrupt before this callback has returned (rule D23).
    this.#direction = direction;
    this.#lengthBytes = lengthBytes;
    this.#hasEnded = false;
    this.#savedCauses = 0;
    this.#isRunning = true;
    yield* registers.write32(amcc.STREAM_MAILBOX[direction], streamPosition);
    yield* registers.write32(amcc.COUNT[direction], lengthBytes);
    yield* registers.write32(amcc.ADDRESS[direction], address);
    // Written, not read and written back: a cause that is latched would be cleared by its own 1 (rule D21).
    yield* registers.write32(amcc.INTCSR, amcc.INTCSR_ENABLE[direction]);
    yield* registers.write32(amcc.MCSR, amcc.MCSR_SCHEME[direction] | amcc.MCSR_ENABLE[direction]);
    yield* interrupt.releaseLock();
    return true;
  }

  /**
   * Empties the FIFO of the direction in work; the chip stops after its burst and confirms by the usual interrupt. One
   * that comes too late meets the next transfer, which then ends with nothing moved and is presented again.
   */
  *abort(): Suspending<void> {
    yield* this.interrupt.acquireLock();
    if (this.#isRunning) yield* this.registers.write8(amcc.MCSR_RESETS, amcc.RESETS_CHANNEL[this.#direction]);
    yield* this.interrupt.releaseLock();
  }

  /**
   * ISR, the interrupt lock is held: clears causes, exactly those it has seen, until there are none, and keeps them
   * (rules D15, D20). True: the interrupt was ours. The DPC is queued when the transfer in work has ended - the count is
   * zero, or the chip has dropped the enable bit - and not for an interrupt that comes too early or once too often.
   */
  *acknowledge(): Suspending<boolean> {
    const { registers, interrupt } = this;
    let intcsr = yield* registers.read32(amcc.INTCSR);
    if (intcsr === amcc.ALL_ONES || (intcsr & amcc.INTCSR_ASSERTED) === 0) return false;
    while (intcsr !== amcc.ALL_ONES && (intcsr & amcc.INTCSR_ASSERTED) !== 0) {
      const causes = intcsr & amcc.INTCSR_CAUSES;
      this.#savedCauses |= causes;
      yield* registers.write32(amcc.INTCSR, (intcsr & amcc.INTCSR_ENABLES) | causes);
      intcsr = yield* registers.read32(amcc.INTCSR);
    }
    if (!this.#isRunning || this.#hasEnded) return true;
    const mcsr = yield* registers.read32(amcc.MCSR);
    // Nobody answers on the bus any more (rule D45).
    if (mcsr === amcc.ALL_ONES) return true;
    const isAtWork = (mcsr & amcc.MCSR_ENABLE[this.#direction]) !== 0 && (mcsr & amcc.MCSR_COUNT_IS_ZERO[this.#direction]) === 0;
    if (isAtWork) return true;
    yield* registers.write32(amcc.MCSR, 0);
    this.#hasEnded = true;
    interrupt.queueDpcForIsr();
    return true;
  }

  /** DPC: true for exactly one caller a transfer; then `endStatus` and `movedBytes` tell about it. */
  *takeEnd(): Suspending<boolean> {
    const { registers, interrupt } = this;
    yield* interrupt.acquireLock();
    const isOurs = this.#isRunning && this.#hasEnded;
    const causes = this.#savedCauses;
    if (isOurs) this.#isRunning = false;
    yield* interrupt.releaseLock();
    if (!isOurs) return false;
    const residual = yield* registers.read32(amcc.COUNT[this.#direction]);
    const isPulled = residual === amcc.ALL_ONES;
    this.movedBytes = isPulled ? 0 : this.#lengthBytes - residual;
    // An abort is an error, whatever else has been saved (rule D57).
    if (isPulled) this.endStatus = STATUS_DEVICE_REMOVED;
    else this.endStatus = (causes & amcc.INTCSR_ABORTS) !== 0 ? STATUS_IO_DEVICE_ERROR : STATUS_SUCCESS;
    return true;
  }

  /** The chip was pulled out: true when it was at work on a transfer, which ends here. */
  *takeLost(): Suspending<boolean> {
    yield* this.interrupt.acquireLock();
    const isOurs = this.#isRunning;
    this.#isRunning = false;
    yield* this.interrupt.releaseLock();
    if (!isOurs) return false;
    this.movedBytes = 0;
    this.endStatus = STATUS_DEVICE_REMOVED;
    return true;
  }

  /** EvtInterruptDisable: no more interrupts, whatever is latched. */
  *mask(): Suspending<NtStatus> {
    yield* this.registers.write32(amcc.INTCSR, 0);
    return STATUS_SUCCESS;
  }
}
