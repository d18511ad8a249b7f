import {
  CommonBuffer,
  NT_SUCCESS,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_SUCCESS,
  WdfSpinLock,
  type Device,
  type DmaEnabler,
  type IoQueue,
  type NtStatus,
  type Suspending,
} from '../../index.js';
import type { CommandPort } from './pcidrv-commands.js';
import * as csr from './pcidrv-registers.js';

const NONE = -1;

/**
 * The list of receive frame descriptors, under the receive lock: a common buffer each, linked in the order in which the
 * device will fill them, the last one with the end-of-list bit.
 */
export class ReceiveList {
  /** Frames nobody waited for. */
  dropped = 0;
  readonly #lock: WdfSpinLock;
  /** Descriptors in the list, first to last: a ring of indexes into `frames`. */
  readonly #order: Int32Array;
  #first = 0;
  #count = 0;

  constructor(
    device: Device,
    private readonly frames: readonly CommonBuffer[],
    private readonly readQueue: IoQueue,
    private readonly commands: CommandPort,
  ) {
    this.#lock = WdfSpinLock.create(device);
    this.#order = new Int32Array(frames.length);
    for (let i = 0; i < frames.length; i++) this.#order[i] = i;
    this.#count = frames.length;
  }

  static *allocate(enabler: DmaEnabler, count: number): Suspending<CommonBuffer[] | NtStatus> {
    const frames: CommonBuffer[] = [];
    for (let i = 0; i < count; i++) {
      const frame = yield* CommonBuffer.create(enabler, csr.BLOCK_BYTES + csr.RFD_DATA_BYTES);
      if (!frame.ok) return frame.status;
      frames.push(frame.object);
    }
    return frames;
  }

  #at(position: number): number {
    return this.#order[(this.#first + position) % this.#order.length]!;
  }

  /** D0 entry, and after a reset: every descriptor in the list is empty again. */
  *rebuild(): Suspending<void> {
    yield* this.#lock.acquire();
    for (let i = 0; i < this.#count; i++) {
      this.#clear(this.#at(i));
      if (i > 0) this.#link(this.#at(i - 1), this.#at(i));
    }
    yield* this.#lock.release();
  }

  /** An empty descriptor that ends the list. */
  #clear(index: number): void {
    const frame = this.frames[index]!;
    frame.write32(csr.LINK, 0);
    frame.write32(csr.COUNT, csr.RFD_DATA_BYTES << csr.RFD_SIZE_SHIFT);
    frame.publish32(csr.STATUS_COMMAND, csr.COMMAND_END_OF_LIST);
  }

  /** Link first, end-of-list bit last: the device follows a link only when the bit is gone (rule D32). */
  #link(last: number, next: number): void {
    const frame = this.frames[last]!;
    frame.write32(csr.LINK, this.frames[next]!.logicalAddress);
    frame.write8(csr.COMMAND_HIGH, 0);
  }

  /** DPC: hands every frame that has come in to the next read that waits, and keeps the unit running. */
  *service(): Suspending<void> {
    do yield* this.#drain();
    while (yield* this.#restartUnit());
  }

  *#drain(): Suspending<void> {
    for (let index = yield* this.#take(); index !== NONE; index = yield* this.#take()) {
      const frame = this.frames[index]!;
      yield* this.frameIn(index, frame.read32(csr.STATUS_COMMAND), frame.read32(csr.COUNT));
    }
  }

  #isFrameIn(): boolean {
    if (this.#count === 0) return false;
    const frame = this.frames[this.#at(0)]!;
    const isComplete = (frame.observe32(csr.STATUS_COMMAND) & csr.COMPLETE) !== 0;
    return isComplete && (frame.read32(csr.COUNT) & csr.RFD_COUNT_VALID) !== 0;
  }

  *#take(): Suspending<number> {
    yield* this.#lock.acquire();
    let index = NONE;
    if (this.#isFrameIn()) {
      index = this.#at(0);
      this.#first = (this.#first + 1) % this.#order.length;
      this.#count--;
    }
    yield* this.#lock.release();
    return index;
  }

  /** A descriptor is the device's again when its frame has been copied, and not before (rule D31). */
  protected *frameIn(index: number, status: number, count: number): Suspending<void> {
    yield* this.deliver(index, status, count);
    yield* this.giveBack(index);
  }

  /** The lock is not held: completing a request may call the driver back. */
  protected *deliver(index: number, frameStatus: number, count: number): Suspending<void> {
    const isOk = (frameStatus & csr.OK) !== 0;
    const waiting = isOk ? yield* this.readQueue.retrieveNextRequest() : null;
    if (waiting === null || !waiting.ok) {
      this.dropped++;
      return;
    }
    const request = waiting.object;
    const lengthBytes = count & csr.RFD_COUNT_MASK;
    const status = lengthBytes > request.lengthBytes ? STATUS_BUFFER_TOO_SMALL : STATUS_SUCCESS;
    if (NT_SUCCESS(status)) this.frames[index]!.copyToMdl(csr.BLOCK_BYTES, request.mdl!, lengthBytes);
    yield* request.completeWithInformation(status, NT_SUCCESS(status) ? lengthBytes : 0);
  }

  protected *giveBack(index: number): Suspending<void> {
    yield* this.#lock.acquire();
    this.#clear(index);
    const last = this.#count === 0 ? NONE : this.#at(this.#count - 1);
    this.#order[(this.#first + this.#count) % this.#order.length] = index;
    this.#count++;
    if (last !== NONE) this.#link(last, index);
    yield* this.#lock.release();
  }

  /** Starts a unit that ran out of descriptors at the first empty one. True: a frame has come in meanwhile, look again. */
  *#restartUnit(): Suspending<boolean> {
    yield* this.#lock.acquire();
    let isFrameIn = this.#isFrameIn();
    if (!isFrameIn && this.#count > 0) {
      const first = this.frames[this.#at(0)]!.logicalAddress;
      isFrameIn = !(yield* this.commands.startReceiveUnitIfStopped(first, () => !this.#isFrameIn()));
    }
    yield* this.#lock.release();
    return isFrameIn;
  }
}
