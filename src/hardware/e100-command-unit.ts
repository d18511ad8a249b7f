import { PAGE_SIZE, atomics } from '../memory/index.js';
import { DeviceFault } from '../faults/fault-kind.js';
import { drawFault } from './device-faults.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import * as e100 from './e100-registers.js';
import { E100Block, E100Tbd } from './e100-registers.js';
import * as layout from './e100-state.js';
import { framesOnWire, raiseCause, setCus, wireFrame } from './e100-state.js';

// Copies of other modules' constants, see sgring-state.ts.
const { CuPhase, E100Word, WIRE_FRAMES_MAX, WIRE_LENGTHS } = layout;

/* The command unit: follows the ring of command blocks, gathers frames and puts them on the wire. */

const CHANNEL = 0;

/** Injected waits, in ticks. */
const STALL_TICKS = 32;
const LATE_TICKS = 16;
const REPEAT_TICKS = 16;

// ---- Commands of the SCB

export function cuCommand(d: DeviceView, command: number): void {
  const { words, state } = d;
  const phase = words[state + E100Word.CuPhase]!;
  const isStopped = phase === CuPhase.Idle || phase === CuPhase.Suspended;
  switch (command) {
    case e100.E100Cuc.Start:
      if (!isStopped) return;
      words[state + E100Word.CuBlock] = blockAddress(words[state + E100Word.CuBase]!, d.registers.get(e100.E100_GENERAL_POINTER));
      words[state + E100Word.CuPhase] = CuPhase.Fetch;
      words[state + E100Word.CuResume] = 0;
      setCus(d, e100.E100Cus.Active);
      return;
    case e100.E100Cuc.Resume:
      // An active unit may have read the suspend bit just before the driver cleared it: it must look again (rule D32).
      if (!isStopped) words[state + E100Word.CuResume] = 1;
      else if (phase === CuPhase.Suspended) {
        words[state + E100Word.CuPhase] = CuPhase.Check;
        setCus(d, e100.E100Cus.Active);
      }
      return;
    case e100.E100Cuc.LoadBase:
      words[state + E100Word.CuBase] = d.registers.get(e100.E100_GENERAL_POINTER);
      return;
    default:
      return;
  }
}

/** Offsets wrap at 4 GiB as the adder on the chip does; blocks stand on 16-byte boundaries. */
export function blockAddress(base: number, offset: number): number {
  return (base + offset) & ~(e100.E100_BLOCK_BYTES - 1);
}

// ---- Phases

/** Phase that a step of the unit performs now; Idle when it has nothing to do. */
export function cuDue(d: DeviceView): number {
  const { words, state } = d;
  const phase = words[state + E100Word.CuPhase]!;
  switch (phase) {
    case CuPhase.Idle:
    case CuPhase.Suspended:
      return words[state + E100Word.CuRepeat] !== 0 ? CuPhase.Wait : CuPhase.Idle;
    case CuPhase.Hung:
      return CuPhase.Idle;
    case CuPhase.Burst:
      // The wire is full: the frame waits for the receive side.
      return framesOnWire(d) === WIRE_FRAMES_MAX ? CuPhase.Idle : phase;
    case CuPhase.Stop:
      return words[state + E100Word.CuResume] !== 0 ? CuPhase.Check : phase;
    default:
      return phase;
  }
}

export function cuPerform(d: DeviceView, phase: number): void {
  switch (phase) {
    case CuPhase.Fetch:
      return fetch(d);
    case CuPhase.Tbd:
      return fetchTbd(d);
    case CuPhase.Burst:
      return burst(d);
    case CuPhase.Status:
      return writeStatus(d);
    case CuPhase.Cause:
      return cause(d);
    case CuPhase.Check:
      return check(d);
    case CuPhase.Stop:
      return stop(d);
    default:
      return tick(d);
  }
}

/** Byte offset in memory of the block in work. */
function block(d: DeviceView, access: BusAccess): number {
  return d.iommu.translate(0, d.words[d.state + E100Word.CuBlock]!, 0, e100.E100_BLOCK_BYTES, access, CHANNEL);
}

