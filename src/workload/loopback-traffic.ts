import { NT_SUCCESS, UsageError, type NtStatus } from '../nt/index.js';
import { Dpc, newTimer, type Kernel, type KernelTimer, type Suspending } from '../kernel/index.js';
import type { RequestSlot } from './request-slot.js';
import type { PayloadFault, Traffic, TrafficParts } from './traffic.js';

/**
 * A frame: its sequence number, then the payload from byte 4 on.
 *
 *     +0  sequence number, 32 bits | +4 payload pattern ...
 */
const HEADER_BYTES = 4;

/** Frames remembered; one that is older when it comes in counts as never sent. A power of two. */
const REMEMBERED_FRAMES = 65536;
/** Places for them at first: most executions send few. */
const FRAMES_AT_FIRST = 64;

/**
 * Reads whose frames count as lost have waited for so many looks in a row, no write being in flight. One long look would
 * not do: the host may have stopped this thread for as long, and the device is ahead of it.
 */
const LOOKS_MAX = 6;
const LOOK_NS = 50e6;
/** Looks that find time has leapt end, too: a schedule may let it leap whenever it can. One frame too many does no harm. */
const LEAPT_LOOKS_MAX = 200;
/** Losses in a row after which no more frames are sent: nothing comes in any more, and the reads stay outstanding. */
const LOSSES_MAX = 16;

/**
 * Writes are frames that a network sends back, reads take them in. A read is submitted in front of each write, so that a
 * frame which is not lost finds somebody to take it, and the same traffic gives the same bytes under every order. A frame
 * may be lost all the same - its write failed or was cancelled, nothing was ready for it - and then another is sent for
 * the read that waits. Which frame a read gets is the network's affair: what counts is that it is one that was sent, that
 * it comes once, whole, and with the right bytes.
 */
export class LoopbackTraffic implements Traffic {
  bytesVerified = 0;
  readonly #parts: TrafficParts;
  readonly #kernel: Kernel;
  readonly #wake: () => void;
  readonly #readsMax: number;
  #starts = new Int32Array(FRAMES_AT_FIRST);
  /** Length of the frame; 0 when it has come in. */
  #lengths = new Int32Array(FRAMES_AT_FIRST);
  readonly #lossTimer: KernelTimer;
  #sent = 0;
  #waitingReads = 0;
  #writesInFlight = 0;
  #readsCompleted = 0;
  /** The read of a pair has been prepared, its write comes next. */
  #pairIsOpen = false;
  /** The next of the asked-for requests begins a pair; null while that is not drawn. */
  #nextIsPair: boolean | null = null;
  /** Frames to send in place of lost ones. */
  #owed = 0;
  #losses = 0;
  #looks = 0;
  #leaptLooks = 0;
  #leapsAtArming = 0;
  #readsAtArming = 0;

