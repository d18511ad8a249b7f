import type { RandomSource } from '../kernel/index.js';
import type { MachineMemory } from '../memory/index.js';
import type { NtStatus } from '../nt/index.js';
import type { WorkloadConfig } from './config.js';
import { EvenShare } from './even-share.js';
import type { PayloadPattern } from './payload.js';
import type { RequestSlot } from './request-slot.js';

/** What a request that completed with success did wrong. */
export interface PayloadFault {
  readonly rule: 'L-DATA' | 'L-SHORT-TRANSFER';
  /** Goes on from "a read of 64 bytes on ring completed with success, but ...". */
  readonly text: string;
}

/** What the requests of one device mean: how they are drawn and filled, and which bytes are right. */
export interface Traffic {
  /** Something must still be submitted although all that was asked for has been: without it what is in flight cannot end. */
  readonly owesMore: boolean;
  /** Bytes of completed requests that were compared. */
  readonly bytesVerified: number;
  /**
   * Requests to submit now, of `left` that are still asked for, with `free` slots free: one, two that go together, or 0
   * when one in flight must complete first.
   */
  next(left: number, free: number): 0 | 1 | 2;
  /** Nothing is submitted now: the traffic may have something to wait for. */
  waits(): void;
  /** Draws the next request and fills its buffer: as often as `next` said. */
  prepare(slot: RequestSlot): void;
  /** A request completed. */
  completed(slot: RequestSlot, status: NtStatus): void;
  /** Bytes a request that completed with success and reports `reportedBytes` must have moved; where only `check` knows, what it reports. */
  expectedBytes(slot: RequestSlot, reportedBytes: number): number;
  /** Compares what a request that completed with success moved. */
  check(slot: RequestSlot, movedBytes: number): PayloadFault | null;
}

export interface TrafficParts {
  readonly memory: MachineMemory;
  readonly pattern: PayloadPattern;
  readonly random: RandomSource;
  readonly config: WorkloadConfig;
  /** Physical address of the device's local memory, where the oracle looks. */
  readonly localMemoryAddress: number;
}

/** Reads and writes of the device's memory: each slot has a region of its own, whatever else is in flight. */
export class StorageTraffic implements Traffic {
  readonly owesMore = false;
  bytesVerified = 0;
  /** Picks the reads; null when chance does. */
  readonly #reads: EvenShare | null;

  constructor(private readonly parts: TrafficParts) {
    const { shares, readsPercent } = parts.config;
    this.#reads = shares === 'even' ? new EvenShare(readsPercent, 100) : null;
  }

  next(left: number, free: number): 0 | 1 {
    return left > 0 && free > 0 ? 1 : 0;
  }

  waits(): void {}

  prepare(slot: RequestSlot): void {
    const { random, pattern, memory, config, localMemoryAddress } = this.parts;
    slot.draw(random, this.#reads);
    if (slot.isPlainControl) slot.lengthBytes = 0;
    if (slot.isPlainControl || !config.verifyPayload) return;
    slot.patternStart = pattern.drawStart(random);
    if (slot.isRead) memory.copy(localMemoryAddress + slot.deviceOffset, pattern.at(slot.patternStart, 0), slot.lengthBytes);
    else pattern.writeTo(memory, slot.firstMdl, slot.patternStart);
  }

  completed(): void {}

  expectedBytes(slot: RequestSlot): number {
    return slot.lengthBytes;
  }

  /** The bytes that were reported as moved must be the right ones; what lies behind them says nothing. */
  check(slot: RequestSlot, movedBytes: number): PayloadFault | null {
    const { memory, pattern, localMemoryAddress } = this.parts;
    this.bytesVerified += movedBytes;
    const at = slot.isRead
      ? pattern.firstDifference(memory, slot.firstMdl, slot.patternStart)
      : memory.firstDifference(localMemoryAddress + slot.deviceOffset, pattern.at(slot.patternStart, 0), movedBytes);
    if (at < 0 || at >= movedBytes) return null;
    const where = slot.isRead ? "the caller's buffer" : `device memory at 0x${(slot.deviceOffset + at).toString(16)}`;
    return { rule: 'L-DATA', text: `byte ${at} in ${where} is not what was sent` };
  }
}
