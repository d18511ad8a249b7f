import { PAGE_SIZE, atomics, struct } from '../memory/index.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import * as reg from './sgring-registers.js';
import { SgringCompletion, SgringDescriptor, SgringError, SgringStatus } from './sgring-registers.js';

/** Descriptors read in one bus action. */
export const FETCH_BATCH = 32;
/** Completions written in one bus action. */
export const COMPLETION_BATCH = 16;
/** A completion waits at most this many device steps for others to share its write. */
const COMPLETION_AGE_STEPS = 32;
/** Requests taken out of the middle of the queue that the engine has not come to yet. */
export const SKIP_SLOTS = 16;

/** What a channel does next; Idle and Halted wait for the driver. */
export const Next = { Idle: 0, Fetch: 1, Burst: 2, Writeback: 3, Interrupt: 4, Halt: 5, Halted: 6 } as const;
export const nextNames = ['Idle', 'Fetch', 'Burst', 'Writeback', 'Interrupt', 'Halt', 'Halted'] as const;

/**
 * State words of a channel. All ring indexes run freely and wrap at 2^32; `& (size - 1)` gives the slot.
 *
 *     submission ring   ... finished | head: in work ... | fetched: not read yet ... | tail (register)
 *     descriptor cache                 cacheFirst ... fetched
 */
export const Channel = struct('SgringChannel', 64, {
  /** CTRL.ENABLE as the channel has obeyed it. */
  Running: 0,
  Next: 1,
  /** 0 until the channel is enabled after a reset: configuration is taken then. */
  RingSize: 2,
  SqBaseLow: 3,
  SqBaseHigh: 4,
  CqBaseLow: 5,
  CqBaseHigh: 6,
  Head: 7,
  Fetched: 8,
  CacheFirst: 9,
  /** Bytes moved of the descriptor in work. */
  Position: 10,
  /** A request has begun and not ended: its tag and the bytes moved of it. */
  RequestOpen: 11,
  RequestTag: 12,
  RequestMoved: 13,
  /** The rest of a request that is already completed is passed over. */
  Skipping: 14,
  /** Completions on chip, not written yet, and the step the oldest became ready at. */
  Ready: 15,
  ReadySince: 16,
  CqTail: 17,
  /** Completions written that no interrupt has announced. */
  Unsignalled: 18,
  UnsignalledSince: 19,
  Urgent: 20,
  HaltError: 21,
  AbortTag: 22,
  AbortScanning: 23,
  AbortIndex: 24,
  AbortEnd: 25,
  AbortInRequest: 26,
  SkipCount: 27,
});
const SKIP_LIST = 32;
const DESCRIPTOR_CACHE = 64;
const COMPLETION_CACHE = DESCRIPTOR_CACHE + FETCH_BATCH * 8;
export const CHANNEL_WORDS = COMPLETION_CACHE + COMPLETION_BATCH * 4;

/** State words in front of the channels. */
export const Device = struct('SgringDevice', 32, { Channels: 0, Cursor: 1, BurstBytes: 2 });
export const DEVICE_WORDS = 32;

/** Word indexes of a channel: state, registers, latch. Each is one addition, so nothing is kept. */
export const stateOf = (d: DeviceView, channel: number): number => d.state + DEVICE_WORDS + channel * CHANNEL_WORDS;
export const registersOf = (d: DeviceView, channel: number): number => d.registers.firstWord + ((reg.SGRING_CHANNEL_BASE + channel * reg.SGRING_CHANNEL_STRIDE) >> 2);
/** Only CTRL has commands, so a channel's latch is the one of its number. */
export const latchOf = (d: DeviceView, channel: number): number => d.registers.firstLatch + channel;

const TAIL = reg.SGRING_SQ_TAIL >> 2;
const CQ_HEAD = reg.SGRING_CQ_HEAD >> 2;

// ---- What comes next

