import {
  CommonBuffer,
  WdfSpinLock,
  type Device,
  type DmaEnabler,
  type DmaTransaction,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
  type Timer,
} from '../../index.js';
import type { CommandPort } from './pcidrv-commands.js';
import * as csr from './pcidrv-registers.js';

/** Elements of the longest list; each TCB has room for as many TBDs. */
export const ELEMENTS_MAX = 8;
const TCB_BYTES = csr.BLOCK_BYTES + ELEMENTS_MAX * csr.TBD_BYTES;
/** The watchdog looks so often while frames are under way. */
const WATCHDOG_MS = 400;

/** Travels with a transaction from EvtIoWrite to the completion of its request. */
export class SendContext {
  /** The device says that the frame went out. */
  isSent = false;

  constructor(readonly request: Request) {}
}
export type SendTransaction = DmaTransaction<SendContext>;

/**
 * The ring of transmit command blocks, under the send lock.
 *
 *      head (oldest under way)          tail (next to fill)
 *        v                                v
 *     +-----+-----+-----+-----+-----+-----+-----+
 *     | TCB | TCB | TCB | TCB | TCB |     | gap |   each links to the next, the last to the first
 *     +-----+-----+-----+-----+-----+-----+-----+
 *                               S set: the device suspends here
 *
 * A frame is appended by filling the block behind the suspended one - its own suspend bit set - and only then clearing
 * the suspend bit before it and resuming the unit, whatever state that is in (rule D32). One block is never filled: a
 * suspended unit still reads the block it stopped at, which the sample fills again when the ring is full.
 */
export class TransmitRing {
  readonly #lock: WdfSpinLock;
  readonly #slots: (SendTransaction | null)[];
  #head = 0;
  #tail = 0;
  #busy = 0;
  #isStarted = false;
  #isWatched = false;
  /** Watchdog periods in which the oldest frame has not moved. */
  #ticks = 0;
  /** Frames must wait: the device sleeps or is about to. */
  isHeld = true;
  isLinkUp = false;
  isResetting = false;
  /** The hardware was pulled. */
  isGone = false;

  constructor(
    device: Device,
    private readonly memory: CommonBuffer,
    /** Frames that may be under way at once. */
    private readonly capacity: number,
    protected readonly commands: CommandPort,
    private readonly watchdog: Timer,
  ) {
    this.#lock = WdfSpinLock.create(device);
    this.#slots = Array<SendTransaction | null>(capacity + 1).fill(null);
  }

  /** Memory for `capacity` frames under way. */
  static *allocate(enabler: DmaEnabler, capacity: number): Suspending<CommonBuffer | NtStatus> {
    const memory = yield* CommonBuffer.create(enabler, (capacity + 1) * TCB_BYTES);
    return memory.ok ? memory.object : memory.status;
  }

  /** A frame could be sent now. Only a hint outside the lock. */
  get canSend(): boolean {
    return this.#busy < this.capacity && this.isLinkUp && !this.isHeld && !this.isResetting && !this.isGone;
  }

  /** D0 entry, and after a reset: the unit is idle, nothing is under way. */
  *rebuild(): Suspending<void> {
    yield* this.#lock.acquire();
    this.#head = this.#tail = this.#busy = 0;
    this.#isStarted = false;
    this.memory.fill(0);
    for (let i = 0; i <= this.capacity; i++) this.memory.write32(i * TCB_BYTES + csr.LINK, this.#address(this.#after(i)));
    yield* this.#lock.release();
  }

  #address(index: number): number {
    return this.memory.logicalAddress + index * TCB_BYTES;
  }

