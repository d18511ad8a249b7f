import {
  RegisterBlock,
  STATUS_SUCCESS,
  type Device,
  type HardwareResources,
  type Interrupt,
  type NtStatus,
  type Suspending,
} from '../../index.js';
import { acknowledgeInterrupt, setMasterEnable, type PlxChannel } from './plx9x5x-channel.js';
import * as plx from './plx9x5x-registers.js';
import { Verdict, Watchdog } from './watchdog.js';

/** What becomes of transfers that the chip does not end by itself. */
export interface PlxTransfers {
  /** The channel's transfer, its `start`th, has timed out: it is to be aborted, unless it has ended meanwhile. */
  giveUp(channel: PlxChannel, start: number): Suspending<void>;
  /** The chip has forgotten the channel's transfer and moves nothing of it any more: end it, or present it again. */
  wasReset(channel: PlxChannel): Suspending<void>;
  /** Nobody answers on the bus any more. */
  wasRemoved(channel: PlxChannel): Suspending<void>;
}

/**
 * The chip as both drivers use it: what its channels share. A transfer is taken off its channel exactly once, under the
 * interrupt lock - by the DPC that finds it done, by a reset that has lost it, or by the removal - so nobody ends it twice.
 *
 * A channel that does not get on is aborted; when it does not confirm that, the whole chip is reset, because the
 * software reset knows no channels. What the other channel worked on is lost with it and presented again.
 */
export class PlxChip {
  registers!: RegisterBlock;
  interrupt!: Interrupt;
  #watchdog!: Watchdog;
  /** Between the write of the reset bit and the chip's confirmation nothing is started or aborted. */
  #isResetting = false;

  constructor(
    private readonly channels: readonly PlxChannel[],
    private readonly transfers: PlxTransfers,
  ) {}

  createWatchdog(device: Device, timeoutMs: number | null): NtStatus {
    const watchdog = Watchdog.create(device, { timeoutMs, look: () => this.#look(), isBusy: () => this.#isBusy() });
    if (watchdog.ok) this.#watchdog = watchdog.object;
    return watchdog.status;
  }

  mapRegisters(device: Device, resources: HardwareResources): NtStatus {
    this.registers = new RegisterBlock(device.kernel, resources.registers);
    return STATUS_SUCCESS;
  }

  *enterD0(): Suspending<NtStatus> {
    this.#isResetting = false;
    for (const channel of this.channels) yield* channel.enterD0(this.registers);
    return STATUS_SUCCESS;
  }

  /** Before D0 exit: no transfer is in flight, and no look at the chip may be under way when it loses its power. */
  *leaveD0(): Suspending<NtStatus> {
    yield* this.#watchdog.stop();
    return STATUS_SUCCESS;
  }

  /** EvtInterruptEnable and EvtInterruptDisable: the chip's master enable; the interrupt lock is held. */
  *setMasterEnable(enabled: boolean): Suspending<NtStatus> {
    yield* setMasterEnable(this.registers, enabled);
    return STATUS_SUCCESS;
  }

  /** Starts what the channel's elements describe; while the chip is being reset it only counts as started, and is lost. */
  *start(channel: PlxChannel): Suspending<void> {
    yield* this.interrupt.acquireLock();
    if (this.#isResetting) channel.given();
    else yield* channel.start(this.registers);
    yield* this.interrupt.releaseLock();
    this.#watchdog.arm();
  }

  /** Asks the chip to stop the channel's transfer, its `start`th; it confirms through its interrupt. False: that transfer has ended. */
  *abort(channel: PlxChannel, start: number): Suspending<boolean> {
    yield* this.interrupt.acquireLock();
    const isAtWork = channel.isRunning && channel.starts === start && !channel.isDone;
    if (isAtWork && !this.#isResetting) yield* this.registers.write8(plx.DMA_CSR[channel.index], plx.CSR_ENABLE | plx.CSR_ABORT);
    yield* this.interrupt.releaseLock();
    return isAtWork;
  }

  /** EvtInterruptIsr: asks both channels; the DPC must run when a transfer has ended. */
  acknowledgeInterrupt(): Suspending<boolean> | boolean {
    const { registers, interrupt } = this;
    // Its interrupts are off, so it is not the chip; what is left in its registers is of before the reset (rule D28).
    return this.#isResetting ? false : acknowledgeInterrupt(interrupt, registers, this.channels);
  }

  /** The chip was pulled: what it worked on will never be confirmed, so it ends here. */
  *removed(): Suspending<void> {
    yield* this.interrupt.acquireLock();
    const lost = this.channels.filter((channel) => channel.takeLost());
    yield* this.interrupt.releaseLock();
    for (const channel of lost) yield* this.transfers.wasRemoved(channel);
  }

  // ---- The watchdog's looks

  *#isBusy(): Suspending<boolean> {
    yield* this.interrupt.acquireLock();
    const isBusy = this.channels.some((channel) => channel.isRunning);
    yield* this.interrupt.releaseLock();
    return isBusy;
  }

  *#look(): Suspending<void> {
    if (this.#isResetting) {
      yield* this.#endReset();
      return;
    }
    for (const channel of this.channels) {
      yield* this.interrupt.acquireLock();
      const { starts } = channel;
      const verdict = channel.watch.look(channel.isRunning, starts);
      yield* this.interrupt.releaseLock();
      if (verdict === Verdict.GiveUp) yield* this.transfers.giveUp(channel, starts);
      if (verdict === Verdict.Reset) yield* this.#beginReset(channel, starts);
    }
  }

  /** The chip stops between two bursts, whatever it was doing; `#endReset` sees it confirm that. */
  *#beginReset(channel: PlxChannel, start: number): Suspending<void> {
    const { registers, interrupt } = this;
    let isGone = false;
    yield* interrupt.acquireLock();
    // It may have confirmed the abort at last.
    if (channel.isRunning && channel.starts === start && !channel.isDone && !this.#isResetting) {
      const cntrl = yield* registers.read32(plx.CNTRL);
      isGone = cntrl === plx.ALL_ONES;
      this.#isResetting = !isGone;
      if (!isGone) yield* registers.write32(plx.CNTRL, cntrl | plx.CNTRL_SOFTWARE_RESET);
    }
    yield* interrupt.releaseLock();
    if (isGone) yield* this.removed();
  }

  /** Both channels say Done: nothing moves any more, and the pages of what was lost can be unmapped (rules D05, D29). */
  *#endReset(): Suspending<void> {
    const { registers, interrupt, channels } = this;
    let lost: readonly PlxChannel[] = [];
    yield* interrupt.acquireLock();
    const cntrl = yield* registers.read32(plx.CNTRL);
    const isGone = cntrl === plx.ALL_ONES;
    if (!isGone && (yield* this.#isStill())) {
      yield* registers.write32(plx.CNTRL, cntrl & ~plx.CNTRL_SOFTWARE_RESET);
      for (const channel of channels) yield* channel.restore(registers);
      yield* registers.write32(plx.INTCSR, plx.INTCSR_PCI_ENABLE);
      lost = channels.filter((channel) => channel.takeLost());
      this.#isResetting = false;
    }
    yield* interrupt.releaseLock();
    if (isGone) yield* this.removed();
    for (const channel of lost) yield* this.transfers.wasReset(channel);
  }

  *#isStill(): Suspending<boolean> {
    for (const { index } of this.channels) if (((yield* this.registers.read8(plx.DMA_CSR[index])) & plx.CSR_DONE) === 0) return false;
    return true;
  }
}
