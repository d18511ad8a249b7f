import { assertInternal } from '../nt/index.js';
import { atomics } from '../memory/index.js';
import { DONE, OpKind, type Op } from '../kernel/op.js';
import { BarKind, type DeviceModel, type DeviceParams, type RegisterDescription } from './device-model.js';
import type { DeviceView } from './device-view.js';
import { abortStep } from './sgring-abort.js';
import { burst, burstRun, fetch } from './sgring-channel.js';
import { completionSpace, halt, interrupt, writeback } from './sgring-completion.js';
import { settle } from './sgring-next.js';
import * as state from './sgring-state.js';
import { latchOf, registersOf, stateOf } from './sgring-state.js';
import * as reg from './sgring-registers.js';
import { SgringError } from './sgring-registers.js';

/** What a channel would do in a step; NONE while it waits. */
const Action = { None: 0, Reset: 1, Abort: 2, Control: 3, Fetch: 4, Burst: 5, Writeback: 6, Interrupt: 7, Halt: 8, Wait: 9 } as const;
type Action = (typeof Action)[keyof typeof Action];
const actionOps = [
  DONE,
  OpKind.Update,
  OpKind.Update,
  OpKind.Update,
  OpKind.Read,
  OpKind.Burst,
  OpKind.Write,
  OpKind.Signal,
  OpKind.Signal,
  OpKind.Wait,
] as const;

/** `choose` packs channel and action into one small integer. */
const NOTHING = -1;
const ACTION_BITS = 4;
const ACTION_MASK = (1 << ACTION_BITS) - 1;

// Copies of other modules' constants, see sgring-state.ts.
const Word = state.ChannelWord;
const Header = state.DeviceWord;
const Next = state.NextAction;
const { CHANNEL_WORDS, COMPLETION_BATCH, DEVICE_WORDS, SKIP_SLOTS, TICK_STEPS } = state;
const { SGRING_CTRL_ENABLE, SGRING_CTRL_RESET } = reg;
const CTRL = reg.SGRING_CTRL >> 2;
const TAIL = reg.SGRING_SQ_TAIL >> 2;

function actionOf(d: DeviceView, channel: number): Action {
  const { words } = d;
  const at = stateOf(d, channel);
  const latched = words[latchOf(d, channel)]!;
  if (latched !== 0) {
    const command = commandOf(d, channel, latched);
    if (command !== Action.None) return command;
  }
  const running = words[at + Word.Running]!;
  if ((words[registersOf(d, channel) + CTRL]! & SGRING_CTRL_ENABLE) !== running)
    return words[at + Word.Next] === Next.Hung ? Action.None : Action.Control;
  if (running === 0) return Action.None;
  switch (words[at + Word.Next]) {
    case Next.Idle:
      return words[registersOf(d, channel) + TAIL] === words[at + Word.Fetched] ? Action.None : Action.Fetch;
    case Next.Burst:
      return Action.Burst;
    case Next.Writeback:
      // A full completion ring stops the channel until the driver moves CQ_HEAD.
      return completionSpace(d, channel) === 0 ? Action.None : Action.Writeback;
    case Next.Interrupt:
      return Action.Interrupt;
    case Next.Halt:
      return Action.Halt;
    case Next.Wait:
      return waiting(d, channel);
    case Next.Stall:
      return isTimeUp(d, at) ? Action.Burst : Action.Wait;
    default:
      return Action.None;
  }
}

function isTimeUp(d: DeviceView, at: number): boolean {
  return ((d.words[d.steps]! - d.words[at + Word.WaitUntil]!) | 0) >= 0;
}

/** A channel that waits for time goes on when the time has come, and before that when there is more to fetch. */
function waiting(d: DeviceView, channel: number): Action {
  const at = stateOf(d, channel);
  const { words } = d;
  if (isTimeUp(d, at)) {
    const late = words[at + Word.IsLate] !== 0 && ((words[at + Word.LateUntil]! - words[d.steps]!) | 0) > 0;
    if (words[at + Word.Ready] === 0 || late) return Action.Interrupt;
    return completionSpace(d, channel) === 0 ? Action.None : Action.Writeback;
  }
  const mayFetch = words[at + Word.Head] === words[at + Word.Fetched] && words[at + Word.Ready]! < COMPLETION_BATCH;
  return mayFetch && words[registersOf(d, channel) + TAIL] !== words[at + Word.Fetched] ? Action.Fetch : Action.Wait;
}

