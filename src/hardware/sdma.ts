import { PAGE_SIZE, atomics, struct } from '../memory/index.js';
import { DONE, OpKind, type Op } from '../kernel/op.js';
import { BarKind, type DeviceModel, type RegisterDescription } from './device-model.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import * as sdma from './sdma-registers.js';
import { SdmaState, sdmaChannel } from './sdma-registers.js';

/** State words of a channel; its State is in the STATUS register, where the driver sees it. */
const Channel = struct('SdmaChannel', 8, {
  /** Element in work, and bytes of it moved. */
  Element: 0,
  Moved: 1,
  /** What Draining ends in. */
  Outcome: 2,
});
const CHANNEL_WORDS = 8;
const CURSOR = sdma.SDMA_CHANNELS_MAX * CHANNEL_WORDS;
const STATE_WORDS = CURSOR + 1;
const NO_CHANNEL = -1;
const NO_BANK = -1;

/**
 * The board's wiring, in the controller's local memory because it outlives resets: per request line the word index of
 * the registers that belong to it and of the device's gate, where the device's memory lies, and the address of the
 * line's first FIFO register on the device. All zero: nothing is connected.
 */
export const SdmaLine = struct('SdmaLine', 8, { Registers: 0, Gate: 1, Memory: 2, MemoryBytes: 3, Fifo: 4 });
const LINE_WORDS = 8;
const LOCAL_BYTES = sdma.SDMA_LINES_MAX * LINE_WORDS * 4;

/** Connects the `portLine`-th request line of a subordinate device to line `line` of the controller. Once, when the board is made. */
export function connectRequestLine(controller: DeviceView, line: number, device: DeviceView, portLine = 0): void {
  const at = lineAt(controller, line);
  const { words } = controller;
  controller.memory.touch(at << 2, LINE_WORDS * 4);
  const block = portLine * sdma.PORT_LINE_STRIDE;
  words[at + SdmaLine.Registers] = device.registers.firstWord + portWord(block);
  words[at + SdmaLine.Fifo] = block + sdma.PORT_FIFO;
  words[at + SdmaLine.Gate] = device.gate;
  words[at + SdmaLine.Memory] = device.localMemory;
  words[at + SdmaLine.MemoryBytes] = device.localMemoryBytes;
}

const lineAt = (d: DeviceView, line: number): number => (d.localMemory >> 2) + line * LINE_WORDS;
const portWord = (offset: number): number => offset >> 2;

/** The level of a request line; a device that does not answer asserts nothing. */
export function isLineAsserted(d: DeviceView, line: number): boolean {
  const at = lineAt(d, line);
  const registers = d.words[at + SdmaLine.Registers]!;
  if (registers === 0 || d.words[d.words[at + SdmaLine.Gate]!] === 0) return false;
  return (d.words[registers + portWord(sdma.PORT_LINE)]! & 1) !== 0;
}

const config = (d: DeviceView, channel: number): number => d.words[d.registers.wordIndex(sdmaChannel(channel, sdma.SDMA_CONFIG))]!;
const stateOf = (d: DeviceView, channel: number): number => d.words[d.registers.wordIndex(sdmaChannel(channel, sdma.SDMA_STATUS))]! & 0xff;
const channelAt = (d: DeviceView, channel: number): number => d.state + channel * CHANNEL_WORDS;

/** Kind of the channel's next step; DONE while it waits for its driver or, in demand mode, for its device. */
function opOf(d: DeviceView, channel: number): number {
  if (d.registers.peekCommands(sdmaChannel(channel, sdma.SDMA_COMMAND)) !== 0) return OpKind.Update;
  switch (stateOf(d, channel)) {
    case SdmaState.Armed:
      return OpKind.Update;
    case SdmaState.Running: {
      const bits = config(d, channel);
      return (bits & sdma.SDMA_CONFIG_DEMAND) === 0 || isLineAsserted(d, bits & 0xff) ? OpKind.Burst : DONE;
    }
    case SdmaState.Draining:
      return OpKind.Signal;
    default:
      return DONE;
  }
}

