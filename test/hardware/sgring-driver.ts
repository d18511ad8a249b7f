import {
  SGRING_COMPLETION_BYTES,
  SGRING_DESCRIPTOR_BYTES,
  SGRING_END_OF_REQUEST,
  SGRING_PHASE,
  SgringCompletion,
  SgringDescriptor,
  sgringRegister,
  type DeviceView,
} from '../../src/hardware/index.js';
import * as sg from '../../src/hardware/index.js';
import { atomics, PAGE_SIZE } from '../../src/memory/index.js';
import { high, low, type Rig } from './rig.js';

export interface Piece {
  readonly address: number;
  readonly lengthBytes: number;
  readonly deviceOffset: number;
  readonly flags?: number;
}

export interface Completion {
  readonly tag: number;
  readonly bytesMoved: number;
  readonly status: number;
}

/** A polling driver of one sgring channel, written against docs/sgring.md. */
export class SgringDriver {
  readonly submission: { physical: number; logical: number };
  readonly completion: { physical: number; logical: number };
  tail: number;
  head: number;

  constructor(
    readonly rig: Rig,
    readonly ringSize: number,
    readonly options: { channel?: number; startIndex?: number; moderation?: number; mask?: number; view?: DeviceView } = {},
  ) {
    this.submission = rig.map(Math.ceil((ringSize * SGRING_DESCRIPTOR_BYTES) / PAGE_SIZE), undefined, this.view);
    this.completion = rig.map(Math.ceil((ringSize * SGRING_COMPLETION_BYTES) / PAGE_SIZE), undefined, this.view);
    this.tail = options.startIndex ?? 0;
    this.head = this.tail;
    this.write(sg.SGRING_RING_SIZE, ringSize);
    this.write(sg.SGRING_SQ_BASE_LOW, low(this.submission.logical));
    this.write(sg.SGRING_SQ_BASE_HIGH, high(this.submission.logical));
    this.write(sg.SGRING_CQ_BASE_LOW, low(this.completion.logical));
    this.write(sg.SGRING_CQ_BASE_HIGH, high(this.completion.logical));
    this.write(sg.SGRING_START_INDEX, this.tail);
    this.write(sg.SGRING_SQ_TAIL, this.tail);
    this.write(sg.SGRING_CQ_HEAD, this.tail);
    this.write(sg.SGRING_MODERATION, options.moderation ?? 1);
    this.write(sg.SGRING_INT_MASK, options.mask ?? 7);
    this.write(sg.SGRING_CTRL, sg.SGRING_CTRL_ENABLE);
  }

  get view(): DeviceView {
    return this.options.view ?? this.rig.view;
  }

  get channel(): number {
    return this.options.channel ?? 0;
  }

  write(register: number, value: number): void {
    this.view.writeRegister(sgringRegister(this.channel, register), 4, value);
  }

  read(register: number): number {
    return this.view.readRegister(sgringRegister(this.channel, register), 4);
  }

  /** Puts a request's descriptors in the ring; the last gets END_OF_REQUEST. No doorbell. */
  queue(tag: number, pieces: readonly Piece[]): void {
    pieces.forEach((piece, i) => {
      const { i32 } = this.rig.memory;
      const at = (this.submission.physical >> 2) + (this.tail & (this.ringSize - 1)) * (SGRING_DESCRIPTOR_BYTES / 4);
      i32[at + SgringDescriptor.AddressLow] = low(piece.address);
      i32[at + SgringDescriptor.AddressHigh] = high(piece.address);
      i32[at + SgringDescriptor.LengthBytes] = piece.lengthBytes;
      i32[at + SgringDescriptor.Flags] = (piece.flags ?? 0) | (i === pieces.length - 1 ? SGRING_END_OF_REQUEST : 0);
      i32[at + SgringDescriptor.DeviceOffset] = piece.deviceOffset;
      i32[at + SgringDescriptor.Tag] = tag;
      this.tail = (this.tail + 1) | 0;
    });
  }

  doorbell(): void {
    this.write(sg.SGRING_SQ_TAIL, this.tail);
  }

  submit(tag: number, pieces: readonly Piece[]): void {
    this.queue(tag, pieces);
    this.doorbell();
  }

  /** The next completion by its phase bit, null when there is none. Does not move CQ_HEAD. */
  poll(): Completion | null {
    const { i32 } = this.rig.memory;
    const at = (this.completion.physical >> 2) + (this.head & (this.ringSize - 1)) * (SGRING_COMPLETION_BYTES / 4);
    const sequence = atomics.load(i32, at + SgringCompletion.Sequence);
    const phase = (this.head & this.ringSize) === 0 ? SGRING_PHASE : 0;
    if ((sequence & SGRING_PHASE) !== phase) return null;
    // On a ring's very first pass backwards of a zeroed entry has phase 0: the number must fit as well.
    if (sequence >> 1 !== (this.head << 1) >> 1) return null;
    this.head = (this.head + 1) | 0;
    return {
      tag: i32[at + SgringCompletion.Tag]!,
      bytesMoved: i32[at + SgringCompletion.BytesMoved]!,
      status: i32[at + SgringCompletion.Status]!,
    };
  }

  /** Everything completed so far, acknowledged by CQ_HEAD. */
  drain(): Completion[] {
    const all: Completion[] = [];
    for (let completion = this.poll(); completion !== null; completion = this.poll()) all.push(completion);
    this.write(sg.SGRING_CQ_HEAD, this.head);
    return all;
  }
}
