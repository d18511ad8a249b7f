import { PAGE_SIZE } from '../memory/index.js';
import { DONE, OpKind, type Op } from '../kernel/op.js';
import { BarKind, type DeviceModel, type RegisterDescription } from './device-model.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import { drawRepeat, isLate, repeat, spoilTransfer, tick } from './s5933-faults.js';
import * as reg from './s5933-registers.js';
import {
  CHANNELS,
  CHANNEL_WORDS,
  Channel,
  Phase,
  READ,
  WRITE,
  addressRegister,
  channelAt,
  completeCause,
  countRegister,
  enableBit,
  hasCount,
  isEnabled,
  lineAsserted,
  phaseNames,
  phaseOps,
  raiseCause,
  showCount,
  showSummary,
} from './s5933-state.js';

/** State word after the channels: which channel goes first in the next step. */
const CURSOR = CHANNELS * CHANNEL_WORDS;
const STATE_WORDS = CURSOR + 1;

const RESETS = reg.S5933_MCSR_ADD_ON_RESET | reg.S5933_MCSR_READ_RESET | reg.S5933_MCSR_WRITE_RESET;
const PRIORITIES = reg.S5933_MCSR_WRITE_PRIORITY | reg.S5933_MCSR_READ_PRIORITY;
const NO_CHANNEL = -1;
/** Not a channel: a reset bit of MCSR has been written. */
const RESET = CHANNELS;

const isStarting = (d: DeviceView, channel: number): boolean => isEnabled(d, channel) && hasCount(d, channel);

function isRunnable(d: DeviceView, channel: number): boolean {
  const at = channelAt(d, channel);
  switch (d.words[at + Channel.Phase]) {
    case Phase.Idle:
      return d.words[at + Channel.Repeat] !== 0 || isStarting(d, channel);
    case Phase.Move:
      // The enable bit cleared in the middle pauses a transfer.
      return isEnabled(d, channel);
    case Phase.Hung:
      return false;
    default:
      return true;
  }
}

/** Kind of a runnable channel's next step. */
function opOf(d: DeviceView, channel: number): OpKind {
  const at = channelAt(d, channel);
  const phase = d.words[at + Channel.Phase]!;
  if (phase === Phase.Idle && !isStarting(d, channel)) return d.words[at + Channel.Repeat] === 1 ? OpKind.Signal : OpKind.Wait;
  return phaseOps[phase]! as OpKind;
}

/** The channel whose turn it is, RESET, or NO_CHANNEL. */
function choose(d: DeviceView): number {
  if (d.words[d.gate] === 0) return NO_CHANNEL;
  if (d.registers.peekCommands(reg.S5933_MCSR) !== 0) return RESET;
  const first = firstChannel(d);
  if (!isRunnable(d, first)) return isRunnable(d, 1 - first) ? 1 - first : NO_CHANNEL;
  // Time passes only when the other channel has nothing to do either.
  return opOf(d, first) === OpKind.Wait && isRunnable(d, 1 - first) ? 1 - first : first;
}

/** MCSR can give one channel priority; else they take turns. */
function firstChannel(d: DeviceView): number {
  const priority = d.words[d.registers.wordIndex(reg.S5933_MCSR)]! & PRIORITIES;
  if (priority === reg.S5933_MCSR_WRITE_PRIORITY) return WRITE;
  return priority === reg.S5933_MCSR_READ_PRIORITY ? READ : d.words[d.state + CURSOR]!;
}

function pending(d: DeviceView): Op {
  const channel = choose(d);
  if (channel === NO_CHANNEL) return DONE;
  return d.op(channel === RESET ? OpKind.Update : opOf(d, channel));
}

function step(d: DeviceView): boolean {
  const channel = choose(d);
  if (channel === NO_CHANNEL) return false;
  const { words } = d;
  words[d.steps] = (words[d.steps]! + 1) | 0;
  if (channel === RESET) {
    obeyResets(d, d.registers.take(reg.S5933_MCSR, RESETS));
    return true;
  }
  words[d.state + CURSOR] = 1 - channel;
  perform(d, channel);
  return true;
}

function perform(d: DeviceView, channel: number): void {
  switch (d.words[channelAt(d, channel) + Channel.Phase]) {
    case Phase.Idle:
      return isStarting(d, channel) ? begin(d, channel) : repeat(d, channel);
    case Phase.Move:
      return move(d, channel);
    case Phase.Wait:
      return tick(d, channel);
    default:
      return finish(d, channel);
  }
}

function obeyResets(d: DeviceView, resets: number): void {
  if ((resets & reg.S5933_MCSR_ADD_ON_RESET) !== 0) {
    d.words.fill(0, d.state, d.state + STATE_WORDS);
    d.registers.lower(reg.S5933_MCSR, enableBit(WRITE) | enableBit(READ));
    return;
  }
  if ((resets & reg.S5933_MCSR_WRITE_RESET) !== 0) resetChannel(d, WRITE);
  if ((resets & reg.S5933_MCSR_READ_RESET) !== 0) resetChannel(d, READ);
}

/** The FIFO of one direction is emptied: what the channel works on ends here, as far as it came, and says so. */
function resetChannel(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  const { words } = d;
  const phase = words[at + Channel.Phase];
  if (phase === Phase.Hung) return;
  // One access: an enable bit that the driver writes just now is either seen here or stays.
  const wasEnabled = (d.registers.lower(reg.S5933_MCSR, enableBit(channel)) & enableBit(channel)) !== 0;
  if (phase === Phase.Idle && !(wasEnabled && hasCount(d, channel))) return;
  // A transfer that has ended already, and only has to say so, keeps its cause.
  if (phase === Phase.Finish || (phase === Phase.Wait && words[at + Channel.AfterWait] === Phase.Finish))
    words[at + Channel.Phase] = Phase.Finish;
  else stop(d, channel, completeCause(channel));
}

