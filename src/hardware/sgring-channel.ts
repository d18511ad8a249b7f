import { PAGE_SIZE, atomics } from '../memory/index.js';
import { DeviceFault } from '../faults/fault-kind.js';
import { drawFault } from './device-faults.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import { addCompletion } from './sgring-completion.js';
import { contiguous, settle } from './sgring-next.js';
import * as reg from './sgring-registers.js';
import * as state from './sgring-state.js';
import { latchOf, registersOf, stateOf } from './sgring-state.js';

// Copies of other modules' constants, see sgring-state.ts: this is the engine's hot path.
const Word = state.ChannelWord;
const BURST_BYTES = state.DeviceWord.BurstBytes;
const { FETCH_BATCH, COMPLETION_BATCH, COMPLETION_AGE_STEPS, SKIP_LIST, DESCRIPTOR_CACHE, COMPLETION_CACHE, STALL_STEPS, LATE_STEPS } =
  state;
const Action = state.NextAction;
const {
  SGRING_CTRL_ENABLE,
  SGRING_DESCRIPTOR_BYTES,
  SGRING_END_OF_REQUEST,
  SGRING_FLAGS_ALL,
  SGRING_FROM_DEVICE,
  SGRING_INTERRUPT_NOW,
  SGRING_MODERATION_STEPS_SHIFT,
} = reg;
const Descriptor = reg.SgringDescriptor;
const Completion = reg.SgringCompletion;
const Status = reg.SgringStatus;
const Halt = reg.SgringError;
const { sgringSequence } = reg;
const { Read, Write } = BusAccess;
const FAULT = TRANSLATION_FAULT;
const PAGE = PAGE_SIZE;

/** Registers of a channel as word offsets from its first. */
const CTRL = reg.SGRING_CTRL >> 2;
const TAIL = reg.SGRING_SQ_TAIL >> 2;
const MODERATION = reg.SGRING_MODERATION >> 2;

// ---- Fetch

/** Reads up to FETCH_BATCH descriptors into the cache, as far as they lie in one page and before the ring's end. */
export function fetch(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  // Acquire: descriptors stored before the doorbell are visible after this load (rule D02).
  const tail = atomics.load(words, registersOf(d, channel) + TAIL);
  const first = words[at + Word.Fetched]!;
  const size = words[at + Word.RingSize]!;
  const queued = (tail - words[at + Word.Head]!) | 0;
  if (queued < 0 || queued > size) {
    words[at + Word.HaltError] = Halt.RingOverrun;
    settle(d, channel);
    return;
  }
  const count = contiguous(words[at + Word.SqBaseLow]!, first & (size - 1), size, SGRING_DESCRIPTOR_BYTES, Math.min(queued, FETCH_BATCH));
  const source = descriptorAddress(d, channel, first, count);
  if (source === FAULT) {
    words[at + Word.HaltError] = Halt.DescriptorFault;
    settle(d, channel);
    return;
  }
  d.memory.copy((at + DESCRIPTOR_CACHE) << 2, source, count * SGRING_DESCRIPTOR_BYTES);
  words[at + Word.CacheFirst] = first;
  words[at + Word.Fetched] = (first + count) | 0;
  passOver(d, channel);
  settle(d, channel);
}

/** Byte offset in memory of `count` contiguous descriptors from ring index `index`. */
export function descriptorAddress(d: DeviceView, channel: number, index: number, count: number): number {
  const at = stateOf(d, channel);
  const slot = index & (d.words[at + Word.RingSize]! - 1);
  return d.iommu.translate(
    d.words[at + Word.SqBaseHigh]!,
    d.words[at + Word.SqBaseLow]!,
    slot * SGRING_DESCRIPTOR_BYTES,
    count * SGRING_DESCRIPTOR_BYTES,
    Read,
    channel,
  );
}

/** Moves the head over descriptors of requests that are completed already: no bus action, so no step of its own. */
export function passOver(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  if (words[at + Word.Skipping] === 0 && words[at + Word.SkipCount] === 0) return;
  while (words[at + Word.Head] !== words[at + Word.Fetched]) {
    const head = words[at + Word.Head]!;
    if (words[at + Word.Skipping] === 0 && (words[at + Word.RequestOpen] !== 0 || !removeSkip(d, channel, head))) return;
    const slot = at + DESCRIPTOR_CACHE + ((head - words[at + Word.CacheFirst]!) << 3);
    words[at + Word.Skipping] = (words[slot + Descriptor.Flags]! & SGRING_END_OF_REQUEST) === 0 ? 1 : 0;
    words[at + Word.Head] = (head + 1) | 0;
  }
}