  constructor(parts: TrafficParts, kernel: Kernel, deviceName: string, wake: () => void) {
    const { minBytes, outstanding } = parts.config;
    if (minBytes < HEADER_BYTES) {
      throw new UsageError('USAGE_PARAMETER', `frames of ${minBytes} bytes have no room for a sequence number`, {
        where: 'minBytes',
        expected: `${HEADER_BYTES} or more`,
      });
    }
    this.#parts = parts;
    this.#kernel = kernel;
    this.#wake = wake;
    // Writes can always be submitted, or the reads would wait for ever.
    this.#readsMax = Math.floor(outstanding / 2);
    const dpc = new Dpc(kernel, `${deviceName}: frames are overdue`, () => this.#overdue());
    this.#lossTimer = newTimer(dpc.name, dpc, kernel.current);
  }

  get owesMore(): boolean {
    return this.#waitingReads > 0;
  }

  next(left: number, free: number): 0 | 1 | 2 {
    if (free === 0) return 0;
    if (this.#owesFrame()) return 1;
    if (left === 0) return 0;
    this.#nextIsPair ??= left > 1 && this.#readsMax > 0 && this.#drawsPair();
    if (!this.#nextIsPair) return 1;
    return free > 1 && this.#waitingReads < this.#readsMax ? 2 : 0;
  }

  #owesFrame(): boolean {
    return this.#owed > 0 && this.#waitingReads > 0;
  }

  /** Reads are at most half of the requests: r of them in a hundred make r pairs and 100 - 2r single writes. */
  #drawsPair(): boolean {
    const { config, random } = this.#parts;
    const reads = Math.min(config.readsPercent, 50);
    return random.chance(reads, 100 - reads);
  }

  prepare(slot: RequestSlot): void {
    const { random, config } = this.#parts;
    const isPartner = this.#pairIsOpen;
    const isOwed = !isPartner && this.#owesFrame();
    const isRead = !isPartner && !isOwed && this.#nextIsPair === true;
    if (isOwed) this.#owed--;
    else if (!isPartner) this.#nextIsPair = null;
    this.#pairIsOpen = isRead;
    // A read has room for any frame.
    slot.drawFrame(random, isRead, isRead ? config.maxBytes : null);
    if (isRead) this.#waitingReads++;
    else this.#send(slot);
  }

  #send(slot: RequestSlot): void {
    const { pattern, random, memory } = this.#parts;
    this.#writesInFlight++;
    const sequence = this.#sent;
    if (sequence === this.#lengths.length && sequence < REMEMBERED_FRAMES) this.#grow();
    this.#sent = (sequence + 1) | 0;
    const at = this.#placeOf(sequence);
    slot.patternStart = pattern.drawStart(random);
    this.#starts[at] = slot.patternStart;
    this.#lengths[at] = slot.lengthBytes;
    pattern.writeTo(memory, slot.firstMdl, slot.patternStart);
    for (let i = 0; i < HEADER_BYTES; i++) memory.u8[slot.physicalAddress(i)] = (sequence >>> (8 * i)) & 0xff;
  }

  #placeOf(sequence: number): number {
    return sequence & (this.#lengths.length - 1);
  }

  /** Twice the places; as long as there are fewer than are remembered, each frame sent has one of its own. */
  #grow(): void {
    const { length } = this.#lengths;
    const [starts, lengths] = [this.#starts, this.#lengths];
    this.#starts = new Int32Array(length * 2);
    this.#lengths = new Int32Array(length * 2);
    this.#starts.set(starts);
    this.#lengths.set(lengths);
  }

  completed(slot: RequestSlot, status: NtStatus): void {
    if (slot.isRead) {
      this.#waitingReads--;
      this.#readsCompleted++;
      if (NT_SUCCESS(status)) this.#losses = 0;
      if (this.#waitingReads === 0) this.#owed = 0;
      return;
    }
    this.#writesInFlight--;
    // It did not go out, most likely; a read waits for it.
    if (!NT_SUCCESS(status)) this.#owed++;
  }

  /** Once all writes have completed, frames are on their way or lost: time tells. */
  waits(): void {
    if (this.#waitingReads === 0 || this.#writesInFlight > 0 || this.#losses >= LOSSES_MAX || this.#lossTimer.heapIndex >= 0) return;
    const { timers, clock, timeLeaps } = this.#kernel;
    this.#leapsAtArming = timeLeaps;
    this.#readsAtArming = this.#readsCompleted;
    this.#lossTimer.cpu = this.#kernel.current;
    timers.arm(this.#lossTimer, clock.nowNs() + LOOK_NS);
  }

  *#overdue(): Suspending<void> {
    const isQuiet = this.#waitingReads > 0 && this.#writesInFlight === 0 && this.#readsAtArming === this.#readsCompleted;
    // Time that leapt says little: the device may just not have had its turn.
    const hasLeapt = this.#leapsAtArming !== this.#kernel.timeLeaps;
    this.#looks = isQuiet && !hasLeapt ? this.#looks + 1 : 0;
    this.#leaptLooks = isQuiet ? this.#leaptLooks + (hasLeapt ? 1 : 0) : 0;
    if (this.#looks === LOOKS_MAX) {
      this.#looks = 0;
      this.#losses++;
      this.#owed = this.#waitingReads;
    } else if (this.#leaptLooks === LEAPT_LOOKS_MAX) {
      this.#leaptLooks = 0;
      this.#owed = this.#waitingReads;
    }
    // The application's thread looks on, not this timer: time cannot go on for ever without it.
    this.#wake();
  }

  expectedBytes(slot: RequestSlot, reportedBytes: number): number {
    return slot.isRead ? reportedBytes : slot.lengthBytes;
  }

  #sequenceOf(slot: RequestSlot): number {
    const { memory } = this.#parts;
    let sequence = 0;
    for (let i = 0; i < HEADER_BYTES; i++) sequence |= memory.u8[slot.physicalAddress(i)]! << (8 * i);
    return sequence;
  }

  /** A frame that was sent is compared where it comes in, and counts for both of its requests then. */
  check(slot: RequestSlot, movedBytes: number): PayloadFault | null {
    if (!slot.isRead) return null;
    const { memory, pattern } = this.#parts;
    const sequence = this.#sequenceOf(slot);
    const at = this.#placeOf(sequence);
    const age = (this.#sent - sequence) | 0;
    if (age <= 0 || age > this.#lengths.length)
      return { rule: 'L-DATA', text: `the frame has sequence number ${sequence}, which was never sent` };
    const length = this.#lengths[at]!;
    if (length === 0) return { rule: 'L-DATA', text: `frame ${sequence} came in a second time` };
    this.#lengths[at] = 0;
    if (movedBytes !== length)
      return { rule: 'L-SHORT-TRANSFER', text: `frame ${sequence} has ${length} bytes, and ${movedBytes} are reported` };
    this.bytesVerified += 2 * length;
    const difference = pattern.firstDifference(memory, slot.firstMdl, this.#starts[at]!, HEADER_BYTES);
    if (difference < 0 || difference >= length) return null;
    return { rule: 'L-DATA', text: `byte ${difference} of frame ${sequence} is not what was sent` };
  }
}
