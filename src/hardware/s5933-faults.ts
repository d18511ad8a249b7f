import { DeviceFault } from '../faults/fault-kind.js';
import { drawFault } from './device-faults.js';
import type { DeviceView } from './device-view.js';
import * as reg from './s5933-registers.js';
import { Channel, Phase, channelAt, completeCause, countRegister, interruptsWanted, raiseCause } from './s5933-state.js';

/* Injected faults of the controller, see docs/s5933.md section 6. */

/** Injected waits, in ticks. */
const STALL_TICKS = 32;
const LATE_TICKS = 16;
const REPEAT_TICKS = 16;

/** Lets `ticks` steps pass before `next`. */
function wait(d: DeviceView, channel: number, ticks: number, next: number): void {
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
  if (d.words[at + Channel.Repeat] === 0) raiseCause(d, completeCause(channel));
}

/** What may go wrong with a transfer that is about to move its first bytes. */
export function spoilTransfer(d: DeviceView, channel: number): void {
  const { words } = d;
  const at = channelAt(d, channel);
  if (interruptsWanted(d, channel) && drawFault(d, DeviceFault.SpuriousInterrupt)) raiseCause(d, completeCause(channel));
  if (drawFault(d, DeviceFault.Hang)) words[at + Channel.Phase] = Phase.Hung;
  else if (drawFault(d, DeviceFault.ErrorCompletion)) stopHalfway(d, channel, reg.S5933_INTCSR_TARGET_ABORT);
  else if (drawFault(d, DeviceFault.AbortCompletion)) stopHalfway(d, channel, reg.S5933_INTCSR_MASTER_ABORT);
  else if (d.registers.get(countRegister(channel)) >= 8 && drawFault(d, DeviceFault.PartialCount))
    stopHalfway(d, channel, completeCause(channel));
  else if (drawFault(d, DeviceFault.Stall)) wait(d, channel, STALL_TICKS, Phase.Move);
}

/** Whole DWORDs: what is left begins where an address register can point. */
function stopHalfway(d: DeviceView, channel: number, cause: number): void {
  const at = channelAt(d, channel);
  const count = d.registers.get(countRegister(channel));
  d.words[at + Channel.StopAt] = count - ((count >> 1) & ~3);
  d.words[at + Channel.Cause] = cause;
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