/** Whether the request that begins at ring index `index` is completed already. */
export function isSkipped(d: DeviceView, channel: number, index: number): boolean {
  const list = stateOf(d, channel) + SKIP_LIST;
  const end = list + d.words[stateOf(d, channel) + Word.SkipCount]!;
  for (let entry = list; entry < end; entry++) if (d.words[entry] === index) return true;
  return false;
}

export function addSkip(d: DeviceView, channel: number, index: number): void {
  const at = stateOf(d, channel);
  const count = d.words[at + Word.SkipCount]!;
  d.words[at + SKIP_LIST + count] = index;
  d.words[at + Word.SkipCount] = count + 1;
}

function removeSkip(d: DeviceView, channel: number, index: number): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const count = words[at + Word.SkipCount]!;
  for (let i = 0; i < count; i++) {
    if (words[at + SKIP_LIST + i] !== index) continue;
    words[at + SKIP_LIST + i] = words[at + SKIP_LIST + count - 1]!;
    words[at + Word.SkipCount] = count - 1;
    return true;
  }
  return false;
}

// ---- Burst

/** Moves one burst of the descriptor in work: at most burstBytes, never across a page of host memory. */
export function burst(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  if (words[d.faults] !== 0 && words[at + Word.RequestOpen] === 0 && standsStill(d, channel)) return;
  const slot = at + DESCRIPTOR_CACHE + ((words[at + Word.Head]! - words[at + Word.CacheFirst]!) << 3);
  const position = words[at + Word.Position]!;
  const length = words[slot + Descriptor.LengthBytes]!;
  const flags = words[slot + Descriptor.Flags]!;
  const deviceOffset = words[slot + Descriptor.DeviceOffset]!;
  if (position === 0 && !begin(d, at, slot, length, flags, deviceOffset)) {
    passOver(d, channel);
    settle(d, channel);
    return;
  }
  const low = words[slot + Descriptor.AddressLow]!;
  const pageRest = PAGE - ((low + position) & (PAGE - 1));
  const rest = length - position;
  let bytes = words[d.state + BURST_BYTES]!;
  if (rest < bytes) bytes = rest;
  if (pageRest < bytes) bytes = pageRest;
  let fate: Fate = UNHARMED;
  if (words[d.faults] !== 0 && bytes === rest && (flags & SGRING_END_OF_REQUEST) !== 0) {
    fate = drawFate(d, bytes);
    if (fate !== UNHARMED) bytes = cut(bytes);
  }
  const fromDevice = (flags & SGRING_FROM_DEVICE) !== 0;
  const host = d.iommu.translate(words[slot + Descriptor.AddressHigh]!, low, position, bytes, fromDevice ? Write : Read, channel);
  if (host === FAULT) {
    words[at + Word.HaltError] = Halt.DataFault;
    endRequest(d, at, flags, Status.Fault);
    settle(d, channel);
    return;
  }
  const local = d.localMemory + deviceOffset + position;
  if (fromDevice) d.memory.copy(host, local, bytes);
  else d.memory.copy(local, host, bytes);
  words[at + Word.RequestMoved] = words[at + Word.RequestMoved]! + bytes;
  if (bytes < rest && fate === UNHARMED) {
    words[at + Word.Position] = position + bytes;
    return;
  }
  if ((flags & SGRING_END_OF_REQUEST) !== 0) endRequest(d, at, flags, fate === UNHARMED ? Status.Ok : fate);
  else finishDescriptor(d, at);
  if (words[d.faults] !== 0) drawLate(d, at);
  if (words[at + Word.SkipCount] !== 0) passOver(d, channel);
  if (!goesOn(d, at)) settle(d, channel);
}

// ---- Injected faults, see docs/sgring.md section 8

/** A request whose last burst goes wrong ends with this status; Ok with too few bytes is the partial count. */
type Fate = reg.SgringStatus | typeof UNHARMED;
const UNHARMED = -1;

