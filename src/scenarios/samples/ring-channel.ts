import {
  CommonBuffer, DmaDirection, NT_SUCCESS, STATUS_IO_DEVICE_ERROR, STATUS_MORE_PROCESSING_REQUIRED, WdfSpinLock,
  type Device, type DmaEnabler, type DmaTransaction, type NtStatus, type RegisterBlock, type ScatterGatherList, type Suspending,
} from '../../index.js';
import * as ring from './ring-registers.js';

/** Entries of each ring; a power of two. */
export const RING_ENTRIES = 1024;
/** Completions taken under the lock at once. */
const REAP_BATCH = 64;
/** Interrupt after this many completions, or this many device steps after the first one waits. */
const MODERATION_COMPLETIONS = 32;
const MODERATION_STEPS = 64;

/** A transaction with what its transfer in flight needs: one request from EvtIo to completion. */
export class RingSlot {
  transaction!: DmaTransaction;
  direction: DmaDirection = DmaDirection.ReadFromDevice;
  list: ScatterGatherList | null = null;
  descriptors = 0;
  next: RingSlot | null = null;

  constructor(
    /** Names the request to the device and back. */
    readonly tag: number,
    readonly channel: RingChannel,
  ) {}
}

/**
 * One channel: a submission ring the driver fills, a completion ring it reaps, free-running counters for both. All of
 * it under one spin lock, because EvtProgramDma and the DPC run on different processors.
 */
export class RingChannel {
  readonly #lock: WdfSpinLock;
  readonly #submission: CommonBuffer;
  readonly #completion: CommonBuffer;
  #registers!: RegisterBlock;
  #submitted = 0;
  #freeDescriptors = RING_ENTRIES;
  #reaped = 0;
  #isReaping = false;
  /** Transfers whose descriptors did not fit, in order. */
  #pendingHead: RingSlot | null = null;
  #pendingTail: RingSlot | null = null;
  readonly #batchTags = new Int32Array(REAP_BATCH);
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

  /** The lock and the two rings, or the status of the allocation that failed. `slots` are the device's, by tag. */
  static *create(device: Device, enabler: DmaEnabler, index: number, slots: readonly RingSlot[]): Suspending<RingChannel | NtStatus> {
    const submission = yield* CommonBuffer.create(enabler, RING_ENTRIES * ring.DESCRIPTOR_BYTES);
    if (!submission.ok) return submission.status;
    const completion = yield* CommonBuffer.create(enabler, RING_ENTRIES * ring.COMPLETION_BYTES);
    if (!completion.ok) return completion.status;
    return new RingChannel(index, slots, WdfSpinLock.create(device), submission.object, completion.object);
  }

  /** D0 entry: empty rings, bases, moderation, interrupts unmasked, enabled last. */
  *enable(registers: RegisterBlock): Suspending<void> {
    this.#registers = registers;
    this.#submitted = 0;
    this.#reaped = 0;
    this.#freeDescriptors = RING_ENTRIES;
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
    yield* this.#write(ring.INT_MASK, causes);
  }

  /** ISR: takes and acknowledges exactly the causes it saw. False when there were none. */
  *acknowledge(): Suspending<boolean> {
    const at = ring.channelRegister(this.index, ring.INT_CAUSE);
    const causes = yield* this.#registers.read32(at);
    if (causes === 0) return false;
    yield* this.#registers.write32(at, causes);
    return true;
  }

