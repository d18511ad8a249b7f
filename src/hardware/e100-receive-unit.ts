import { PAGE_SIZE, atomics } from '../memory/index.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import { blockAddress } from './e100-command-unit.js';
import * as e100 from './e100-registers.js';
import { E100Block } from './e100-registers.js';
import * as layout from './e100-state.js';
import { framesOnWire, raiseCause, setRus, wireFrame } from './e100-state.js';

// Copies of other modules' constants, see sgring-state.ts.
const { E100Word, RuPhase, WIRE_FRAMES_MAX, WIRE_LENGTHS } = layout;

/* The receive unit: takes frames off the wire into the list of receive frame descriptors. */

const CHANNEL = 1;

/** Not a phase: a frame on the wire that finds the unit not ready. */
export const DROP = 12;

// ---- Commands of the SCB

export function ruCommand(d: DeviceView, command: number): void {
  const { words, state } = d;
  const phase = words[state + E100Word.RuPhase]!;
  switch (command) {
    case e100.E100Ruc.Start:
      if (phase > RuPhase.NoResources) return;
      words[state + E100Word.RuBlock] = blockAddress(words[state + E100Word.RuBase]!, d.registers.get(e100.E100_GENERAL_POINTER));
      words[state + E100Word.RuPhase] = RuPhase.Ready;
      setRus(d, e100.E100Rus.Ready);
      return;
    case e100.E100Ruc.Resume:
      if (phase > RuPhase.NoResources) words[state + E100Word.RuResume] = 1;
      else if (phase === RuPhase.Suspended) {
        words[state + E100Word.RuPhase] = RuPhase.Follow;
        setRus(d, e100.E100Rus.Ready);
      }
      return;
    case e100.E100Ruc.Abort:
      // A frame half received stays on the wire and is dropped.
      words[state + E100Word.RuPhase] = RuPhase.Idle;
      setRus(d, e100.E100Rus.Idle);
      return;
    case e100.E100Ruc.LoadBase:
      words[state + E100Word.RuBase] = d.registers.get(e100.E100_GENERAL_POINTER);
      return;
    default:
      return;
  }
}

// ---- Phases

/** Phase that a step of the unit performs now, or DROP; Idle when it has nothing to do. */
export function ruDue(d: DeviceView): number {
  const phase = d.words[d.state + E100Word.RuPhase]!;
  if (phase < RuPhase.Ready) return framesOnWire(d) > 0 ? DROP : RuPhase.Idle;
  if (phase === RuPhase.Ready) return framesOnWire(d) > 0 ? RuPhase.Fetch : RuPhase.Idle;
  if (phase === RuPhase.Stop && d.words[d.state + E100Word.RuResume] !== 0) return RuPhase.Follow;
  return phase;
}

export function ruPerform(d: DeviceView, phase: number): void {
  switch (phase) {
    case RuPhase.Fetch:
      return fetch(d);
    case RuPhase.Burst:
      return burst(d);
    case RuPhase.Count:
      return writeCount(d);
    case RuPhase.Status:
      return writeStatus(d);
    case RuPhase.Cause:
      goOn(d);
      return raiseCause(d, e100.E100_CAUSE_FR);
    case RuPhase.Next:
      if (readLink(d)) d.words[d.state + E100Word.RuPhase] = RuPhase.Status;
      return;
    case RuPhase.Follow:
      if (readLink(d)) goOn(d);
      return;
    case RuPhase.Stop:
      return stop(d);
    default:
      return drop(d);
  }
}

function block(d: DeviceView, access: BusAccess): number {
  return d.iommu.translate(0, d.words[d.state + E100Word.RuBlock]!, 0, e100.E100_BLOCK_BYTES, access, CHANNEL);
}

/** Length of the frame at the head of the wire. */
function frameBytes(d: DeviceView): number {
  return d.words[d.state + WIRE_LENGTHS + (d.words[d.state + E100Word.WireOut]! & (WIRE_FRAMES_MAX - 1))]!;
}

function takeOff(d: DeviceView): void {
  d.words[d.state + E100Word.WireOut] = (d.words[d.state + E100Word.WireOut]! + 1) | 0;
}

function drop(d: DeviceView): void {
  takeOff(d);
  d.registers.put(e100.E100_RX_DROPPED, (d.registers.get(e100.E100_RX_DROPPED) + 1) | 0);
}

