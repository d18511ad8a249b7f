import { PAGE_SIZE, type FrameAllocator, NO_FRAME } from '../memory/index.js';
import { UsageError, type NtStatus } from '../nt/index.js';
import type { RandomSource } from '../kernel/index.js';
import { Mdl } from '../hal/index.js';
import type { CancelWindow, FileObject, IoCompletion, Request } from '../wdf/index.js';
import type { WorkloadConfig } from './config.js';
import { TRANSFER_INPUT_BYTES } from './control-codes.js';
import type { EvenShare } from './even-share.js';

/** Told once for each request of a slot, inside the call that completes it. */
export interface SlotOwner {
  slotCompleted(slot: RequestSlot, status: NtStatus, informationBytes: number): void;
}

/**
 * One place in the closed loop: a request object, the caller's buffer (frames that are not adjacent, described anew
 * for each request by one to `maxMdls` chained MDLs) and a region of the device's memory that is its alone, so that
 * every byte can be checked whatever else is in flight.
 */
export class RequestSlot implements IoCompletion {
  inFlight = false;
  isRead = false;
  lengthBytes = 0;
  patternStart = 0;
  dueNs = 0;
  deviceOffset = 0;
  /** A control request without buffers: it moves nothing. */
  isPlainControl = false;
  /** A transfer that is issued as a device control request. */
  isDeviceControl = false;
  /** The file the request in flight was issued through. */
  fileObject: FileObject | null = null;
  submittedAtPoint = 0;
  /** `kernel.timeLeaps` when it was submitted. */
  leapsAtSubmit = 0;
  /** Window in which its cancellation came; null when nobody cancelled it. */
  cancelWindow: CancelWindow | null = null;
  request: Request;
  /** Set by the traffic that issues the slot's requests. */
  owner: SlotOwner | null = null;
  readonly #frames: Int32Array;
  readonly #mdls: Mdl[];
  /** Where the input of its device control requests lies; null when there are none. */
  readonly systemBuffer: Mdl | null;

  constructor(
    readonly index: number,
    request: Request,
    private readonly config: WorkloadConfig,
    private readonly regionOffset: number,
    private readonly regionBytes: number,
    frames: FrameAllocator,
  ) {
    const frameCount = framesPerSlot(config);
    this.request = request;
    this.#frames = new Int32Array(frameCount);
    this.systemBuffer = config.deviceControlPercent === 0 ? null : new Mdl(new Int32Array(1), 0, TRANSFER_INPUT_BYTES);
    this.#mdls = Array.from({ length: config.maxMdls }, () => new Mdl(new Int32Array(frameCount), 0, 0));
    this.#takeFrames(frames);
  }

  /** As new, for another request object and whatever frames there are now: a machine that was reset. */
  startOver(request: Request, frames: FrameAllocator): void {
    this.request = request;
    this.inFlight = false;
    this.isRead = false;
    this.lengthBytes = this.patternStart = this.deviceOffset = 0;
    this.dueNs = this.submittedAtPoint = this.leapsAtSubmit = 0;
    this.isPlainControl = false;
    this.isDeviceControl = false;
    this.fileObject = null;
    this.cancelWindow = null;
    for (let i = 0; i < this.#mdls.length; i++) this.#mdls[i]!.forget();
    this.systemBuffer?.forget();
    this.#takeFrames(frames);
  }

  #takeFrames(source: FrameAllocator): void {
    const frames = this.#frames;
    for (let i = 0; i < frames.length; i++) {
      const frame = source.allocate();
      if (frame === NO_FRAME)
        throw new UsageError('USAGE_MEMORY', 'the machine has too few RAM pages for the buffers of the workload', {
          expected: 'fewer outstanding requests, smaller ones, or more RAM pages',
        });
      frames[i] = frame;
    }
    if (this.systemBuffer === null) return;
    this.systemBuffer.frames[0] = frames[frames.length - 1]!;
    this.systemBuffer.describe(0, TRANSFER_INPUT_BYTES);
  }

