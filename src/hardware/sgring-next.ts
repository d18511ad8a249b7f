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
/** Longer than any wait. */
const NEVER = 0x7fff_ffff;

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
  const late = words[at + Word.IsLate] !== 0 && timeLeft(d, at + Word.LateUntil) > 0;
  if (ready > 0 && !late && (idle || writebackDue(d, at, ready))) words[at + Word.Next] = Action.Writeback;
  else if (words[at + Word.Unsignalled] !== 0 && interruptDue(d, channel)) words[at + Word.Next] = Action.Interrupt;
  else if (words[at + Word.IsRepeating] !== 0 && timeLeft(d, at + Word.RepeatAt) <= 0) words[at + Word.Next] = Action.Interrupt;
  else if (cached && ready < COMPLETION_BATCH) words[at + Word.Next] = Action.Burst;
  else words[at + Word.Next] = waitsForTime(d, channel, late) ? Action.Wait : Action.Idle;
}

/** Device time until the moment a word names; not positive when it has come. */
function timeLeft(d: DeviceView, word: number): number {
  return (d.words[word]! - d.words[d.steps]!) | 0;
}

/** Nothing to do but let time pass until the first of: a late completion, a repeated interrupt, moderation's time. */
function waitsForTime(d: DeviceView, channel: number, late: boolean): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const now = words[d.steps]!;
  let left = NEVER;
  if (late) left = timeLeft(d, at + Word.LateUntil);
  if (words[at + Word.IsRepeating] !== 0) left = Math.min(left, timeLeft(d, at + Word.RepeatAt));
  const time = words[registersOf(d, channel) + MODERATION]! >>> SGRING_MODERATION_STEPS_SHIFT;
  if (words[at + Word.Unsignalled] !== 0 && time !== 0) left = Math.min(left, (words[at + Word.UnsignalledSince]! + time - now) | 0);
  if (left === NEVER) return false;
  words[at + Word.WaitUntil] = (now + left) | 0;
  return true;
}

function writebackDue(d: DeviceView, at: number, ready: number): boolean {
  const { words } = d;
  if (ready === COMPLETION_BATCH || words[at + Word.Urgent] !== 0) return true;
  return ((words[d.steps]! - words[at + Word.ReadySince]!) | 0) >= COMPLETION_AGE_STEPS;
}

/** Moderation: by count, or by time counted in device steps. */
function interruptDue(d: DeviceView, channel: number): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const moderation = words[registersOf(d, channel) + MODERATION]!;
  if (words[at + Word.Urgent] !== 0 || words[at + Word.Unsignalled]! >= (moderation & 0xffff)) return true;
  const steps = moderation >>> SGRING_MODERATION_STEPS_SHIFT;
  return steps !== 0 && ((words[d.steps]! - words[at + Word.UnsignalledSince]!) | 0) >= steps;
}

/** Entries from `slot` that lie in one page and before the ring's end, at most `limit`. */
export function contiguous(baseLow: number, slot: number, size: number, entryBytes: number, limit: number): number {
  const offset = (baseLow + slot * entryBytes) & (PAGE - 1);
  const inPage = ((PAGE - offset) / entryBytes) | 0;
  return Math.min(limit, size - slot, inPage);
}