/** Arbitration: in turn, a burst each; with `fixedPriority` the lowest channel first. */
function choose(d: DeviceView): number {
  if (d.words[d.gate] === 0) return NO_CHANNEL;
  const channels = d.params['channels']!;
  const first = d.params['fixedPriority'] === 1 ? 0 : d.words[d.state + CURSOR]!;
  for (let i = 0; i < channels; i++) {
    const channel = (first + i) % channels;
    if (opOf(d, channel) !== DONE) return channel;
  }
  return NO_CHANNEL;
}

function pending(d: DeviceView): Op {
  const channel = choose(d);
  return channel === NO_CHANNEL ? DONE : d.op(opOf(d, channel) as OpKind);
}

function step(d: DeviceView): boolean {
  const channel = choose(d);
  if (channel === NO_CHANNEL) return false;
  const { words, registers } = d;
  words[d.steps] = (words[d.steps]! + 1) | 0;
  words[d.state + CURSOR] = (channel + 1) % d.params['channels']!;
  const commands = registers.take(sdmaChannel(channel, sdma.SDMA_COMMAND), sdma.SDMA_COMMAND_START | sdma.SDMA_COMMAND_STOP);
  if (commands !== 0) obey(d, channel, commands);
  else if (stateOf(d, channel) === SdmaState.Armed) begin(d, channel);
  else if (stateOf(d, channel) === SdmaState.Running) move(d, channel);
  else finish(d, channel);
  return true;
}

function setState(d: DeviceView, channel: number, state: number): void {
  const generation = d.registers.get(sdmaChannel(channel, sdma.SDMA_GENERATION)) & sdma.SDMA_GENERATION_MASK;
  d.registers.put(sdmaChannel(channel, sdma.SDMA_STATUS), (generation << 8) | state);
}

/** A start of a busy channel does nothing, nor a stop of an idle one or of an earlier transfer. A start and a stop latched together end as cancelled. */
function obey(d: DeviceView, channel: number, commands: number): void {
  const state = stateOf(d, channel);
  const isBusy = state === SdmaState.Armed || state === SdmaState.Running || state === SdmaState.Draining;
  const starts = (commands & sdma.SDMA_COMMAND_START) !== 0 && !isBusy;
  if (starts) {
    rewind(d, channel);
    setState(d, channel, SdmaState.Armed);
  }
  const isMeant =
    d.registers.get(sdmaChannel(channel, sdma.SDMA_STOP_GENERATION)) === d.registers.get(sdmaChannel(channel, sdma.SDMA_GENERATION));
  if ((commands & sdma.SDMA_COMMAND_STOP) === 0 || !isMeant || (!starts && (!isBusy || state === SdmaState.Draining))) return;
  drain(d, channel, SdmaState.Cancelled);
}

function drain(d: DeviceView, channel: number, outcome: number): void {
  d.words[channelAt(d, channel) + Channel.Outcome] = outcome;
  setState(d, channel, SdmaState.Draining);
}

const elementsOf = (d: DeviceView, channel: number): number => (config(d, channel) >> sdma.SDMA_CONFIG_ELEMENTS_SHIFT) & 0xff;
const elementRegister = (channel: number, element: number): number =>
  sdmaChannel(channel, sdma.SDMA_ELEMENT0 + element * sdma.SDMA_ELEMENT_BYTES);

/** Bank of the device's memory that the channel's device address selects: which of the line's FIFO registers it is. */
function bankOf(d: DeviceView, channel: number): number {
  const fifo = d.words[lineAt(d, config(d, channel) & 0xff) + SdmaLine.Fifo]!;
  const bank = (d.registers.get(sdmaChannel(channel, sdma.SDMA_DEVICE_ADDRESS)) - fifo) / sdma.PORT_FIFO_STRIDE;
  return Number.isInteger(bank) && bank >= 0 && bank < sdma.PORT_BANKS ? bank : NO_BANK;
}