/** Decides the channel's next action after one has been performed. */
export function settle(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const ready = words[at + Channel.Ready]!;
  const error = words[at + Channel.HaltError]!;
  if (error !== SgringError.None) {
    words[at + Channel.Next] = ready > 0 && error !== SgringError.CompletionFault ? Next.Writeback : Next.Halt;
    return;
  }
  const fetched = words[at + Channel.Fetched]!;
  const cached = words[at + Channel.Head] !== fetched;
  const idle = !cached && words[registersOf(d, channel) + TAIL] === fetched;
  if (ready > 0 && (idle || writebackDue(d, at, ready))) words[at + Channel.Next] = Next.Writeback;
  else if (words[at + Channel.Unsignalled] !== 0 && interruptDue(d, channel, idle)) words[at + Channel.Next] = Next.Interrupt;
  else words[at + Channel.Next] = cached ? Next.Burst : Next.Idle;
}

function writebackDue(d: DeviceView, at: number, ready: number): boolean {
  const { words } = d;
  if (ready === COMPLETION_BATCH || words[at + Channel.Urgent] !== 0) return true;
  return ((words[d.steps]! - words[at + Channel.ReadySince]!) | 0) >= COMPLETION_AGE_STEPS;
}

/** Moderation: by count, or by time counted in device steps; a device with nothing left to do lets the time pass at once. */
function interruptDue(d: DeviceView, channel: number, idle: boolean): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const moderation = words[registersOf(d, channel) + (reg.SGRING_MODERATION >> 2)]!;
  if (words[at + Channel.Urgent] !== 0 || words[at + Channel.Unsignalled]! >= (moderation & 0xffff)) return true;
  const steps = moderation >>> reg.SGRING_MODERATION_STEPS_SHIFT;
  return steps !== 0 && (idle || ((words[d.steps]! - words[at + Channel.UnsignalledSince]!) | 0) >= steps);
}

// ---- Fetch

/** Reads up to FETCH_BATCH descriptors into the cache, as far as they lie in one page and before the ring's end. */
export function fetch(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  // Acquire: descriptors stored before the doorbell are visible after this load (rule D02).
  const tail = atomics.load(words, registersOf(d, channel) + TAIL);
  const first = words[at + Channel.Fetched]!;
  const size = words[at + Channel.RingSize]!;
  const queued = (tail - words[at + Channel.Head]!) | 0;
  if (queued < 0 || queued > size) {
    words[at + Channel.HaltError] = SgringError.RingOverrun;
    settle(d, channel);
    return;
  }
  const count = contiguous(words[at + Channel.SqBaseLow]!, first & (size - 1), size, reg.SGRING_DESCRIPTOR_BYTES, Math.min(queued, FETCH_BATCH));
  const source = descriptorAddress(d, channel, first, count);
  if (source === TRANSLATION_FAULT) {
    words[at + Channel.HaltError] = SgringError.DescriptorFault;
    settle(d, channel);
    return;
  }
  d.memory.copy((at + DESCRIPTOR_CACHE) << 2, source, count * reg.SGRING_DESCRIPTOR_BYTES);
  words[at + Channel.CacheFirst] = first;
  words[at + Channel.Fetched] = (first + count) | 0;
  passOver(d, channel);
  settle(d, channel);
}

/** Entries from `slot` that lie in one page and before the ring's end, at most `limit`. */
export function contiguous(baseLow: number, slot: number, size: number, entryBytes: number, limit: number): number {
  const offset = (baseLow + slot * entryBytes) & (PAGE_SIZE - 1);
  const inPage = ((PAGE_SIZE - offset) / entryBytes) | 0;
  return Math.min(limit, size - slot, inPage);
}