  /** EvtProgramDma: descriptors and doorbell, or the end of the waiting line when the ring is full. */
  *program(slot: RingSlot, list: ScatterGatherList): Suspending<void> {
    slot.list = list;
    slot.descriptors = list.count;
    yield* this.#lock.acquire();
    if (this.#pendingHead !== null || list.count > this.#freeDescriptors) this.#appendPending(slot);
    else {
      this.#writeDescriptors(slot, list);
      yield* this.#write(ring.SQ_TAIL, this.#submitted);
    }
    yield* this.#lock.release();
  }

  #appendPending(slot: RingSlot): void {
    slot.next = null;
    if (this.#pendingTail === null) this.#pendingHead = slot;
    else this.#pendingTail.next = slot;
    this.#pendingTail = slot;
  }

  #writeDescriptors(slot: RingSlot, list: ScatterGatherList): void {
    const { transaction } = slot;
    const fromDevice = slot.direction === DmaDirection.ReadFromDevice ? ring.FLAG_FROM_DEVICE : 0;
    let deviceOffset = transaction.request!.deviceOffset + transaction.bytesTransferred;
    const last = list.count - 1;
    for (let i = 0; i <= last; i++) {
      const at = (this.#submitted & (RING_ENTRIES - 1)) * ring.DESCRIPTOR_BYTES;
      const address = list.address(i);
      const lengthBytes = list.lengthBytes(i);
      const high = Math.floor(address / 0x1_0000_0000);
      this.#submission.write32(at + ring.DESCRIPTOR_ADDRESS_LOW, address - high * 0x1_0000_0000);
      this.#submission.write32(at + ring.DESCRIPTOR_ADDRESS_HIGH, high);
      this.#submission.write32(at + ring.DESCRIPTOR_LENGTH, lengthBytes);
      this.#submission.write32(at + ring.DESCRIPTOR_FLAGS, fromDevice | (i === last ? ring.FLAG_END_OF_REQUEST : 0));
      this.#submission.write32(at + ring.DESCRIPTOR_DEVICE_OFFSET, deviceOffset);
      this.#submission.write32(at + ring.DESCRIPTOR_TAG, slot.tag);
      deviceOffset += lengthBytes;
      this.#submitted = (this.#submitted + 1) | 0;
    }
    this.#freeDescriptors -= list.count;
  }

  /**
   * DPC: takes completions until there are none, finishing each batch outside the lock. A second instance of the DPC,
   * running meanwhile on another processor, leaves them to the first, which looks again before it ends.
   */
  *reap(): Suspending<void> {
    for (let isFirstLook = true; ; isFirstLook = false) {
      yield* this.#lock.acquire();
      const isElsewhere = isFirstLook && this.#isReaping;
      const count = isElsewhere ? 0 : this.#takeBatch();
      if (!isElsewhere) this.#isReaping = count > 0;
      if (count > 0) {
        yield* this.#write(ring.CQ_HEAD, this.#reaped);
        yield* this.#programPending();
      }
      yield* this.#lock.release();
      if (count === 0) return;
      for (let i = 0; i < count; i++) yield* this.#finish(this.slots[this.#batchTags[i]!]!, this.#batchStatus[i]!, this.#batchBytes[i]!);
    }
  }

  #takeBatch(): number {
    let count = 0;
    while (count < REAP_BATCH) {
      const at = (this.#reaped & (RING_ENTRIES - 1)) * ring.COMPLETION_BYTES;
      const expectedPhase = (this.#reaped & RING_ENTRIES) === 0 ? ring.PHASE : 0;
      // The sequence word is the device's last store of an entry: read it first, the rest after it.
      if ((this.#completion.observe32(at + ring.COMPLETION_SEQUENCE) & ring.PHASE) !== expectedPhase) break;
      const tag = this.#completion.read32(at + ring.COMPLETION_TAG);
      this.#batchTags[count] = tag;
      this.#batchBytes[count] = this.#completion.read32(at + ring.COMPLETION_BYTES_MOVED);
      this.#batchStatus[count] = this.#completion.read32(at + ring.COMPLETION_STATUS);
      this.#freeDescriptors += this.slots[tag]!.descriptors;
      this.#reaped = (this.#reaped + 1) | 0;
      count++;
    }
    return count;
  }

  *#programPending(): Suspending<void> {
    const before = this.#submitted;
    for (let slot = this.#pendingHead; slot !== null && slot.descriptors <= this.#freeDescriptors; slot = this.#pendingHead) {
      this.#pendingHead = slot.next;
      if (this.#pendingHead === null) this.#pendingTail = null;
      this.#writeDescriptors(slot, slot.list!);
    }
    if (this.#submitted !== before) yield* this.#write(ring.SQ_TAIL, this.#submitted);
  }

  /** One transfer is done; the transaction ends, or has staged its next transfer and is not ours to touch. */
  *#finish(slot: RingSlot, completionStatus: number, movedBytes: number): Suspending<void> {
    const { transaction } = slot;
    slot.list = null;
    const isOk = completionStatus === ring.STATUS_OK;
    const ended = isOk ? yield* transaction.dmaCompletedWithLength(movedBytes) : yield* transaction.dmaCompletedFinal(movedBytes);
    if (ended === STATUS_MORE_PROCESSING_REQUIRED) return;
    const status = isOk ? ended : STATUS_IO_DEVICE_ERROR;
    const request = transaction.request!;
    const bytes = NT_SUCCESS(status) ? transaction.bytesTransferred : 0;
    yield* transaction.release();
    this.slotFinished(slot);
    yield* request.completeWithInformation(status, bytes);
  }

  /** Told when a slot can carry the next request; before its request completes, because that may present one. */
  slotFinished: (slot: RingSlot) => void = () => undefined;
}