  #after(index: number): number {
    return index === this.capacity ? 0 : index + 1;
  }

  /** EvtProgramDma: the frame is handed to the device. False: it cannot be now. */
  *send(transaction: SendTransaction, list: ScatterGatherList): Suspending<boolean> {
    yield* this.#lock.acquire();
    const isTaken = this.canSend;
    if (isTaken) {
      const index = this.#tail;
      this.#fill(index, list);
      this.#slots[index] = transaction;
      this.#tail = this.#after(index);
      this.#busy++;
      yield* this.#append(index);
      this.watch();
    }
    yield* this.#lock.release();
    return isTaken;
  }

  #fill(index: number, list: ScatterGatherList): void {
    const { memory } = this;
    const at = index * TCB_BYTES;
    for (let i = 0; i < list.count; i++) {
      const tbd = at + csr.BLOCK_BYTES + i * csr.TBD_BYTES;
      memory.write32(tbd, list.address(i));
      memory.write32(tbd + 4, list.lengthBytes(i) | (i === list.count - 1 ? csr.TBD_END : 0));
    }
    memory.write32(at + csr.TBD_ARRAY, this.#address(index) + csr.BLOCK_BYTES);
    memory.write32(at + csr.COUNT, (list.count << csr.TBD_COUNT_SHIFT) | csr.TRANSMIT_THRESHOLD);
    const command = csr.COMMAND_SUSPEND | csr.COMMAND_INTERRUPT | csr.COMMAND_FLEXIBLE | csr.COMMAND_TRANSMIT;
    memory.publish32(at + csr.STATUS_COMMAND, command);
  }

  /** The first block starts the unit; every other one moves the suspend bit, and the unit looks again. */
  *#append(index: number): Suspending<void> {
    if (!this.#isStarted) {
      this.#isStarted = true;
      yield* this.commands.startCommandUnit(this.#address(index));
      return;
    }
    const previous = index === 0 ? this.capacity : index - 1;
    // A byte of the command half: the device writes the status half of the same word.
    this.memory.write8(previous * TCB_BYTES + csr.COMMAND_HIGH, csr.HIGH_INTERRUPT);
    yield* this.resume();
  }

  /** Always: a unit that looks active may have read the suspend bit already. */
  protected resume(): Suspending<void> {
    return this.commands.resumeCommandUnit();
  }

  /** DPC: the oldest frame that is through, or null. */
  *takeCompleted(): Suspending<SendTransaction | null> {
    yield* this.#lock.acquire();
    let transaction: SendTransaction | null = null;
    if (this.#busy > 0) {
      const status = this.memory.observe32(this.#head * TCB_BYTES + csr.STATUS_COMMAND);
      if ((status & csr.COMPLETE) !== 0) {
        transaction = this.#takeOldest();
        transaction.context.isSent = (status & csr.OK) !== 0;
      }
    }
    yield* this.#lock.release();
    return transaction;
  }

  /** The oldest frame, done or not, once the device works on none; null when there are no more. */
  *takeAny(): Suspending<SendTransaction | null> {
    yield* this.#lock.acquire();
    const transaction = this.#busy > 0 ? this.#takeOldest() : null;
    yield* this.#lock.release();
    return transaction;
  }

  #takeOldest(): SendTransaction {
    const transaction = this.#slots[this.#head]!;
    this.#slots[this.#head] = null;
    this.#head = this.#after(this.#head);
    this.#busy--;
    this.#ticks = 0;
    return transaction;
  }

  /** The watchdog looks after what is under way. */
  protected watch(): void {
    if (this.#isWatched) return;
    this.#isWatched = true;
    this.#ticks = 0;
    this.watchdog.start(WATCHDOG_MS);
  }

  /** One watchdog period: how many of them the oldest frame has been the oldest. The timer goes on while something is under way. */
  *tick(): Suspending<number> {
    yield* this.#lock.acquire();
    this.#isWatched = this.#busy > 0;
    if (this.#isWatched) {
      this.#ticks++;
      this.watchdog.start(WATCHDOG_MS);
    }
    const ticks = this.#isWatched ? this.#ticks : 0;
    yield* this.#lock.release();
    return ticks;
  }

  /** Before D0 is left; nothing is under way. */
  *stopWatching(): Suspending<void> {
    yield* this.watchdog.stop(true);
    this.#isWatched = false;
  }
}
