import {
  CommonBuffer,
  DmaDirection,
  STATUS_IO_DEVICE_ERROR,
  STATUS_SUCCESS,
  WdfSpinLock,
  trackFields,
  type Device,
  type DmaEnabler,
  type Interrupt,
  type NtStatus,
  type RegisterBlock,
  type ScatterGatherList,
  type Suspending,
} from '../../index.js';
import { CancelableTransfer } from './cancelable-transfer.js';
import * as ring from './ring-registers.js';
import { ProgressWatch, Verdict, type Watchdog } from './watchdog.js';

/** Entries of each ring; a power of two. */
export const RING_ENTRIES = 4096;
/** Pages of the longest transfer, and ragged ends of a few chained MDLs. */
export const ELEMENTS_MAX = 16;
/** Aborted requests whose descriptors the device may not have passed over yet (docs/sgring.md section 6). */
const ABORTED_IN_RING_MAX = 16;
/** So many requests of a channel always fit its ring, aborted ones included: no transfer ever waits for descriptors. */
export const REQUESTS_PER_CHANNEL = RING_ENTRIES / ELEMENTS_MAX - ABORTED_IN_RING_MAX;
/** Completions taken under the lock at once. */
const REAP_BATCH = 64;
/** Interrupt after this many completions, or this many device steps after the first one waits. */
const MODERATION_COMPLETIONS = 32;
const MODERATION_STEPS = 64;

const SLOT_BITS = 16;
const SLOT_MASK = (1 << SLOT_BITS) - 1;

/** A transaction with what its transfer in flight needs: one request from EvtIo to completion. */
export class RingSlot extends CancelableTransfer {
  /** Names the transfer in flight to the device and back; no two transfers share one for a long time. */
  tag = 0;
  /** Counts the channel's submissions: the least of those in flight is the one the device works on. */
  order = 0;
  /** Next in the list of free slots, or of aborts that wait for the device's acknowledgement. */
  next: RingSlot | null = null;
  /** Transfers it has had: part of their tags. */
  uses = 0;

  constructor(
    device: Device,
    private readonly index: number,
    readonly channel: RingChannel,
    private readonly pool: RingSlotPool,
  ) {
    super(device);
  }

  protected isDeviceGone(): boolean {
    return this.pool.isGone;
  }

  protected *startHardware(list: ScatterGatherList): Suspending<void> {
    // A stale completion or a late abort must not hit the slot's next transfer: each has a tag of its own.
    this.uses = (this.uses + 1) & 0x7fff;
    yield* this.channel.submit(this, (this.uses << SLOT_BITS) | this.index, list);
    this.pool.watchdog.arm();
  }

  protected *abortHardware(): Suspending<void> {
    yield* this.channel.abort(this);
  }

  protected becameIdle(): void {
    this.pool.free(this);
  }
}

/** All slots of a device: by index for the channels, and those that are free. */
export class RingSlotPool {
  readonly slots: RingSlot[] = [];
  /** The hardware was pulled, interlocked: who has not seen it yet starts something, which the removal ends. */
  isGone = false;
  watchdog!: Watchdog;
  /** First of the free slots, an interlocked list. */
  freeSlots: RingSlot | null = null;

  /** Null when all are in use. Taking and freeing contain no scheduling point: an interlocked list, as ExInterlockedPopEntrySList has it. */
  take(): RingSlot | null {
    const slot = this.freeSlots;
    if (slot !== null) this.freeSlots = slot.next;
    return slot;
  }

  free(slot: RingSlot): void {
    slot.next = this.freeSlots;
    this.freeSlots = slot;
  }
}

/**
 * One channel: a submission ring the driver fills, a completion ring it reaps, free-running counters for both, and
 * one abort at a time. All of it under one spin lock, because EvtProgramDma, cancel callbacks, the watchdog and the DPC
 * run on different processors. A transfer is in flight while its slot has a tag, and whoever takes the tag ends it.
 *
 * A channel that does not get on is told to abort its oldest transfer; when it does not answer, it is reset. The oldest
 * transfer then ends, the others that were lost with it are presented again.
 */