/** Byte offset in memory of `count` contiguous descriptors from ring index `index`. */
export function descriptorAddress(d: DeviceView, channel: number, index: number, count: number): number {
  const at = stateOf(d, channel);
  const slot = index & (d.words[at + Channel.RingSize]! - 1);
  return d.iommu.translate(d.words[at + Channel.SqBaseHigh]!, d.words[at + Channel.SqBaseLow]!, slot * reg.SGRING_DESCRIPTOR_BYTES, count * reg.SGRING_DESCRIPTOR_BYTES, BusAccess.Read, channel);
}

/** Moves the head over descriptors of requests that are completed already: no bus action, so no step of its own. */
export function passOver(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  if (words[at + Channel.Skipping] === 0 && words[at + Channel.SkipCount] === 0) return;
  while (words[at + Channel.Head] !== words[at + Channel.Fetched]) {
    const head = words[at + Channel.Head]!;
    if (words[at + Channel.Skipping] === 0 && (words[at + Channel.RequestOpen] !== 0 || !removeSkip(d, channel, head))) return;
    const slot = at + DESCRIPTOR_CACHE + ((head - words[at + Channel.CacheFirst]!) << 3);
    words[at + Channel.Skipping] = (words[slot + SgringDescriptor.Flags]! & reg.SGRING_END_OF_REQUEST) === 0 ? 1 : 0;
    words[at + Channel.Head] = (head + 1) | 0;
  }
}

/** Whether the request that begins at ring index `index` is completed already. */
export function isSkipped(d: DeviceView, channel: number, index: number): boolean {
  const list = stateOf(d, channel) + SKIP_LIST;
  const end = list + d.words[stateOf(d, channel) + Channel.SkipCount]!;
  for (let entry = list; entry < end; entry++) if (d.words[entry] === index) return true;
  return false;
}

export function addSkip(d: DeviceView, channel: number, index: number): void {
  const at = stateOf(d, channel);
  const count = d.words[at + Channel.SkipCount]!;
  d.words[at + SKIP_LIST + count] = index;
  d.words[at + Channel.SkipCount] = count + 1;
}

function removeSkip(d: DeviceView, channel: number, index: number): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const count = words[at + Channel.SkipCount]!;
  for (let i = 0; i < count; i++) {
    if (words[at + SKIP_LIST + i] !== index) continue;
    words[at + SKIP_LIST + i] = words[at + SKIP_LIST + count - 1]!;
    words[at + Channel.SkipCount] = count - 1;
    return true;
  }
  return false;
}

// ---- Burst

/** Moves one burst of the descriptor in work: at most burstBytes, never across a page of host memory. */
export function burst(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const slot = at + DESCRIPTOR_CACHE + ((words[at + Channel.Head]! - words[at + Channel.CacheFirst]!) << 3);
  const position = words[at + Channel.Position]!;
  const length = words[slot + SgringDescriptor.LengthBytes]!;
  const flags = words[slot + SgringDescriptor.Flags]!;
  const deviceOffset = words[slot + SgringDescriptor.DeviceOffset]!;
  if (position === 0 && !begin(d, at, slot, length, flags, deviceOffset)) {
    settle(d, channel);
    return;
  }
  const low = words[slot + SgringDescriptor.AddressLow]!;
  const pageRest = PAGE_SIZE - ((low + position) & (PAGE_SIZE - 1));
  const rest = length - position;
  let bytes = words[d.state + Device.BurstBytes]!;
  if (rest < bytes) bytes = rest;
  if (pageRest < bytes) bytes = pageRest;
  const fromDevice = (flags & reg.SGRING_FROM_DEVICE) !== 0;
  const host = d.iommu.translate(words[slot + SgringDescriptor.AddressHigh]!, low, position, bytes, fromDevice ? BusAccess.Write : BusAccess.Read, channel);
  if (host === TRANSLATION_FAULT) {
    words[at + Channel.HaltError] = SgringError.DataFault;
    endRequest(d, at, flags, SgringStatus.Fault);
    settle(d, channel);
    return;
  }
  const local = d.localMemory + deviceOffset + position;
  if (fromDevice) d.memory.copy(host, local, bytes);
  else d.memory.copy(local, host, bytes);
  words[at + Channel.RequestMoved] = words[at + Channel.RequestMoved]! + bytes;
  if (bytes < rest) {
    words[at + Channel.Position] = position + bytes;
    return;
  }
  if ((flags & reg.SGRING_END_OF_REQUEST) !== 0) endRequest(d, at, flags, SgringStatus.Ok);
  else finishDescriptor(d, at);
  passOver(d, channel);
  settle(d, channel);
}