/** Takes the list up, or refuses it: no device on the line, no such register of it, a length that is no multiple of the width. */
function begin(d: DeviceView, channel: number): void {
  const bits = config(d, channel);
  const widthBytes = Math.max((bits >>> sdma.SDMA_CONFIG_WIDTH_SHIFT) & 0xff, 1);
  const count = elementsOf(d, channel);
  const isConnected = d.words[lineAt(d, bits & 0xff) + SdmaLine.Registers] !== 0;
  let isGood = isConnected && count > 0 && count <= sdma.SDMA_ELEMENTS && bankOf(d, channel) !== NO_BANK;
  for (let i = 0; i < count && isGood; i++) if (d.registers.get(elementRegister(channel, i) + 8) % widthBytes !== 0) isGood = false;
  if (!isGood) return drain(d, channel, SdmaState.Error);
  setState(d, channel, SdmaState.Running);
}

function rewind(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  d.words[at + Channel.Element] = 0;
  d.words[at + Channel.Moved] = 0;
  let total = 0;
  const count = Math.min(elementsOf(d, channel), sdma.SDMA_ELEMENTS);
  for (let i = 0; i < count; i++) total += d.registers.get(elementRegister(channel, i) + 8);
  d.registers.put(sdmaChannel(channel, sdma.SDMA_COUNTER), total);
}

/** Where the port stands: the next byte of its FIFO, and how many can be moved before its ring, or its memory, ends. */
function portRoom(d: DeviceView, line: number, pointer: number, bank: number): number {
  const { words } = d;
  const port = words[line + SdmaLine.Registers]!;
  const ringBytes = words[port + portWord(sdma.PORT_RING_BYTES)]! >>> 0;
  const memoryRoom = words[line + SdmaLine.MemoryBytes]! - bank * sdma.PORT_BANK_BYTES - pointer;
  if (ringBytes === 0) return memoryRoom;
  const ringRoom = (words[port + portWord(sdma.PORT_RING_START)]! >>> 0) + ringBytes - pointer;
  return ringRoom > memoryRoom ? 0 : ringRoom;
}

/** The device's side of a burst: the pointer moves on, round in a ring; without one the device wants so much less. */
function advancePort(d: DeviceView, line: number, pointer: number, burst: number): void {
  const { words } = d;
  const port = words[line + SdmaLine.Registers]!;
  const ringBytes = words[port + portWord(sdma.PORT_RING_BYTES)]! >>> 0;
  const ringStart = words[port + portWord(sdma.PORT_RING_START)]! >>> 0;
  const next = pointer + burst;
  atomics.store(words, port + portWord(sdma.PORT_POINTER), ringBytes > 0 && next === ringStart + ringBytes ? ringStart : next);
  if (ringBytes > 0) return;
  const wanted = words[port + portWord(sdma.PORT_COUNT)]! >>> 0;
  atomics.store(words, port + portWord(sdma.PORT_COUNT), Math.max(wanted - burst, 0));
  // The device has what it asked for: it drops its line.
  if (wanted <= burst) atomics.store(words, port + portWord(sdma.PORT_LINE), 0);
}

/** One burst: within an element, a page of memory, the device's ring, and in demand mode what the device asked for. */
function move(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  const { words, registers } = d;
  const bits = config(d, channel);
  const line = lineAt(d, bits & 0xff);
  const port = words[line + SdmaLine.Registers]!;
  const element = elementRegister(channel, words[at + Channel.Element]!);
  const moved = words[at + Channel.Moved]!;
  const low = registers.get(element);
  const length = registers.get(element + 8);
  const bank = bankOf(d, channel);
  const pointer = words[port + portWord(sdma.PORT_POINTER)]! >>> 0;
  const room = portRoom(d, line, pointer, bank);
  const isRing = words[port + portWord(sdma.PORT_RING_BYTES)] !== 0;
  const isBounded = (bits & sdma.SDMA_CONFIG_DEMAND) !== 0 && !isRing;
  const burst = Math.min(
    length - moved,
    burstLimit(d, channel),
    PAGE_SIZE - ((low + moved) & (PAGE_SIZE - 1)),
    isBounded ? words[port + portWord(sdma.PORT_COUNT)]! >>> 0 : length,
    isRing ? room : length,
  );
  const answers = words[words[line + SdmaLine.Gate]!] !== 0;
  if (!answers || burst <= 0 || burst > room) return drain(d, channel, SdmaState.Error);
  const fromDevice = (bits & sdma.SDMA_CONFIG_FROM_DEVICE) !== 0;
  const host = d.iommu.translate(registers.get(element + 4), low, moved, burst, fromDevice ? BusAccess.Write : BusAccess.Read, channel);
  if (host === TRANSLATION_FAULT) return drain(d, channel, SdmaState.Error);
  const device = words[line + SdmaLine.Memory]! + bank * sdma.PORT_BANK_BYTES + pointer;
  if (fromDevice) d.memory.copy(host, device, burst);
  else d.memory.copy(device, host, burst);
  advancePort(d, line, pointer, burst);
  const counter = sdmaChannel(channel, sdma.SDMA_COUNTER);
  registers.put(counter, registers.get(counter) - burst);
  words[at + Channel.Moved] = moved + burst;
  if (moved + burst === length) endElement(d, channel);
}