/** The transfer ends here, with bytes left; its last step raises `cause`. */
function stop(d: DeviceView, channel: number, cause: number): void {
  const at = channelAt(d, channel);
  d.words[at + Channel.StopAt] = d.registers.get(countRegister(channel));
  d.words[at + Channel.Cause] = cause;
  d.words[at + Channel.Phase] = Phase.Finish;
}

/** A new transfer: the board's side of the stream starts over where the mailbox says. */
function begin(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  const { words } = d;
  words[at + Channel.Position] = (d.registers.get(reg.S5933_OMB1 + channel * 4) >>> 0) % d.localMemoryBytes;
  words[at + Channel.StopAt] = 0;
  words[at + Channel.Cause] = completeCause(channel);
  words[at + Channel.AfterWait] = Phase.Idle;
  words[at + Channel.Phase] = Phase.Move;
  if (words[d.faults] !== 0) spoilTransfer(d, channel);
}

/** One burst: never more than burstBytes, never across a page of host memory or the end of the board's. */
function move(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  const { words, registers } = d;
  const count = registers.get(countRegister(channel));
  const stopAt = words[at + Channel.StopAt]!;
  if (count <= stopAt) {
    words[at + Channel.Phase] = Phase.Finish;
    return;
  }
  const address = registers.get(addressRegister(channel));
  const position = words[at + Channel.Position]!;
  const pageRest = PAGE_SIZE - (address & (PAGE_SIZE - 1));
  const burst = Math.min(count - stopAt, d.params['burstBytes']!, pageRest, d.localMemoryBytes - position);
  const host = d.iommu.translate(0, address, 0, burst, channel === WRITE ? BusAccess.Write : BusAccess.Read, channel);
  if (host === TRANSLATION_FAULT) {
    // Nobody claims an address outside of the domain; inside, the target refuses.
    stop(d, channel, d.iommu.covers(0, address) ? reg.S5933_INTCSR_TARGET_ABORT : reg.S5933_INTCSR_MASTER_ABORT);
    return;
  }
  if (channel === WRITE) d.writeMemory(host, d.localMemory + position, burst);
  else d.memory.copy(d.localMemory + position, host, burst);
  words[at + Channel.Position] = (position + burst) % d.localMemoryBytes;
  registers.replace(addressRegister(channel), address, address + burst);
  // Released after the data (rule D01). A count that the driver wrote meanwhile stands.
  const isCounted = registers.replace(countRegister(channel), count, count - burst);
  showCount(d, channel);
  if (isCounted && count - burst === stopAt) words[at + Channel.Phase] = Phase.Finish;
}

/** Status before interrupt: what stopped with bytes left drops its enable, then the cause, then the line. */
function finish(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  const { words } = d;
  if (words[d.faults] !== 0 && isLate(d, channel)) return;
  words[at + Channel.Phase] = Phase.Idle;
  if (words[at + Channel.StopAt] !== 0) d.registers.lower(reg.S5933_MCSR, enableBit(channel));
  raiseCause(d, words[at + Channel.Cause]!);
  if (words[d.faults] !== 0) drawRepeat(d, channel);
}

/** What needs no step: MCSR's flags follow the counts, INTCSR's summary its causes and enables. */
function registerWritten(d: DeviceView, offset: number): void {
  if (offset === reg.S5933_INTCSR) showSummary(d);
  else if (offset === reg.S5933_MWTC) showCount(d, WRITE);
  else if (offset === reg.S5933_MRTC) showCount(d, READ);
}

function describe(d: DeviceView): readonly RegisterDescription[] {
  return ['write', 'read'].flatMap((name, channel) => {
    const at = channelAt(d, channel);
    const offset = channel * CHANNEL_WORDS;
    const field = (word: keyof typeof Channel): RegisterDescription => ({
      name: `${name}.${word}`,
      offset: offset + Channel[word],
      value: d.words[at + Channel[word]]! >>> 0,
    });
    const phase = d.words[at + Channel.Phase]!;
    return [
      { name: `${name}.Phase.${phaseNames[phase] ?? phase}`, offset, value: phase },
      field('Position'),
      field('StopAt'),
      field('Cause'),
      field('Ticks'),
    ];
  });
}

/** AMCC S5933 PCI controller: one packet a direction, programmed through registers, before a board with memory. See docs/s5933.md. */
export const s5933: DeviceModel = {
  name: 's5933',
  title: 'AMCC S5933 PCI controller: address and count a direction, no descriptors, level interrupt',
  params: [
    { name: 'burstBytes', default: 4096, min: 4, max: 65536, unit: 'bytes', title: 'most bytes moved in one step', powerOfTwo: true },
    {
      name: 'localMemoryBytes',
      default: 0x10_0000,
      min: 0x1000,
      max: 0x1000_0000,
      unit: 'bytes',
      title: "the board's memory behind the FIFOs",
      powerOfTwo: true,
    },
  ],
  addressBits: 32,
  aperture: 'low',
  registers: () => reg.s5933Registers,
  bars: () => [{ index: 0, kind: BarKind.Registers, lengthBytes: reg.S5933_BAR0_BYTES }],
  stateWords: () => STATE_WORDS,
  localMemoryBytes: (params) => params['localMemoryBytes']!,
  vectors: () => ({ kind: 'line', count: 1 }),
  reset: () => undefined,
  pending,
  step,
  registerWritten,
  lineAsserted,
  describe,
};