/** Checks a descriptor as its first burst begins; a bad one ends its request with an error and the channel goes on with the next. */
function begin(d: DeviceView, at: number, slot: number, length: number, flags: number, deviceOffset: number): boolean {
  const { words } = d;
  if (words[at + Channel.RequestOpen] === 0) {
    words[at + Channel.RequestOpen] = 1;
    words[at + Channel.RequestTag] = words[slot + SgringDescriptor.Tag]!;
    words[at + Channel.RequestMoved] = 0;
  }
  if (length === 0 || (flags & ~reg.SGRING_FLAGS_ALL) !== 0) return endRequest(d, at, flags, SgringStatus.BadDescriptor);
  if ((deviceOffset >>> 0) + (length >>> 0) > d.localMemoryBytes) return endRequest(d, at, flags, SgringStatus.OutOfRange);
  return true;
}

function finishDescriptor(d: DeviceView, at: number): void {
  d.words[at + Channel.Position] = 0;
  d.words[at + Channel.Head] = (d.words[at + Channel.Head]! + 1) | 0;
}

/** Completes the open request at its descriptor in work; what is left of it is passed over. Returns false for the checks above. */
export function endRequest(d: DeviceView, at: number, flags: number, status: SgringStatus): false {
  const { words } = d;
  addCompletion(d, at, words[at + Channel.RequestTag]!, words[at + Channel.RequestMoved]!, status);
  words[at + Channel.RequestOpen] = 0;
  if ((flags & reg.SGRING_INTERRUPT_NOW) !== 0 || status !== SgringStatus.Ok) words[at + Channel.Urgent] = 1;
  words[at + Channel.Skipping] = (flags & reg.SGRING_END_OF_REQUEST) === 0 ? 1 : 0;
  finishDescriptor(d, at);
  return false;
}

/** Flags of the descriptor in work. */
export function flagsInWork(d: DeviceView, at: number): number {
  return d.words[at + DESCRIPTOR_CACHE + ((d.words[at + Channel.Head]! - d.words[at + Channel.CacheFirst]!) << 3) + SgringDescriptor.Flags]!;
}

/** Keeps a completion on chip until it is written; `settle` writes before there is no room. */
export function addCompletion(d: DeviceView, at: number, tag: number, bytesMoved: number, status: SgringStatus): void {
  const { words } = d;
  const ready = words[at + Channel.Ready]!;
  const entry = at + COMPLETION_CACHE + (ready << 2);
  words[entry + SgringCompletion.Tag] = tag;
  words[entry + SgringCompletion.BytesMoved] = bytesMoved;
  words[entry + SgringCompletion.Status] = status;
  if (ready === 0) words[at + Channel.ReadySince] = words[d.steps]!;
  words[at + Channel.Ready] = ready + 1;
}

// ---- Writeback

/** Entries of the completion ring that are free now; negative when CQ_HEAD is impossible. */
export function completionSpace(d: DeviceView, channel: number): number {
  const at = stateOf(d, channel);
  const used = (d.words[at + Channel.CqTail]! - d.words[registersOf(d, channel) + CQ_HEAD]!) | 0;
  return used < 0 ? -1 : d.words[at + Channel.RingSize]! - used;
}