function fetch(d: DeviceView): void {
  const { words, state } = d;
  const host = block(d, BusAccess.Read);
  if (host === TRANSLATION_FAULT) return masterAbort(d);
  const at = host >> 2;
  words[state + E100Word.CuCommand] = atomics.load(words, at + E100Block.StatusCommand);
  words[state + E100Word.CuLink] = words[at + E100Block.Link]!;
  words[state + E100Word.CuStatus] = e100.E100_COMPLETE | e100.E100_OK;
  words[state + E100Word.CuGathered] = 0;
  words[state + E100Word.CuWasLate] = 0;
  if (opcode(words[state + E100Word.CuCommand]!) !== e100.E100Opcode.Transmit) {
    // Address, configuration and multicast setup are taken and change nothing here (model).
    words[state + E100Word.CuPhase] = CuPhase.Status;
    return;
  }
  const isFlexible = (words[state + E100Word.CuCommand]! & e100.E100_FLEXIBLE) !== 0;
  words[state + E100Word.CuTbdArray] = words[at + E100Block.Pointer]!;
  words[state + E100Word.CuTbdCount] = isFlexible ? words[at + E100Block.Count]! >>> e100.E100_TBD_COUNT_SHIFT : 0;
  words[state + E100Word.CuTbdIndex] = 0;
  words[state + E100Word.CuPiece] = (words[state + E100Word.CuBlock]! + e100.E100_BLOCK_BYTES) | 0;
  words[state + E100Word.CuPieceLeft] = words[at + E100Block.Count]! & e100.E100_COUNT_MASK;
  nextPiece(d);
  if (words[d.faults] !== 0) spoil(d);
}

const opcode = (command: number): number => (command & e100.E100_OPCODE_MASK) >> e100.E100_OPCODE_SHIFT;

/** Where the unit goes when a piece of the frame is at hand or used up. */
function nextPiece(d: DeviceView): void {
  const { words, state } = d;
  if (words[state + E100Word.CuPieceLeft]! > 0) words[state + E100Word.CuPhase] = CuPhase.Burst;
  else if (words[state + E100Word.CuTbdIndex]! < words[state + E100Word.CuTbdCount]!) words[state + E100Word.CuPhase] = CuPhase.Tbd;
  else {
    if (words[state + E100Word.CuGathered] === 0) words[state + E100Word.CuStatus] = e100.E100_COMPLETE | e100.E100_UNDERRUN;
    else send(d);
    words[state + E100Word.CuPhase] = CuPhase.Status;
  }
}

/** The frame is whole: it goes out, and what goes out comes in. */
function send(d: DeviceView): void {
  const { words, state } = d;
  const frame = words[state + E100Word.WireIn]!;
  words[state + WIRE_LENGTHS + (frame & (WIRE_FRAMES_MAX - 1))] = words[state + E100Word.CuGathered]!;
  words[state + E100Word.WireIn] = (frame + 1) | 0;
}

function fetchTbd(d: DeviceView): void {
  const { words, state } = d;
  const index = words[state + E100Word.CuTbdIndex]!;
  const tbd = d.iommu.translate(
    0,
    words[state + E100Word.CuTbdArray]!,
    index * e100.E100_TBD_BYTES,
    e100.E100_TBD_BYTES,
    BusAccess.Read,
    CHANNEL,
  );
  if (tbd === TRANSLATION_FAULT) return masterAbort(d);
  const size = words[(tbd >> 2) + E100Tbd.Size]!;
  words[state + E100Word.CuPiece] = words[(tbd >> 2) + E100Tbd.Address]!;
  words[state + E100Word.CuPieceLeft] = size & e100.E100_COUNT_MASK;
  words[state + E100Word.CuTbdIndex] = index + 1;
  if ((size & e100.E100_TBD_END) !== 0) words[state + E100Word.CuTbdCount] = index + 1;
  nextPiece(d);
}

/** One burst: never more than burstBytes, never across a page. A frame that grows too long is cut off with an underrun. */
function burst(d: DeviceView): void {
  const { words, state } = d;
  const piece = words[state + E100Word.CuPiece]!;
  const gathered = words[state + E100Word.CuGathered]!;
  const left = words[state + E100Word.CuPieceLeft]!;
  if (gathered + left > e100.E100_FRAME_BYTES_MAX) return fail(d);
  const bytes = Math.min(left, d.params['burstBytes']!, PAGE_SIZE - (piece & (PAGE_SIZE - 1)));
  const host = d.iommu.translate(0, piece, 0, bytes, BusAccess.Read, CHANNEL);
  if (host === TRANSLATION_FAULT) return fail(d);
  d.memory.copy(wireFrame(d, words[state + E100Word.WireIn]!) + gathered, host, bytes);
  words[state + E100Word.CuPiece] = (piece + bytes) | 0;
  words[state + E100Word.CuPieceLeft] = left - bytes;
  words[state + E100Word.CuGathered] = gathered + bytes;
  if (left === bytes) nextPiece(d);
}

/** The frame does not go out, and its block says so. */
function fail(d: DeviceView): void {
  d.words[d.state + E100Word.CuStatus] = e100.E100_COMPLETE | e100.E100_UNDERRUN;
  d.words[d.state + E100Word.CuPhase] = CuPhase.Status;
}

