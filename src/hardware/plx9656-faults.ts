import { DeviceFault } from '../faults/fault-kind.js';
import { drawFault } from './device-faults.js';
import type { DeviceView } from './device-view.js';
import { Channel, Phase, channelAt, clearsCount, fail, interruptsWanted, raiseInterrupt } from './plx9656-state.js';

/* Injected faults of the bridge, see docs/plx9656.md section 6. */

/** Injected waits, in ticks. */
const STALL_TICKS = 32;
const LATE_TICKS = 16;
const REPEAT_TICKS = 16;

/** Lets `ticks` steps pass before `next`. */
export function wait(d: DeviceView, channel: number, ticks: number, next: number): void {
  const at = channelAt(d, channel);
  d.words[at + Channel.Ticks] = ticks;
  d.words[at + Channel.AfterWait] = next;
  d.words[at + Channel.Phase] = Phase.Wait;
}

export function tick(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  d.words[at + Channel.Ticks] = d.words[at + Channel.Ticks]! - 1;
  if (d.words[at + Channel.Ticks] === 0) d.words[at + Channel.Phase] = d.words[at + Channel.AfterWait]!;
}

/** The interrupt of a transfer that is long over comes again. */
export function repeat(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  d.words[at + Channel.Repeat] = d.words[at + Channel.Repeat]! - 1;
  if (d.words[at + Channel.Repeat] === 0) raiseInterrupt(d, channel);
}

/** What may go wrong with an element that has been loaded and has bytes to move. True: it ends without moving any. */
export function spoilElement(d: DeviceView, channel: number): boolean {
  const at = channelAt(d, channel);
  const { words } = d;
  const size = words[at + Channel.Size]!;
  if (interruptsWanted(d, channel) && drawFault(d, DeviceFault.SpuriousInterrupt)) raiseInterrupt(d, channel);
  if (drawFault(d, DeviceFault.Hang)) {
    words[at + Channel.Phase] = Phase.Hung;
    return false;
  }
  if (drawFault(d, DeviceFault.ErrorCompletion)) {
    fail(d, channel);
    return true;
  }
  if (drawFault(d, DeviceFault.AbortCompletion)) {
    words[at + Channel.Stopping] = 1;
    return true;
  }
  // Without a residual in memory nobody could know of a partial count: only clear-count mode cuts.
  if (clearsCount(d, channel) && size >= 8 && drawFault(d, DeviceFault.PartialCount)) {
    words[at + Channel.Cut] = (size >> 1) & ~3;
    words[at + Channel.Stopping] = 1;
  } else if (drawFault(d, DeviceFault.Stall)) wait(d, channel, STALL_TICKS, Phase.Move);
  return false;
}

/** A finished transfer may say so late, once: AfterWait tells that it has waited already. True: it waits. */
export function isLate(d: DeviceView, channel: number): boolean {
  const { words } = d;
  const afterWait = channelAt(d, channel) + Channel.AfterWait;
  const wasLate = words[afterWait] === Phase.Finish;
  words[afterWait] = Phase.Idle;
  if (wasLate || !drawFault(d, DeviceFault.LateCompletion)) return false;
  wait(d, channel, LATE_TICKS, Phase.Finish);
  return true;
}

/** A transfer has interrupted; the same interrupt may come once more when the driver has long seen it. */
export function drawRepeat(d: DeviceView, channel: number): void {
  if (drawFault(d, DeviceFault.DuplicateInterrupt)) d.words[channelAt(d, channel) + Channel.Repeat] = REPEAT_TICKS;
}
