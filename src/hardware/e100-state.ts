import { atomics, struct } from '../memory/index.js';
import type { DeviceView } from './device-view.js';
import * as e100 from './e100-registers.js';

/**
 * What the command unit does next.
 *
 *     Idle --start--> Fetch --> Tbd --> Burst ... --> Status --> Cause (I bit) --> Check --> Fetch (next block)
 *                                 ^------' next buffer    \-----------------------^  \
 *     Suspended --resume--> Check                                     S or EL set: Stop --> Suspended, Idle
 *
 * Injected faults: Fetch --> Wait --> where it was going; Fetch --> Hung until a reset through PORT.
 */
export const CuPhase = {
  Idle: 0,
  Suspended: 1,
  Fetch: 2,
  Tbd: 3,
  Burst: 4,
  Status: 5,
  Cause: 6,
  Check: 7,
  Stop: 8,
  Wait: 9,
  Hung: 10,
} as const;
export const cuPhaseNames = Object.keys(CuPhase);

/**
 * What the receive unit does next; in the first three phases frames find no descriptor and are dropped.
 *
 *     Idle --start--> Ready --frame--> Fetch --> Burst ... --> Count --> Next --> Status --> Cause --> Ready
 *     NoResources --start--> Ready                                  S or EL set: Stop --> Suspended, NoResources
 *     Suspended --resume--> Follow --> Ready, Stop
 *
 * Next comes before Status: once a descriptor says complete, the unit does not need it any more.
 */
export const RuPhase = {
  Idle: 0,
  Suspended: 1,
  NoResources: 2,
  Ready: 3,
  Fetch: 4,
  Burst: 5,
  Count: 6,
  Status: 7,
  Cause: 8,
  Next: 9,
  Stop: 10,
  Follow: 11,
} as const;
export const ruPhaseNames = Object.keys(RuPhase);

/** State words. */
export const E100Word = struct('E100State', 48, {
  /** Which unit goes first in the next step: 0 command, 1 receive. */
  Cursor: 0,
  CuPhase: 1,
  CuBase: 2,
  /** Address of the command block in work, or of the one the unit stopped at. */
  CuBlock: 3,
  CuLink: 4,
  /** Word 0 of the block as it was read last. */
  CuCommand: 5,
  CuTbdArray: 6,
  CuTbdCount: 7,
  CuTbdIndex: 8,
  /** Piece of the frame in work: address and bytes not gathered yet. */
  CuPiece: 9,
  CuPieceLeft: 10,
  /** Bytes gathered of the frame. */
  CuGathered: 11,
  /** Status bits the block will get. */
  CuStatus: 12,
  /** A resume came while the unit was active: it looks at the block again before it stops. */
  CuResume: 13,
  /** Injected: ticks left of a wait and the phase after it. */
  CuTicks: 14,
  CuAfterWait: 15,
  /** Injected: ticks left until the last interrupt comes once more. */
  CuRepeat: 16,
  /** Injected: the status was late already. */
  CuWasLate: 17,
  RuPhase: 20,
  RuBase: 21,
  RuBlock: 22,
  RuLink: 23,
  RuCommand: 24,
  RuSize: 25,
  RuMoved: 26,
  RuResume: 27,
  /** Frames on the wire: free-running counts in and out; their lengths stand in WIRE_LENGTHS. */
  WireIn: 28,
  WireOut: 29,
});
export const WIRE_FRAMES_MAX = 16;
export const WIRE_LENGTHS = 32;
export const E100_STATE_WORDS = 48;

/** Byte offset in memory of a frame on the wire, by its free-running number. */
export function wireFrame(d: DeviceView, frame: number): number {
  return d.localMemory + (frame & (WIRE_FRAMES_MAX - 1)) * e100.E100_FRAME_BYTES_MAX;
}

export function framesOnWire(d: DeviceView): number {
  return (d.words[d.state + E100Word.WireIn]! - d.words[d.state + E100Word.WireOut]!) | 0;
}

export function setCus(d: DeviceView, state: number): void {
  setField(d, e100.E100_CUS_MASK, state << e100.E100_CUS_SHIFT);
}

export function setRus(d: DeviceView, state: number): void {
  setField(d, e100.E100_RUS_MASK, state << e100.E100_RUS_SHIFT);
}

/** Only the device changes these fields, so a difference added changes them in one piece: no reader sees a state in between. */
function setField(d: DeviceView, mask: number, bits: number): void {
  const word = d.registers.wordIndex(e100.E100_SCB);
  atomics.add(d.words, word, bits - (atomics.load(d.words, word) & mask));
}

/** A cause rises; the line follows if it is not masked. */
export function raiseCause(d: DeviceView, cause: number): void {
  d.registers.raise(e100.E100_SCB, cause);
  if (lineAsserted(d)) d.lineChanged();
}

/** A masked cause stays and asserts the line once the mask is gone. */
export function lineAsserted(d: DeviceView): boolean {
  const scb = d.registers.get(e100.E100_SCB);
  return (scb & e100.E100_CAUSES) !== 0 && (scb & e100.E100_MASK_ALL) === 0;
}