/** Writes completions, as many as there is room for in one page before the ring's end, and publishes them by one release. */
export function writeback(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const ready = words[at + Channel.Ready]!;
  const tail = words[at + Channel.CqTail]!;
  const size = words[at + Channel.RingSize]!;
  const slot = tail & (size - 1);
  // Acquire: entries the driver has read before it moved CQ_HEAD may be overwritten.
  const used = (tail - atomics.load(words, registersOf(d, channel) + CQ_HEAD)) | 0;
  if (used < 0 || used > size) {
    words[at + Channel.HaltError] = SgringError.RingOverrun;
    words[at + Channel.Ready] = 0;
    settle(d, channel);
    return;
  }
  const count = contiguous(words[at + Channel.CqBaseLow]!, slot, size, reg.SGRING_COMPLETION_BYTES, Math.min(ready, size - used));
  const target = d.iommu.translate(words[at + Channel.CqBaseHigh]!, words[at + Channel.CqBaseLow]!, slot * reg.SGRING_COMPLETION_BYTES, count * reg.SGRING_COMPLETION_BYTES, BusAccess.Write, channel);
  if (target === TRANSLATION_FAULT) {
    words[at + Channel.HaltError] = SgringError.CompletionFault;
    settle(d, channel);
    return;
  }
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
  const tail = words[at + Channel.CqTail]!;
  const size = words[at + Channel.RingSize]!;
  for (let i = count - 1; i >= 0; i--) {
    const from = at + COMPLETION_CACHE + (i << 2);
    const to = target + (i << 2);
    words[to] = words[from]!;
    words[to + 1] = words[from + 1]!;
    words[to + 2] = words[from + 2]!;
    if (i > 0) words[to + SgringCompletion.Sequence] = reg.sgringSequence((tail + i) | 0, size);
  }
  atomics.store(words, target + SgringCompletion.Sequence, reg.sgringSequence(tail, size));
}

function publish(d: DeviceView, channel: number, tail: number, ready: number, count: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const registers = registersOf(d, channel);
  words[at + Channel.CqTail] = tail;
  words[registers + (reg.SGRING_SQ_HEAD >> 2)] = words[at + Channel.Head]!;
  atomics.store(words, registers + (reg.SGRING_CQ_TAIL >> 2), tail);
  if (words[at + Channel.Unsignalled] === 0) words[at + Channel.UnsignalledSince] = words[d.steps]!;
  words[at + Channel.Unsignalled] = words[at + Channel.Unsignalled]! + count;
  words[at + Channel.Ready] = ready - count;
  const cache = (at + COMPLETION_CACHE) << 2;
  if (count < ready) d.memory.copy(cache, cache + count * reg.SGRING_COMPLETION_BYTES, (ready - count) * reg.SGRING_COMPLETION_BYTES);
}

// ---- Interrupts and halting

/** Sets a cause; a message goes out when it was clear and is not masked. */
export function signal(d: DeviceView, channel: number, cause: number): void {
  const registers = registersOf(d, channel);
  const before = atomics.or(d.words, registers + (reg.SGRING_INT_CAUSE >> 2), cause);
  const mask = atomics.load(d.words, registers + (reg.SGRING_INT_MASK >> 2));
  if ((cause & ~before & mask) !== 0) d.message(channel);
}

export function interrupt(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  d.words[at + Channel.Unsignalled] = 0;
  d.words[at + Channel.Urgent] = 0;
  signal(d, channel, reg.SGRING_INT_COMPLETION);
  settle(d, channel);
}

/** The channel stops for good, until it is reset: status first, then the interrupt. */
export function halt(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const error = words[at + Channel.HaltError]!;
  words[at + Channel.Next] = Next.Halted;
  atomics.store(words, registersOf(d, channel) + (reg.SGRING_STATUS >> 2), reg.SGRING_STATUS_HALTED | (error << reg.SGRING_STATUS_ERROR_SHIFT));
  const completions = words[at + Channel.Unsignalled] === 0 ? 0 : reg.SGRING_INT_COMPLETION;
  words[at + Channel.Unsignalled] = 0;
  signal(d, channel, reg.SGRING_INT_ERROR | completions);
}