/** Commands go first; an abort waits while there is no room for its completion or for one more request to pass over. */
function commandOf(d: DeviceView, channel: number, latched: number): Action {
  if ((latched & SGRING_CTRL_RESET) !== 0) return Action.Reset;
  const at = stateOf(d, channel);
  if (d.words[at + Word.Next] === Next.Hung) return Action.None;
  const room = d.words[at + Word.Ready]! < COMPLETION_BATCH && d.words[at + Word.SkipCount]! < SKIP_SLOTS;
  return room || d.words[at + Word.Next] === Next.Halted ? Action.Abort : Action.None;
}

/** The next channel in turn that has something to do, with its action; time passes only when none has. */
function choose(d: DeviceView): number {
  const { words } = d;
  if (words[d.gate] === 0) return NOTHING;
  const channels = words[d.state + Header.Channels]!;
  let channel = words[d.state + Header.Cursor]!;
  let waiter = NOTHING;
  for (let i = 0; i < channels; i++) {
    const action = actionOf(d, channel);
    if (action === Action.Wait) waiter = (channel << ACTION_BITS) | action;
    else if (action !== Action.None) return (channel << ACTION_BITS) | action;
    if (++channel === channels) channel = 0;
  }
  return waiter;
}

function pending(d: DeviceView): Op {
  const chosen = choose(d);
  return chosen === NOTHING ? DONE : d.op(actionOps[chosen & ACTION_MASK]! as OpKind);
}

function step(d: DeviceView): boolean {
  const chosen = choose(d);
  if (chosen === NOTHING) return false;
  d.words[d.steps] = (d.words[d.steps]! + 1) | 0;
  turnAfter(d, chosen >> ACTION_BITS);
  perform(d, chosen >> ACTION_BITS, chosen & ACTION_MASK);
  return true;
}

/** A channel's run of bursts is its turn; the other channels come next. Waiting is the host's to pace. */
function stepMany(d: DeviceView, limit: number): number {
  const chosen = choose(d);
  if (chosen === NOTHING || (chosen & ACTION_MASK) === Action.Wait) return 0;
  const channel = chosen >> ACTION_BITS;
  turnAfter(d, channel);
  const made = (chosen & ACTION_MASK) === Action.Burst ? burstRun(d, channel, limit) : 0;
  if (made > 0) return made;
  d.words[d.steps] = (d.words[d.steps]! + 1) | 0;
  perform(d, channel, chosen & ACTION_MASK);
  return 1;
}

function turnAfter(d: DeviceView, channel: number): void {
  d.words[d.state + Header.Cursor] = channel + 1 === d.words[d.state + Header.Channels] ? 0 : channel + 1;
}

function perform(d: DeviceView, channel: number, action: number): void {
  switch (action) {
    case Action.Burst:
      return burst(d, channel);
    case Action.Fetch:
      return fetch(d, channel);
    case Action.Writeback:
      return writeback(d, channel);
    case Action.Interrupt:
      return interrupt(d, channel);
    case Action.Abort:
      return abortStep(d, channel);
    case Action.Halt:
      return halt(d, channel);
    case Action.Wait:
      // One step was counted already.
      d.words[d.steps] = (d.words[d.steps]! + TICK_STEPS - 1) | 0;
      return;
    case Action.Control:
      return control(d, channel);
    default:
      return resetChannel(d, channel);
  }
}