export class RingChannel {
  readonly #lock: WdfSpinLock;
  readonly #submission: CommonBuffer;
  readonly #completion: CommonBuffer;
  #registers!: RegisterBlock;
  private submitted = 0;
  private reaped = 0;
  private isReaping = false;
  /** Causes the ISR took and the DPC has not looked at; under the interrupt lock. */
  private savedCauses = 0;
  /** Tags to abort after the one the device works on, in order. */
  readonly #aborts: number[] = [];
  private isAborting = false;
  /** Between the write of CTRL.RESET and the moment it reads 0 the channel is left alone. */
  private isResetting = false;
  /** Resets so far: an acknowledgement of before one says nothing about aborts of after it. */
  private resets = 0;
  private inFlight = 0;
  private orders = 0;
  private interruptMask = 0;
  readonly #watch = new ProgressWatch();
  /** Null: of no transfer in flight. */
  readonly #batchSlots: (RingSlot | null)[] = [];
  readonly #batchBytes = new Int32Array(REAP_BATCH);
  readonly #batchStatus = new Int32Array(REAP_BATCH);

  private constructor(
    readonly index: number,
    private readonly slots: readonly RingSlot[],
    lock: WdfSpinLock,
    submission: CommonBuffer,
    completion: CommonBuffer,
  ) {
    this.#lock = lock;
    this.#submission = submission;
    this.#completion = completion;
  }

  /** The lock and the two rings, or the status of the allocation that failed. `slots` are the device's, by index. */
  static *create(device: Device, enabler: DmaEnabler, index: number, slots: readonly RingSlot[]): Suspending<RingChannel | NtStatus> {
    const submission = yield* CommonBuffer.create(enabler, RING_ENTRIES * ring.DESCRIPTOR_BYTES);
    if (!submission.ok) return submission.status;
    const completion = yield* CommonBuffer.create(enabler, RING_ENTRIES * ring.COMPLETION_BYTES);
    if (!completion.ok) return completion.status;
    const channel = new RingChannel(index, slots, WdfSpinLock.create(device), submission.object, completion.object);
    return trackFields(device.kernel, channel, `${device.deviceName} channel ${index}`);
  }

  /** D0 entry: empty rings, bases, moderation, enabled last. */
  *enable(registers: RegisterBlock): Suspending<void> {
    this.#registers = registers;
    this.submitted = 0;
    this.reaped = 0;
    this.savedCauses = 0;
    this.#aborts.length = 0;
    this.isAborting = false;
    this.isResetting = false;
    this.inFlight = 0;
    yield* this.#configure();
  }