  requestCompleted(_request: Request, status: NtStatus, informationBytes: number): void {
    this.owner!.slotCompleted(this, status, informationBytes);
  }

  get firstMdl(): Mdl {
    return this.#mdls[0]!;
  }

  /** What a report calls the request. */
  get description(): string {
    if (this.isPlainControl) return 'control request';
    const transfer = `${this.isRead ? 'read' : 'write'} of ${this.lengthBytes} bytes`;
    return this.isDeviceControl ? `${transfer} by control code` : transfer;
  }

  /** Draws length, offsets and the split into MDLs for the next request, and the direction, unless `reads` picks the reads. */
  draw(random: RandomSource, reads: EvenShare | null = null): void {
    const { config } = this;
    const align = config.alignBytes;
    // Asked only where there are such requests: other traffic stays what it was for a seed.
    this.isPlainControl = config.controlPercent > 0 && random.chance(config.controlPercent, 100);
    this.isDeviceControl = config.deviceControlPercent > 0 && random.chance(config.deviceControlPercent, 100);
    this.isRead = reads === null ? random.chance(config.readsPercent, 100) : reads.next();
    this.lengthBytes = Math.min(drawLength(config, random), this.regionBytes);
    const slack = this.regionBytes - this.lengthBytes;
    this.deviceOffset = this.regionOffset + random.below(Math.floor(slack / align) + 1) * align;
    this.#describe(random);
  }

  /** As `draw`, for a frame: the direction is given, the length, too, unless it is null; frames have no place on the device. */
  drawFrame(random: RandomSource, isRead: boolean, lengthBytes: number | null): void {
    this.isRead = isRead;
    this.lengthBytes = lengthBytes ?? drawLength(this.config, random);
    this.deviceOffset = 0;
    this.#describe(random);
  }

  /** Physical address of the buffer's byte at `offset`. */
  physicalAddress(offset: number): number {
    let mdl = this.firstMdl;
    let rest = offset;
    for (; rest >= mdl.byteCount; mdl = mdl.next!) rest -= mdl.byteCount;
    return mdl.physicalAddress(rest);
  }

  #describe(random: RandomSource): void {
    const align = this.config.alignBytes;
    const units = this.lengthBytes / align;
    const pieces = Math.min(1 + random.below(this.config.maxMdls), units);
    let frame = 0;
    let left = units;
    for (let i = 0; i < pieces; i++) {
      const own = i === pieces - 1 ? left : 1 + random.below(left - (pieces - 1 - i));
      left -= own;
      frame = this.#describeMdl(this.#mdls[i]!, random.below(PAGE_SIZE / align) * align, own * align, frame);
      this.#mdls[i]!.next = i === pieces - 1 ? null : this.#mdls[i + 1]!;
    }
  }

  #describeMdl(mdl: Mdl, byteOffset: number, byteCount: number, firstFrame: number): number {
    const pages = Math.ceil((byteOffset + byteCount) / PAGE_SIZE);
    for (let page = 0; page < pages; page++) mdl.frames[page] = this.#frames[firstFrame + page]!;
    mdl.describe(byteOffset, byteCount);
    return firstFrame + pages;
  }
}

/** Pages a slot's buffer can touch: whole pages of the longest request, two more for each MDL's ragged ends; and its system buffer. */
export function framesPerSlot(config: WorkloadConfig): number {
  return Math.ceil(config.maxBytes / PAGE_SIZE) + 2 * config.maxMdls + (config.deviceControlPercent > 0 ? 1 : 0);
}

function drawLength(config: WorkloadConfig, random: RandomSource): number {
  const { minBytes, maxBytes, alignBytes } = config;
  if (minBytes === maxBytes) return maxBytes;
  // Log-uniform by doublings and a uniform rest: whole-number arithmetic only, the same on every machine.
  const doublings = 31 - Math.clz32(Math.floor(maxBytes / minBytes));
  const low = minBytes * 2 ** random.below(doublings + 1);
  const high = Math.min(low * 2, maxBytes);
  const units = Math.floor((low + random.below(high - low + 1)) / alignBytes);
  return Math.max(units, 1) * alignBytes;
}