/** The enable bit has changed: the channel starts or stands still, and STATUS says so. */
function control(d: DeviceView, channel: number): void {
  const at = stateOf(d, channel);
  const { words } = d;
  const status = reg.sgringRegister(channel, reg.SGRING_STATUS);
  if (words[at + Word.Running] !== 0) {
    d.pushWrites();
    words[at + Word.Running] = 0;
    d.registers.lower(status, reg.SGRING_STATUS_RUNNING);
    return;
  }
  words[at + Word.Running] = 1;
  if (words[at + Word.Next] === Next.Halted) return;
  if (words[at + Word.RingSize] === 0 && !takeConfiguration(d, channel)) words[at + Word.HaltError] = SgringError.Configuration;
  else d.registers.raise(status, reg.SGRING_STATUS_RUNNING);
  settle(d, channel);
}

/** Ring size and bases are taken when a channel is enabled for the first time after a reset. */
function takeConfiguration(d: DeviceView, channel: number): boolean {
  const at = stateOf(d, channel);
  const { words } = d;
  const get = (register: number): number => d.registers.get(reg.sgringRegister(channel, register));
  const size = get(reg.SGRING_RING_SIZE);
  const sqBase = get(reg.SGRING_SQ_BASE_LOW);
  const cqBase = get(reg.SGRING_CQ_BASE_LOW);
  const sizeFits = size >= reg.SGRING_RING_SIZE_MIN && size <= reg.SGRING_RING_SIZE_MAX && (size & (size - 1)) === 0;
  const basesFit = (sqBase & (reg.SGRING_DESCRIPTOR_BYTES - 1)) === 0 && (cqBase & (reg.SGRING_COMPLETION_BYTES - 1)) === 0;
  if (!sizeFits || !basesFit) return false;
  words[at + Word.RingSize] = size;
  words[at + Word.SqBaseLow] = sqBase;
  words[at + Word.SqBaseHigh] = get(reg.SGRING_SQ_BASE_HIGH);
  words[at + Word.CqBaseLow] = cqBase;
  words[at + Word.CqBaseHigh] = get(reg.SGRING_CQ_BASE_HIGH);
  const start = get(reg.SGRING_START_INDEX);
  words[at + Word.Head] = start;
  words[at + Word.Fetched] = start;
  words[at + Word.CqTail] = start;
  d.registers.put(reg.sgringRegister(channel, reg.SGRING_SQ_HEAD), start);
  d.registers.put(reg.sgringRegister(channel, reg.SGRING_CQ_TAIL), start);
  return true;
}

/** CTRL.RESET: registers, rings and what was under way are forgotten; the bit drops last. */
function resetChannel(d: DeviceView, channel: number): void {
  d.pushWrites();
  const at = stateOf(d, channel);
  d.words.fill(0, at, at + CHANNEL_WORDS);
  const first = reg.sgringRegister(channel, 0);
  for (const { offset, resetValue = 0 } of d.registers.table.words) {
    if (offset > first && offset < first + reg.SGRING_CHANNEL_STRIDE) d.registers.put(offset, resetValue);
  }
  d.registers.take(first, -1);
  d.registers.lower(first, SGRING_CTRL_RESET | SGRING_CTRL_ENABLE);
}

/** What needs no step: the abort doorbell latches, and an interrupt still due when causes or masks were written is sent again. */
function registerWritten(d: DeviceView, offset: number): void {
  if (offset < reg.SGRING_CHANNEL_BASE) return;
  const channel = Math.floor((offset - reg.SGRING_CHANNEL_BASE) / reg.SGRING_CHANNEL_STRIDE);
  const register = (offset - reg.SGRING_CHANNEL_BASE) % reg.SGRING_CHANNEL_STRIDE;
  if (register === reg.SGRING_ABORT) {
    d.registers.commit(reg.sgringRegister(channel, reg.SGRING_CTRL), reg.SGRING_LATCH_ABORT);
    return;
  }
  if (register !== reg.SGRING_INT_CAUSE && register !== reg.SGRING_INT_MASK) return;
  const registers = registersOf(d, channel);
  const due =
    atomics.load(d.words, registers + (reg.SGRING_INT_CAUSE >> 2)) & atomics.load(d.words, registers + (reg.SGRING_INT_MASK >> 2));
  if (due !== 0) d.message(channel);
}