function burstLimit(d: DeviceView, channel: number): number {
  const own = d.registers.get(sdmaChannel(channel, sdma.SDMA_BURST));
  return own === 0 ? d.params['burstBytes']! : Math.min(own, d.params['burstBytes']!);
}

function endElement(d: DeviceView, channel: number): void {
  const at = channelAt(d, channel);
  d.words[at + Channel.Moved] = 0;
  d.words[at + Channel.Element] = d.words[at + Channel.Element]! + 1;
  if (d.words[at + Channel.Element]! < elementsOf(d, channel)) return;
  if ((config(d, channel) & sdma.SDMA_CONFIG_LOOP) !== 0) rewind(d, channel);
  else drain(d, channel, SdmaState.Done);
}

/** The controller's FIFO is empty: status first, then the cause, then the message (rule D01). */
function finish(d: DeviceView, channel: number): void {
  setState(d, channel, d.words[channelAt(d, channel) + Channel.Outcome]!);
  d.registers.raise(sdma.SDMA_INT_CAUSE, 1 << channel);
  d.message(0);
}

function describe(d: DeviceView): readonly RegisterDescription[] {
  return Array.from({ length: d.params['channels']! }, (_, channel) => {
    const state = stateOf(d, channel);
    const at = channelAt(d, channel);
    return [
      { name: `channel${channel}.State.${sdma.sdmaStateNames[state] ?? state}`, offset: channel * CHANNEL_WORDS, value: state },
      { name: `channel${channel}.Element`, offset: channel * CHANNEL_WORDS + Channel.Element, value: d.words[at + Channel.Element]! },
      { name: `channel${channel}.Moved`, offset: channel * CHANNEL_WORDS + Channel.Moved, value: d.words[at + Channel.Moved]! },
    ];
  }).flat();
}

/** The system DMA controller: a few channels that many subordinate devices share, one completion message. See docs/sdma.md. */
export const sdmaController: DeviceModel = {
  name: 'sdma',
  title: 'system DMA controller: fewer channels than request lines, demand and looped transfers',
  params: [
    { name: 'channels', default: 2, min: 1, max: sdma.SDMA_CHANNELS_MAX, unit: 'channels', title: 'channels shared by all request lines' },
    { name: 'burstBytes', default: 512, min: 8, max: 65536, unit: 'bytes', title: 'most bytes moved in one step', powerOfTwo: true },
    {
      name: 'fixedPriority',
      default: 0,
      min: 0,
      max: 1,
      unit: '',
      title: '1: the lowest channel always goes first; 0: in turn, a burst each',
    },
  ],
  addressBits: 64,
  aperture: 'high',
  registers: () => sdma.sdmaRegisters,
  bars: () => [{ index: 0, kind: BarKind.Registers, lengthBytes: sdma.sdmaRegisters.lengthBytes }],
  stateWords: () => STATE_WORDS,
  localMemoryBytes: () => LOCAL_BYTES,
  vectors: () => ({ kind: 'message', count: 1 }),
  reset: () => undefined,
  pending,
  step,
  describe,
};
