import { PAGE_SIZE } from '../memory/index.js';
import type { DeviceView } from './device-view.js';
import * as reg from './sgring-registers.js';
import * as state from './sgring-state.js';
import { registersOf, stateOf } from './sgring-state.js';

// Copies of other modules' constants, see sgring-state.ts: this is the engine's hot path.
const PAGE = PAGE_SIZE;
const Word = state.ChannelWord;
const Action = state.NextAction;
const { COMPLETION_BATCH, COMPLETION_AGE_STEPS } = state;
const { SGRING_MODERATION_STEPS_SHIFT } = reg;
const Halt = reg.SgringError;

/** Registers of a channel as word offsets from its first. */
const TAIL = reg.SGRING_SQ_TAIL >> 2;
const MODERATION = reg.SGRING_MODERATION >> 2;

/** Decides the channel's next action after one has been performed. */
export function settle(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const ready = words[at + Word.Ready]!;
  const error = words[at + Word.HaltError]!;
  if (error !== Halt.None) {
    words[at + Word.Next] = ready > 0 && error !== Halt.CompletionFault ? Action.Writeback : Action.Halt;
    return;
  }
  const fetched = words[at + Word.Fetched]!;
  const cached = words[at + Word.Head] !== fetched;
  const idle = !cached && words[registersOf(d, channel) + TAIL] === fetched;
  if (ready > 0 && (idle || writebackDue(d, at, ready))) words[at + Word.Next] = Action.Writeback;
  else if (words[at + Word.Unsignalled] !== 0 && interruptDue(d, channel, idle)) words[at + Word.Next] = Action.Interrupt;
  else words[at + Word.Next] = cached ? Action.Burst : Action.Idle;
}

function writebackDue(d: DeviceView, at: number, ready: number): boolean {
  const { words } = d;
  if (ready === COMPLETION_BATCH || words[at + Word.Urgent] !== 0) return true;
  return ((words[d.steps]! - words[at + Word.ReadySince]!) | 0) >= COMPLETION_AGE_STEPS;
}

/** Moderation: by count, or by time counted in device steps; a device with nothing left to do lets the time pass at once. */
function interruptDue(d: DeviceView, channel: number, idle: boolean): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const moderation = words[registersOf(d, channel) + MODERATION]!;
  if (words[at + Word.Urgent] !== 0 || words[at + Word.Unsignalled]! >= (moderation & 0xffff)) return true;
  const steps = moderation >>> SGRING_MODERATION_STEPS_SHIFT;
  return steps !== 0 && (idle || ((words[d.steps]! - words[at + Word.UnsignalledSince]!) | 0) >= steps);
}

/** Entries from `slot` that lie in one page and before the ring's end, at most `limit`. */
export function contiguous(baseLow: number, slot: number, size: number, entryBytes: number, limit: number): number {
  const offset = (baseLow + slot * entryBytes) & (PAGE - 1);
  const inPage = ((PAGE - offset) / entryBytes) | 0;
  return Math.min(limit, size - slot, inPage);
}