  /** Empty rings on a channel that is disabled. */
  *#configure(): Suspending<void> {
    this.#completion.fill(0);
    const submission = this.#submission.logicalAddress;
    const completion = this.#completion.logicalAddress;
    yield* this.#write(ring.RING_SIZE, RING_ENTRIES);
    yield* this.#write(ring.SQ_BASE_LOW, submission % 0x1_0000_0000);
    yield* this.#write(ring.SQ_BASE_HIGH, Math.floor(submission / 0x1_0000_0000));
    yield* this.#write(ring.CQ_BASE_LOW, completion % 0x1_0000_0000);
    yield* this.#write(ring.CQ_BASE_HIGH, Math.floor(completion / 0x1_0000_0000));
    yield* this.#write(ring.SQ_TAIL, 0);
    yield* this.#write(ring.CQ_HEAD, 0);
    yield* this.#write(ring.MODERATION, MODERATION_COMPLETIONS | (MODERATION_STEPS << 16));
    yield* this.#write(ring.CTRL, ring.CTRL_ENABLE);
  }

  *disable(): Suspending<void> {
    yield* this.#write(ring.CTRL, 0);
  }

  *#write(register: number, value: number): Suspending<void> {
    yield* this.#registers.write32(ring.channelRegister(this.index, register), value);
  }

  *setInterruptMask(causes: number): Suspending<void> {
    this.interruptMask = causes;
    yield* this.#write(ring.INT_MASK, causes);
  }

  /** ISR: takes and acknowledges exactly the causes it saw. False when there were none. */
  *acknowledge(): Suspending<boolean> {
    const at = ring.channelRegister(this.index, ring.INT_CAUSE);
    const causes = yield* this.#registers.read32(at);
    // All ones: nobody answers on the bus any more (rule D45).
    if (causes === 0 || causes === ring.ALL_ONES) return false;
    yield* this.#registers.write32(at, causes);
    this.savedCauses |= causes;
    return true;
  }

  /** Descriptors, then the doorbell. There is always room: see REQUESTS_PER_CHANNEL. During a reset the transfer is lost with the others. */
  *submit(slot: RingSlot, tag: number, list: ScatterGatherList): Suspending<void> {
    yield* this.#lock.acquire();
    slot.tag = tag;
    this.inFlight++;
    slot.order = ++this.orders;
    if (!this.isResetting) {
      this.#writeDescriptors(slot, list);
      yield* this.#write(ring.SQ_TAIL, this.submitted);
    }
    yield* this.#lock.release();
  }

  #writeDescriptors(slot: RingSlot, list: ScatterGatherList): void {
    const { transaction, tag } = slot;
    const submission = this.#submission;
    const fromDevice = slot.direction === DmaDirection.ReadFromDevice ? ring.FLAG_FROM_DEVICE : 0;
    let deviceOffset = transaction.request!.deviceOffset + transaction.bytesTransferred;
    const last = list.count - 1;
    for (let i = 0; i <= last; i++) {
      const at = (this.submitted & (RING_ENTRIES - 1)) * ring.DESCRIPTOR_BYTES;
      const address = list.address(i);
      const lengthBytes = list.lengthBytes(i);
      const high = Math.floor(address / 0x1_0000_0000);
      submission.write32(at + ring.DESCRIPTOR_ADDRESS_LOW, address - high * 0x1_0000_0000);
      submission.write32(at + ring.DESCRIPTOR_ADDRESS_HIGH, high);
      submission.write32(at + ring.DESCRIPTOR_LENGTH, lengthBytes);
      submission.write32(at + ring.DESCRIPTOR_FLAGS, fromDevice | (i === last ? ring.FLAG_END_OF_REQUEST : 0));
      submission.write32(at + ring.DESCRIPTOR_DEVICE_OFFSET, deviceOffset);
      submission.write32(at + ring.DESCRIPTOR_TAG, tag);
      deviceOffset += lengthBytes;
      this.submitted = (this.submitted + 1) | 0;
    }
  }

  /** Asks the device to stop the slot's transfer, or queues the wish while it answers another. Its completion says how far it came. */
  *abort(slot: RingSlot): Suspending<void> {
    yield* this.#lock.acquire();
    // Without a tag its end is on the way already.
    if (slot.tag !== 0 && !this.isResetting) {
      this.#aborts.push(slot.tag);
      if (!this.isAborting) yield* this.#abortNext();
    }
    yield* this.#lock.release();
  }

  *#abortNext(): Suspending<void> {
    const tag = this.#aborts.shift();
    this.isAborting = tag !== undefined;
    if (tag !== undefined) yield* this.#write(ring.ABORT, tag);
  }

  /** DPC: what the ISR saved, then the completions. */
  *service(interrupt: Interrupt): Suspending<void> {
    yield* interrupt.acquireLock();
    const causes = this.savedCauses;
    this.savedCauses = 0;
    const resets = this.resets;
    yield* interrupt.releaseLock();
    if ((causes & ring.INT_ABORT_ACK) !== 0) {
      yield* this.#lock.acquire();
      if (resets === this.resets && !this.isResetting) yield* this.#abortNext();
      yield* this.#lock.release();
    }
    yield* this.#reap();
  }

  /**
   * Takes completions until there are none, finishing each batch outside the lock. A second instance of the DPC,
   * running meanwhile on another processor, leaves them to the first, which looks again before it ends.
   */
  *#reap(): Suspending<void> {
    for (let isFirstLook = true; ; isFirstLook = false) {
      yield* this.#lock.acquire();
      const isElsewhere = (isFirstLook && this.isReaping) || this.isResetting;
      const count = isElsewhere ? 0 : this.#takeBatch();
      if (!(isFirstLook && this.isReaping)) this.isReaping = count > 0;
      if (count > 0) yield* this.#write(ring.CQ_HEAD, this.reaped);
      yield* this.#lock.release();
      if (count === 0) return;
      for (let i = 0; i < count; i++) yield* this.#finish(this.#batchSlots[i]!, this.#batchStatus[i]!, this.#batchBytes[i]!);
    }
  }

  #takeBatch(): number {
    const completion = this.#completion;
    let count = 0;
    while (count < REAP_BATCH) {
      const at = (this.reaped & (RING_ENTRIES - 1)) * ring.COMPLETION_BYTES;
      const expectedPhase = (this.reaped & RING_ENTRIES) === 0 ? ring.PHASE : 0;
      // The sequence word is the device's last store of an entry: read it first, the rest after it.
      if ((completion.observe32(at + ring.COMPLETION_SEQUENCE) & ring.PHASE) !== expectedPhase) break;
      this.#batchSlots[count] = this.#takeOff(completion.read32(at + ring.COMPLETION_TAG));
      this.#batchBytes[count] = completion.read32(at + ring.COMPLETION_BYTES_MOVED);
      this.#batchStatus[count] = completion.read32(at + ring.COMPLETION_STATUS);
      this.reaped = (this.reaped + 1) | 0;
      count++;
    }
    return count;
  }

  /** The transfer with this tag is the device's no more; null when none in flight has it: a completion that came twice. */
  #takeOff(tag: number): RingSlot | null {
    const slot = this.slots[tag & SLOT_MASK];
    if (slot === undefined || slot.tag !== tag) return null;
    slot.tag = 0;
    this.inFlight--;
    return slot;
  }

  *#finish(slot: RingSlot | null, completionStatus: number, movedBytes: number): Suspending<void> {
    if (slot === null) return;
    const isOk = completionStatus === ring.STATUS_OK || completionStatus === ring.STATUS_ABORTED;
    yield* slot.transferDone(movedBytes, isOk ? STATUS_SUCCESS : STATUS_IO_DEVICE_ERROR);
  }

  // ---- The watchdog's looks

  *isBusy(): Suspending<boolean> {
    yield* this.#lock.acquire();
    const isBusy = this.inFlight > 0;
    yield* this.#lock.release();
    return isBusy;
  }

  /** One look: the channel has got on when completions were taken or transfers submitted to an idle channel. */
  *look(interrupt: Interrupt): Suspending<void> {
    yield* this.#lock.acquire();
    const { isResetting } = this;
    const oldest = this.#oldest();
    const tag = oldest?.tag ?? 0;
    const verdict = isResetting || this.inFlight === 0 ? Verdict.Fine : this.#watch.look(oldest !== null, tag);
    yield* this.#lock.release();
    if (isResetting) yield* this.#endReset(interrupt);
    if (verdict === Verdict.Fine || oldest === null) return;
    // Compared under the transfer's lock, which does not guard the tag.
    if (verdict === Verdict.GiveUp) yield* oldest.timeOut(() => oldest.uses === tag >> SLOT_BITS);
    else yield* this.#beginReset(oldest, tag);
  }

  /** The transfer in flight that was submitted first. */
  #oldest(): RingSlot | null {
    let oldest: RingSlot | null = null;
    for (const slot of this.slots)
      if (slot.channel === this && slot.tag !== 0 && (oldest === null || slot.order < oldest.order)) oldest = slot;
    return oldest;
  }

  *#beginReset(slot: RingSlot, tag: number): Suspending<void> {
    yield* this.#lock.acquire();
    // It may have answered at last.
    if (slot.tag === tag) {
      this.isResetting = true;
      this.#aborts.length = 0;
      this.isAborting = false;
      yield* this.#write(ring.CTRL, ring.CTRL_RESET);
    }
    yield* this.#lock.release();
  }

  /** RESET reads 0: the channel moves nothing any more, and the pages of what was lost can be unmapped (rules D05, D29). */
  *#endReset(interrupt: Interrupt): Suspending<void> {
    let lost: readonly RingSlot[] = [];
    yield* this.#lock.acquire();
    // All ones: pulled out; the removal ends what is in flight.
    if (((yield* this.#registers.read32(ring.channelRegister(this.index, ring.CTRL))) & ring.CTRL_RESET) === 0) {
      yield* interrupt.acquireLock();
      this.savedCauses = 0;
      this.resets++;
      yield* interrupt.releaseLock();
      this.submitted = 0;
      this.reaped = 0;
      yield* this.#configure();
      yield* interrupt.acquireLock();
      yield* this.setInterruptMask(this.interruptMask);
      yield* interrupt.releaseLock();
      lost = this.slots.filter((slot) => slot.channel === this && slot.tag !== 0);
      for (const slot of lost) slot.tag = 0;
      this.inFlight = 0;
      this.isResetting = false;
    }
    yield* this.#lock.release();
    for (const slot of lost) yield* slot.wasReset();
  }

  /**
   * The device was pulled out: what was in flight ends here. All slots are asked, not those with a tag alone: one may
   * have looked before the device went and stand before `submit` now, with its own lock held.
   */
  *removed(): Suspending<void> {
    const slots = this.slots.filter((slot) => slot.channel === this);
    for (const slot of slots) yield* slot.deviceRemoved();
    yield* this.#lock.acquire();
    for (const slot of slots) slot.tag = 0;
    this.inFlight = 0;
    yield* this.#lock.release();
  }
}