function drawFate(d: DeviceView, bytes: number): Fate {
  if (drawFault(d, DeviceFault.ErrorCompletion)) return Status.DeviceError;
  if (drawFault(d, DeviceFault.AbortCompletion)) return Status.Aborted;
  return bytes >= CUT_BYTES_MIN && drawFault(d, DeviceFault.PartialCount) ? Status.Ok : UNHARMED;
}

/** Half of a burst, in whole words. */
function cut(bytes: number): number {
  return bytes >= CUT_BYTES_MIN ? (bytes >> 1) & ~3 : bytes;
}
const CUT_BYTES_MIN = 8;

/** Before a request begins: the channel may stall or hang, or send a message that means nothing. */
function standsStill(d: DeviceView, channel: number): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  if (words[at + Word.Next] === Action.Stall) {
    words[at + Word.Next] = Action.Burst;
    return false;
  }
  if (drawFault(d, DeviceFault.SpuriousInterrupt)) d.message(channel);
  if (drawFault(d, DeviceFault.Hang)) {
    words[at + Word.Next] = Action.Hung;
    return true;
  }
  if (!drawFault(d, DeviceFault.Stall)) return false;
  words[at + Word.Next] = Action.Stall;
  words[at + Word.WaitUntil] = (words[d.steps]! + STALL_STEPS) | 0;
  return true;
}

/** The completion just added, and those it would share a write with, wait on chip. */
function drawLate(d: DeviceView, at: number): void {
  const { words } = d;
  if (words[at + Word.IsLate] !== 0 || words[at + Word.Ready] === 0 || !drawFault(d, DeviceFault.LateCompletion)) return;
  words[at + Word.IsLate] = 1;
  words[at + Word.LateUntil] = (words[d.steps]! + LATE_STEPS) | 0;
}

/**
 * Up to `limit` bursts in one go, for a host that runs freely: as many as are requests of one descriptor and one burst
 * each, with the state kept in local variables meanwhile. The words it leaves are those that as many steps would have
 * left. Returns the bursts made; 0 when the next one is not of that simple kind or a command waits.
 */
export function burstRun(d: DeviceView, channel: number, limit: number): number {
  const at = stateOf(d, channel);
  const { words, memory, iommu, localMemory, localMemoryBytes } = d;
  const begun =
    words[at + Word.RequestOpen]! |
    words[at + Word.Skipping]! |
    words[at + Word.SkipCount]! |
    words[at + Word.Urgent]! |
    words[at + Word.HaltError]! |
    words[d.faults]!;
  if (begun !== 0) return 0;
  const control = registersOf(d, channel) + CTRL;
  const latch = latchOf(d, channel);
  const ready = words[at + Word.Ready]!;
  const head = words[at + Word.Head]!;
  const burstBytes = words[d.state + BURST_BYTES]!;
  const most = Math.min(limit, COMPLETION_BATCH - ready, (words[at + Word.Fetched]! - head) | 0, stepsUntilDue(d, channel));
  const tail = (words[at + Word.CqTail]! + ready) | 0;
  const size = words[at + Word.RingSize]!;
  let slot = at + DESCRIPTOR_CACHE + ((head - words[at + Word.CacheFirst]!) << 3);
  let entry = at + COMPLETION_CACHE + (ready << 2);
  let made = 0;
  while (made < most && words[latch] === 0 && (words[control]! & SGRING_CTRL_ENABLE) !== 0) {
    const flags = words[slot + Descriptor.Flags]!;
    const bytes = words[slot + Descriptor.LengthBytes]!;
    const low = words[slot + Descriptor.AddressLow]!;
    const deviceOffset = words[slot + Descriptor.DeviceOffset]!;
    const simple =
      (flags & ~SGRING_FROM_DEVICE) === SGRING_END_OF_REQUEST && bytes > 0 && bytes <= burstBytes && bytes <= PAGE - (low & (PAGE - 1));
    if (!simple || deviceOffset < 0 || deviceOffset > localMemoryBytes - bytes) break;
    const fromDevice = (flags & SGRING_FROM_DEVICE) !== 0;
    // A refused access is left to `burst`, which records the fault and ends the request.
    const host = iommu.probe(words[slot + Descriptor.AddressHigh]!, low, 0, fromDevice ? Write : Read);
    if (host === FAULT) break;
    if (fromDevice) memory.copy(host, localMemory + deviceOffset, bytes);
    else memory.copy(localMemory + deviceOffset, host, bytes);
    words[entry + Completion.Tag] = words[slot + Descriptor.Tag]!;
    words[entry + Completion.BytesMoved] = bytes;
    words[entry + Completion.Status] = Status.Ok;
    words[entry + Completion.Sequence] = sgringSequence((tail + made) | 0, size);
    slot += 8;
    entry += 4;
    made++;
  }
  if (made === 0) return 0;
  if (ready === 0) words[at + Word.ReadySince] = (words[d.steps]! + 1) | 0;
  words[d.steps] = (words[d.steps]! + made) | 0;
  words[at + Word.Ready] = ready + made;
  words[at + Word.Head] = (head + made) | 0;
  words[at + Word.RequestTag] = words[entry - 4 + Completion.Tag]!;
  words[at + Word.RequestMoved] = words[entry - 4 + Completion.BytesMoved]!;
  settle(d, channel);
  return made;
}

