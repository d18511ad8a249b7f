import { atomics } from '../memory/index.js';
import { DeviceFault } from '../faults/fault-kind.js';
import { drawFault } from './device-faults.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import { contiguous, settle } from './sgring-next.js';
import * as reg from './sgring-registers.js';
import * as state from './sgring-state.js';
import { registersOf, stateOf } from './sgring-state.js';

// Copies of other modules' constants, see sgring-state.ts: this is the engine's hot path.
const Word = state.ChannelWord;
const Action = state.NextAction;
const { COMPLETION_CACHE, REPEAT_STEPS } = state;
const { SGRING_COMPLETION_BYTES, SGRING_INT_COMPLETION, SGRING_INT_ERROR, SGRING_STATUS_ERROR_SHIFT, SGRING_STATUS_HALTED } = reg;
const Completion = reg.SgringCompletion;
const Halt = reg.SgringError;
const { sgringSequence } = reg;
const { Write } = BusAccess;
const FAULT = TRANSLATION_FAULT;

/** Registers of a channel as word offsets from its first. */
const CQ_HEAD = reg.SGRING_CQ_HEAD >> 2;
const STATUS = reg.SGRING_STATUS >> 2;
const INT_CAUSE = reg.SGRING_INT_CAUSE >> 2;
const INT_MASK = reg.SGRING_INT_MASK >> 2;
const SQ_HEAD = reg.SGRING_SQ_HEAD >> 2;
const CQ_TAIL = reg.SGRING_CQ_TAIL >> 2;

/** Keeps a completion on chip until it is written; `settle` writes before there is no room. */
export function addCompletion(d: DeviceView, at: number, tag: number, bytesMoved: number, status: reg.SgringStatus): void {
  const { words } = d;
  const ready = words[at + Word.Ready]!;
  const entry = at + COMPLETION_CACHE + (ready << 2);
  words[entry + Completion.Tag] = tag;
  words[entry + Completion.BytesMoved] = bytesMoved;
  words[entry + Completion.Status] = status;
  words[entry + Completion.Sequence] = sgringSequence((words[at + Word.CqTail]! + ready) | 0, words[at + Word.RingSize]!);
  if (ready === 0) words[at + Word.ReadySince] = words[d.steps]!;
  words[at + Word.Ready] = ready + 1;
}

// ---- Writeback

/** Entries of the completion ring that are free now; negative when CQ_HEAD is impossible. */
export function completionSpace(d: DeviceView, channel: number): number {
  const at = stateOf(d, channel);
  const used = (d.words[at + Word.CqTail]! - d.words[registersOf(d, channel) + CQ_HEAD]!) | 0;
  return used < 0 ? -1 : d.words[at + Word.RingSize]! - used;
}

/** Writes completions, as many as there is room for in one page before the ring's end, and publishes them by one release. */
export function writeback(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const ready = words[at + Word.Ready]!;
  const tail = words[at + Word.CqTail]!;
  const size = words[at + Word.RingSize]!;
  const slot = tail & (size - 1);
  // Acquire: entries the driver has read before it moved CQ_HEAD may be overwritten.
  const used = (tail - atomics.load(words, registersOf(d, channel) + CQ_HEAD)) | 0;
  if (used < 0 || used > size) {
    words[at + Word.HaltError] = Halt.RingOverrun;
    words[at + Word.Ready] = 0;
    settle(d, channel);
    return;
  }
  const count = contiguous(words[at + Word.CqBaseLow]!, slot, size, SGRING_COMPLETION_BYTES, Math.min(ready, size - used));
  const target = d.iommu.translate(
    words[at + Word.CqBaseHigh]!,
    words[at + Word.CqBaseLow]!,
    slot * SGRING_COMPLETION_BYTES,
    count * SGRING_COMPLETION_BYTES,
    Write,
    channel,
  );
  if (target === FAULT) {
    words[at + Word.HaltError] = Halt.CompletionFault;
    settle(d, channel);
    return;
  }
  words[at + Word.IsLate] = 0;
  writeEntries(d, at, target >> 2, count);
  publish(d, channel, (tail + count) | 0, ready, count);
  settle(d, channel);
}

/**
 * The sequence word of the first entry is stored last, as a release: who sees it sees the whole batch and all data
 * moved before (rule D01). The driver acquires each entry's sequence word before it reads the rest.
 */
function writeEntries(d: DeviceView, at: number, target: number, count: number): void {
  const { words } = d;
  const cache = at + COMPLETION_CACHE;
  if (d.writeBacks !== null) {
    d.writeBacks.copy(target << 2, cache << 2, count * SGRING_COMPLETION_BYTES);
    return;
  }
  if (count > 1) d.memory.copy((target + 4) << 2, (cache + 4) << 2, (count - 1) * SGRING_COMPLETION_BYTES);
  words[target] = words[cache]!;
  words[target + 1] = words[cache + 1]!;
  words[target + 2] = words[cache + 2]!;
  atomics.store(words, target + Completion.Sequence, words[cache + Completion.Sequence]!);
}

function publish(d: DeviceView, channel: number, tail: number, ready: number, count: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const registers = registersOf(d, channel);
  words[at + Word.CqTail] = tail;
  words[registers + SQ_HEAD] = words[at + Word.Head]!;
  atomics.store(words, registers + CQ_TAIL, tail);
  if (words[at + Word.Unsignalled] === 0) words[at + Word.UnsignalledSince] = words[d.steps]!;
  words[at + Word.Unsignalled] = words[at + Word.Unsignalled]! + count;
  words[at + Word.Ready] = ready - count;
  const cache = (at + COMPLETION_CACHE) << 2;
  if (count < ready) d.memory.copy(cache, cache + count * SGRING_COMPLETION_BYTES, (ready - count) * SGRING_COMPLETION_BYTES);
}

// ---- Interrupts and halting

/** Sets a cause; a message goes out when it was clear and is not masked. */
export function signal(d: DeviceView, channel: number, cause: number): void {
  const registers = registersOf(d, channel);
  const before = atomics.or(d.words, registers + INT_CAUSE, cause);
  const mask = atomics.load(d.words, registers + INT_MASK);
  if ((cause & ~before & mask) !== 0) d.message(channel);
}

export function interrupt(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  d.words[at + Word.Unsignalled] = 0;
  d.words[at + Word.Urgent] = 0;
  signal(d, channel, SGRING_INT_COMPLETION);
  if (d.words[d.faults] !== 0) drawRepeat(d, at);
  settle(d, channel);
}

/** Injected: the cause just set will be set once more, when the driver has long seen it. */
function drawRepeat(d: DeviceView, at: number): void {
  const { words } = d;
  if (words[at + Word.IsRepeating] !== 0) {
    if (((words[d.steps]! - words[at + Word.RepeatAt]!) | 0) >= 0) words[at + Word.IsRepeating] = 0;
  } else if (drawFault(d, DeviceFault.DuplicateInterrupt)) {
    words[at + Word.IsRepeating] = 1;
    words[at + Word.RepeatAt] = (words[d.steps]! + REPEAT_STEPS) | 0;
  }
}

/** The channel stops for good, until it is reset: status first, then the interrupt. */
export function halt(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const error = words[at + Word.HaltError]!;
  words[at + Word.Next] = Action.Halted;
  atomics.store(words, registersOf(d, channel) + STATUS, SGRING_STATUS_HALTED | (error << SGRING_STATUS_ERROR_SHIFT));
  const completions = words[at + Word.Unsignalled] === 0 ? 0 : SGRING_INT_COMPLETION;
  words[at + Word.Unsignalled] = 0;
  signal(d, channel, SGRING_INT_ERROR | completions);
}