/** After the data has been read: whoever sees the bit may use the buffers again. The command half belongs to the driver. */
function writeStatus(d: DeviceView): void {
  const { words, state } = d;
  if (words[d.faults] !== 0 && isLate(d)) return;
  const at = block(d, BusAccess.Write);
  if (at === TRANSLATION_FAULT) return masterAbort(d);
  d.raiseStatus((at >> 2) + E100Block.StatusCommand, words[state + E100Word.CuStatus]!);
  const interrupts = (words[state + E100Word.CuCommand]! & e100.E100_INTERRUPT) !== 0;
  words[state + E100Word.CuPhase] = interrupts ? CuPhase.Cause : CuPhase.Check;
}

function cause(d: DeviceView): void {
  d.words[d.state + E100Word.CuPhase] = CuPhase.Check;
  raiseCause(d, e100.E100_CAUSE_CX);
  if (d.words[d.faults] !== 0 && drawFault(d, DeviceFault.DuplicateInterrupt)) d.words[d.state + E100Word.CuRepeat] = REPEAT_TICKS;
}

/** Reads the block's command and link again: the driver may have appended to it since it was fetched. */
function check(d: DeviceView): void {
  const { words, state } = d;
  words[state + E100Word.CuResume] = 0;
  const at = block(d, BusAccess.Read);
  if (at === TRANSLATION_FAULT) return masterAbort(d);
  const command = atomics.load(words, (at >> 2) + E100Block.StatusCommand);
  words[state + E100Word.CuCommand] = command;
  if ((command & (e100.E100_END_OF_LIST | e100.E100_SUSPEND)) !== 0) {
    words[state + E100Word.CuPhase] = CuPhase.Stop;
    return;
  }
  words[state + E100Word.CuLink] = words[(at >> 2) + E100Block.Link]!;
  words[state + E100Word.CuBlock] = blockAddress(words[state + E100Word.CuBase]!, words[state + E100Word.CuLink]!);
  words[state + E100Word.CuPhase] = CuPhase.Fetch;
}

function stop(d: DeviceView): void {
  const { words, state } = d;
  const isEnd = (words[state + E100Word.CuCommand]! & e100.E100_END_OF_LIST) !== 0;
  words[state + E100Word.CuPhase] = isEnd ? CuPhase.Idle : CuPhase.Suspended;
  setCus(d, isEnd ? e100.E100Cus.Idle : e100.E100Cus.Suspended);
  raiseCause(d, e100.E100_CAUSE_CNA);
}

/** The translation table refused a block or a descriptor: the unit stops where it is. */
function masterAbort(d: DeviceView): void {
  d.words[d.state + E100Word.CuPhase] = CuPhase.Idle;
  setCus(d, e100.E100Cus.Idle);
  raiseCause(d, e100.E100_CAUSE_CNA);
}

// ---- Injected faults, see docs/e100.md section 7

/** What may go wrong with a frame whose block has been read. */
function spoil(d: DeviceView): void {
  const { words, state } = d;
  if (drawFault(d, DeviceFault.SpuriousInterrupt)) raiseCause(d, e100.E100_CAUSE_CX);
  if (drawFault(d, DeviceFault.Hang)) words[state + E100Word.CuPhase] = CuPhase.Hung;
  else if (drawFault(d, DeviceFault.ErrorCompletion)) fail(d);
  else if (drawFault(d, DeviceFault.Stall)) wait(d, STALL_TICKS);
}

function isLate(d: DeviceView): boolean {
  const { words, state } = d;
  if (words[state + E100Word.CuWasLate] !== 0 || !drawFault(d, DeviceFault.LateCompletion)) return false;
  words[state + E100Word.CuWasLate] = 1;
  wait(d, LATE_TICKS);
  return true;
}

/** Lets ticks pass before the phase that stands. */
function wait(d: DeviceView, ticks: number): void {
  const { words, state } = d;
  words[state + E100Word.CuTicks] = ticks;
  words[state + E100Word.CuAfterWait] = words[state + E100Word.CuPhase]!;
  words[state + E100Word.CuPhase] = CuPhase.Wait;
}

/** One tick of an injected wait, or of an interrupt that comes again while the unit has nothing else to do. */
function tick(d: DeviceView): void {
  const { words, state } = d;
  const field = words[state + E100Word.CuPhase] === CuPhase.Wait ? E100Word.CuTicks : E100Word.CuRepeat;
  const left = words[state + field]! - 1;
  words[state + field] = left;
  if (left > 0) return;
  if (field === E100Word.CuTicks) words[state + E100Word.CuPhase] = words[state + E100Word.CuAfterWait]!;
  else raiseCause(d, e100.E100_CAUSE_CX);
}