/** Steps after which a completion on chip is too old or moderation's time is up: no run goes beyond. */
function stepsUntilDue(d: DeviceView, channel: number): number {
  const at = stateOf(d, channel);
  const { words } = d;
  const now = words[d.steps]!;
  const forAge = words[at + Word.Ready] === 0 ? COMPLETION_BATCH : (COMPLETION_AGE_STEPS - now + words[at + Word.ReadySince]!) | 0;
  const time = words[registersOf(d, channel) + MODERATION]! >>> SGRING_MODERATION_STEPS_SHIFT;
  if (time === 0 || words[at + Word.Unsignalled] === 0) return forAge;
  return Math.min(forAge, (time - now + words[at + Word.UnsignalledSince]!) | 0);
}

/** The common case of `settle` in a few loads: more descriptors are cached and nothing else is due. */
function goesOn(d: DeviceView, at: number): boolean {
  const { words } = d;
  if (words[at + Word.Head] === words[at + Word.Fetched] || (words[at + Word.Urgent]! | words[at + Word.Unsignalled]!) !== 0) return false;
  const ready = words[at + Word.Ready]!;
  return ready < COMPLETION_BATCH && (ready === 0 || ((words[d.steps]! - words[at + Word.ReadySince]!) | 0) < COMPLETION_AGE_STEPS);
}

/** Checks a descriptor as its first burst begins; a bad one ends its request with an error and the channel goes on with the next. */
function begin(d: DeviceView, at: number, slot: number, length: number, flags: number, deviceOffset: number): boolean {
  const { words } = d;
  if (words[at + Word.RequestOpen] === 0) {
    words[at + Word.RequestOpen] = 1;
    words[at + Word.RequestTag] = words[slot + Descriptor.Tag]!;
    words[at + Word.RequestMoved] = 0;
  }
  if (length === 0 || (flags & ~SGRING_FLAGS_ALL) !== 0) return endRequest(d, at, flags, Status.BadDescriptor);
  if ((deviceOffset >>> 0) + (length >>> 0) > d.localMemoryBytes) return endRequest(d, at, flags, Status.OutOfRange);
  return true;
}

function finishDescriptor(d: DeviceView, at: number): void {
  d.words[at + Word.Position] = 0;
  d.words[at + Word.Head] = (d.words[at + Word.Head]! + 1) | 0;
}

/** Completes the open request at its descriptor in work; what is left of it is passed over. Returns false for the checks above. */
export function endRequest(d: DeviceView, at: number, flags: number, status: reg.SgringStatus): false {
  const { words } = d;
  addCompletion(d, at, words[at + Word.RequestTag]!, words[at + Word.RequestMoved]!, status);
  words[at + Word.RequestOpen] = 0;
  if ((flags & SGRING_INTERRUPT_NOW) !== 0 || status !== Status.Ok) words[at + Word.Urgent] = 1;
  words[at + Word.Skipping] = (flags & SGRING_END_OF_REQUEST) === 0 ? 1 : 0;
  finishDescriptor(d, at);
  return false;
}

/** Flags of the descriptor in work. */
export function flagsInWork(d: DeviceView, at: number): number {
  return d.words[at + DESCRIPTOR_CACHE + ((d.words[at + Word.Head]! - d.words[at + Word.CacheFirst]!) << 3) + Descriptor.Flags]!;
}