function fetch(d: DeviceView): void {
  const { words, state } = d;
  const host = block(d, BusAccess.Read);
  if (host === TRANSLATION_FAULT) return masterAbort(d);
  words[state + E100Word.RuCommand] = atomics.load(words, (host >> 2) + E100Block.StatusCommand);
  words[state + E100Word.RuSize] = (words[(host >> 2) + E100Block.Count]! >>> e100.E100_RFD_SIZE_SHIFT) & e100.E100_COUNT_MASK;
  words[state + E100Word.RuMoved] = 0;
  words[state + E100Word.RuPhase] = stored(d) === 0 ? RuPhase.Count : RuPhase.Burst;
}

/** Bytes of the frame that the descriptor has room for. */
function stored(d: DeviceView): number {
  return Math.min(frameBytes(d), d.words[d.state + E100Word.RuSize]!);
}

function burst(d: DeviceView): void {
  const { words, state } = d;
  const moved = words[state + E100Word.RuMoved]!;
  const data = (words[state + E100Word.RuBlock]! + e100.E100_BLOCK_BYTES + moved) | 0;
  const bytes = Math.min(stored(d) - moved, d.params['burstBytes']!, PAGE_SIZE - (data & (PAGE_SIZE - 1)));
  const host = d.iommu.translate(0, data, 0, bytes, BusAccess.Write, CHANNEL);
  if (host === TRANSLATION_FAULT) return masterAbort(d);
  d.writeMemory(host, wireFrame(d, words[state + E100Word.WireOut]!) + moved, bytes);
  words[state + E100Word.RuMoved] = moved + bytes;
  if (moved + bytes === stored(d)) words[state + E100Word.RuPhase] = RuPhase.Count;
}

function writeCount(d: DeviceView): void {
  const { words, state } = d;
  const host = block(d, BusAccess.Write);
  if (host === TRANSLATION_FAULT) return masterAbort(d);
  const count = words[state + E100Word.RuMoved]! | e100.E100_RFD_EOF | e100.E100_RFD_F;
  d.storeStatus((host >> 2) + E100Block.Count, (words[state + E100Word.RuSize]! << e100.E100_RFD_SIZE_SHIFT) | count);
  words[state + E100Word.RuPhase] = RuPhase.Next;
}

/** Data, count, status: whoever sees the status sees the rest (rule D01). The command half belongs to the driver. */
function writeStatus(d: DeviceView): void {
  const { words, state } = d;
  const host = block(d, BusAccess.Write);
  if (host === TRANSLATION_FAULT) return masterAbort(d);
  const isWhole = words[state + E100Word.RuMoved] === frameBytes(d);
  d.raiseStatus((host >> 2) + E100Block.StatusCommand, e100.E100_COMPLETE | (isWhole ? e100.E100_OK : e100.E100_OVERRUN));
  takeOff(d);
  words[state + E100Word.RuPhase] = RuPhase.Cause;
}

/** Reads the descriptor's command and link again: the driver may have appended to it while the frame came in. False: refused. */
function readLink(d: DeviceView): boolean {
  const { words, state } = d;
  words[state + E100Word.RuResume] = 0;
  const host = block(d, BusAccess.Read);
  if (host === TRANSLATION_FAULT) {
    masterAbort(d);
    return false;
  }
  words[state + E100Word.RuCommand] = atomics.load(words, (host >> 2) + E100Block.StatusCommand);
  words[state + E100Word.RuLink] = words[(host >> 2) + E100Block.Link]!;
  return true;
}

/** To the next descriptor, or to a stop, as command and link said when they were read last. */
function goOn(d: DeviceView): void {
  const { words, state } = d;
  if ((words[state + E100Word.RuCommand]! & (e100.E100_END_OF_LIST | e100.E100_SUSPEND)) !== 0) {
    words[state + E100Word.RuPhase] = RuPhase.Stop;
    return;
  }
  words[state + E100Word.RuBlock] = blockAddress(words[state + E100Word.RuBase]!, words[state + E100Word.RuLink]!);
  words[state + E100Word.RuPhase] = RuPhase.Ready;
}

function stop(d: DeviceView): void {
  const { words, state } = d;
  const isEnd = (words[state + E100Word.RuCommand]! & e100.E100_END_OF_LIST) !== 0;
  words[state + E100Word.RuPhase] = isEnd ? RuPhase.NoResources : RuPhase.Suspended;
  setRus(d, isEnd ? e100.E100Rus.NoResources : e100.E100Rus.Suspended);
  raiseCause(d, e100.E100_CAUSE_RNR);
}

/** The translation table refused the descriptor: the unit stops, and the frame will be dropped. */
function masterAbort(d: DeviceView): void {
  d.words[d.state + E100Word.RuPhase] = RuPhase.NoResources;
  setRus(d, e100.E100Rus.NoResources);
  raiseCause(d, e100.E100_CAUSE_RNR);
}