function reset(d: DeviceView): void {
  d.words[d.state + Header.Channels] = d.params['channels']!;
  d.words[d.state + Header.BurstBytes] = d.params['burstBytes']!;
  for (let channel = 0; channel < d.params['channels']!; channel++) {
    const latch = d.registers.latchWordIndex(reg.sgringRegister(channel, reg.SGRING_CTRL));
    assertInternal(latch === latchOf(d, channel), 'SGRING_LATCH', `the latch of channel ${channel} is not where steps look for it`);
  }
}

function describe(d: DeviceView): readonly RegisterDescription[] {
  return Array.from({ length: d.params['channels']! }, (_, channel) => {
    const at = stateOf(d, channel);
    const next = d.words[at + Word.Next]!;
    const fields = Object.entries(state.ChannelWord).map(([name, offset]) => ({
      name: `channel${channel}.${name}`,
      offset,
      value: d.words[at + offset]! >>> 0,
    }));
    return [{ name: `channel${channel}.Next.${state.nextNames[next] ?? next}`, offset: Word.Next, value: next }, ...fields];
  }).flat();
}

/** Completions that were announced and not taken, and causes that are masked or were never acknowledged. */
function unheard(d: DeviceView): readonly string[] {
  return Array.from({ length: d.params['channels']! }, (_, channel) => {
    const get = (register: number): number => d.registers.get(reg.sgringRegister(channel, register));
    const waiting = (get(reg.SGRING_CQ_TAIL) - get(reg.SGRING_CQ_HEAD)) | 0;
    const causes = get(reg.SGRING_INT_CAUSE);
    const masked = causes & ~get(reg.SGRING_INT_MASK);
    const texts: string[] = [];
    if (waiting > 0) texts.push(`${waiting} completions of channel ${channel} lie in its ring and were not taken`);
    if (masked !== 0) texts.push(`interrupt causes 0x${masked.toString(16)} of channel ${channel} are set and masked`);
    else if (causes !== 0)
      texts.push(`interrupt causes 0x${causes.toString(16)} of channel ${channel} were delivered and never acknowledged`);
    return texts;
  }).flat();
}

const registers = (params: DeviceParams): ReturnType<typeof reg.sgringRegisters> =>
  reg.sgringRegisters(params['channels']!, params['localMemoryBytes']!);

/** A modern ring engine: submission and completion rings, a message per channel, abort by tag. See docs/sgring.md. */
export const sgring: DeviceModel = {
  name: 'sgring',
  title: 'Scatter/gather ring engine: 1 to 8 channels, one message vector each',
  params: [
    { name: 'channels', default: 2, min: 1, max: reg.SGRING_CHANNELS_MAX, unit: 'channels', title: 'independent ring pairs' },
    {
      name: 'localMemoryBytes',
      default: 4 << 20,
      min: 4096,
      max: 256 << 20,
      unit: 'bytes',
      title: 'memory on the device',
      powerOfTwo: true,
    },
    { name: 'burstBytes', default: 4096, min: 4, max: 4096, unit: 'bytes', title: 'most bytes moved in one step', powerOfTwo: true },
  ],
  addressBits: 64,
  aperture: 'high',
  registers,
  bars: (params) => [
    { index: 0, kind: BarKind.Registers, lengthBytes: registers(params).lengthBytes },
    { index: 2, kind: BarKind.LocalMemory, lengthBytes: params['localMemoryBytes']! },
  ],
  stateWords: (params) => DEVICE_WORDS + params['channels']! * CHANNEL_WORDS,
  localMemoryBytes: (params) => params['localMemoryBytes']!,
  vectors: (params) => ({ kind: 'message', count: params['channels']! }),
  reset,
  pending,
  step,
  stepMany,
  registerWritten,
  writesBackAt: (offset) =>
    offset >= reg.SGRING_CHANNEL_BASE && (offset - reg.SGRING_CHANNEL_BASE) % reg.SGRING_CHANNEL_STRIDE === reg.SGRING_INT_CAUSE,
  unheard,
  describe,
};
