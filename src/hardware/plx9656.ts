import { PAGE_SIZE } from '../memory/index.js';
import { DONE, OpKind, type Op } from '../kernel/op.js';
import { BarKind, type DeviceModel, type RegisterDescription } from './device-model.js';
import type { DeviceView } from './device-view.js';
import { BusAccess, TRANSLATION_FAULT } from './iommu.js';
import * as plx from './plx9656-registers.js';
import { drawRepeat, isLate, repeat, spoilElement, tick } from './plx9656-faults.js';
import * as state from './plx9656-state.js';
import { activeBit, clearsCount, fail, interruptsWanted, lineAsserted, phaseNames, raiseInterrupt } from './plx9656-state.js';

// Copies of other modules' constants, see sgring-state.ts.
const { CHANNELS, CHANNEL_WORDS, Channel, Phase, phaseOps } = state;
const { PlxDte } = plx;
/** What is looked at before every step, as words from the first register and the first latch. */
const CNTRL_WORD = plx.PLX_CNTRL >> 2;
const CSR_WORD = plx.PLX_DMACSR0 >> 2;
const CNTRL_LATCH = plx.plx9656Registers.latchIndex[CNTRL_WORD]!;
const CSR_LATCH = plx.plx9656Registers.latchIndex[CSR_WORD]!;
const { PLX_CNTRL_SOFTWARE_RESET, PLX_CSR_ENABLE } = plx;

/** State word after the channels: which channel goes first in the next step. */
const CURSOR = CHANNELS * CHANNEL_WORDS;
const STATE_WORDS = CURSOR + 1;

const COMMANDS = plx.PLX_CSR_START | plx.PLX_CSR_ABORT;

/* A turn is whose step is next, and its kind: `channel << TURN_SHIFT | kind`. */
const TURN_SHIFT = 4;
const KIND_MASK = 15;
const NOBODYS_TURN = -1;
/** Not a channel: the software reset bit of CNTRL has been written. */
const RESET = 2;

/** Kind of the channel's next step: a command, or the next phase while it is enabled or on its way to stop. DONE when it has nothing to do. */
function kindOf(d: DeviceView, channel: number): number {
  const { words, registers } = d;
  const shift = channel * 8;
  if (((words[registers.firstLatch + CSR_LATCH]! >> shift) & COMMANDS) !== 0) return OpKind.Update;
  const at = d.state + channel * CHANNEL_WORDS;
  const phase = words[at + Channel.Phase]!;
  if (phase === Phase.Idle) return repeatKind(words[at + Channel.Repeat]!);
  // The enable bit cleared in the middle pauses a channel; an aborted one still writes its residual and says Done.
  const isEnabled = ((words[registers.firstWord + CSR_WORD]! >> shift) & PLX_CSR_ENABLE) !== 0;
  return isEnabled || words[at + Channel.Stopping] !== 0 ? phaseOps[phase]! : DONE;
}

function repeatKind(ticks: number): number {
  if (ticks === 0) return DONE;
  return ticks === 1 ? OpKind.Signal : OpKind.Wait;
}

/** Whose turn it is, NOBODYS_TURN when nothing is to be done. */
function choose(d: DeviceView): number {
  const { words, registers } = d;
  if (words[d.gate] === 0) return NOBODYS_TURN;
  if (words[registers.firstLatch + CNTRL_LATCH] !== 0) return (RESET << TURN_SHIFT) | OpKind.Update;
  const turn = channelsTurn(d, words[d.state + CURSOR]!);
  // Looked at last, because most of the time there is nothing to hold.
  const isHeld = turn !== NOBODYS_TURN && (words[registers.firstWord + CNTRL_WORD]! & PLX_CNTRL_SOFTWARE_RESET) !== 0;
  return isHeld ? NOBODYS_TURN : turn;
}

/** Time passes on one channel only when the other has nothing to do either. */
function channelsTurn(d: DeviceView, first: number): number {
  const kind = kindOf(d, first);
  if (kind !== DONE && kind !== OpKind.Wait) return (first << TURN_SHIFT) | kind;
  const other = 1 - first;
  const otherKind = kindOf(d, other);
  if (otherKind !== DONE) return (other << TURN_SHIFT) | otherKind;
  return kind === DONE ? NOBODYS_TURN : (first << TURN_SHIFT) | kind;
}

function pending(d: DeviceView): Op {
  const turn = choose(d);
  return turn === NOBODYS_TURN ? DONE : d.op((turn & KIND_MASK) as OpKind);
}

function step(d: DeviceView): boolean {
  const turn = choose(d);
  if (turn === NOBODYS_TURN) return false;
  const { words } = d;
  words[d.steps] = (words[d.steps]! + 1) | 0;
  const channel = turn >> TURN_SHIFT;
  if (channel === RESET) {
    softwareReset(d);
    return true;
  }
  words[d.state + CURSOR] = 1 - channel;
  if ((turn & KIND_MASK) === OpKind.Update) obey(d, channel);
  else perform(d, channel);
  return true;
}

/** Start and abort of one channel, as found in its latch. */
function obey(d: DeviceView, channel: number): void {
  const commands = d.registers.take(plx.PLX_DMACSR0, COMMANDS << (channel * 8)) >> (channel * 8);
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  // A start of a busy channel does nothing, nor one without the enable bit: only that write lowers Done (registerWritten).
  const done = ((d.registers.get(plx.PLX_DMACSR0) >> (channel * 8)) & plx.PLX_CSR_DONE) !== 0;
  const starts = (commands & plx.PLX_CSR_START) !== 0 && !done;
  if ((commands & plx.PLX_CSR_ABORT) !== 0) return abort(d, channel, starts);
  if (!starts || words[at + Channel.Phase] !== Phase.Idle) return;
  words[at + Channel.Stopping] = 0;
  words[at + Channel.Size] = 0;
  words[at + Channel.Moved] = 0;
  const base = channel * plx.PLX_CHANNEL_STRIDE;
  if ((d.registers.get(plx.PLX_DMAMODE0 + base) & plx.PLX_MODE_CHAIN) !== 0) {
    follow(d, channel, d.registers.get(plx.PLX_DMADPR0 + base));
    return;
  }
  words[at + Channel.Block] = 1;
  words[at + Channel.PciLow] = d.registers.get(plx.PLX_DMAPADR0 + base);
  words[at + Channel.PciHigh] = d.registers.get(plx.PLX_DMADAC0 + channel * 4);
  words[at + Channel.LocalAddress] = d.registers.get(plx.PLX_DMALADR0 + base);
  words[at + Channel.Size] = d.registers.get(plx.PLX_DMASIZ0 + base) & plx.PLX_SIZE_MASK;
  words[at + Channel.Cut] = 0;
  words[at + Channel.Next] = d.registers.get(plx.PLX_DMADPR0 + base) | plx.PLX_DPR_END_OF_CHAIN;
  words[at + Channel.Phase] = Phase.Move;
}

/** Sets up the fetch of the element that `pointer` names; the upper half of its address comes from the DAC register. */
function follow(d: DeviceView, channel: number, pointer: number): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  words[at + Channel.Block] = 0;
  words[at + Channel.DteLow] = pointer & plx.PLX_DPR_ADDRESS_MASK;
  words[at + Channel.DteHigh] = d.registers.get(plx.PLX_DMADAC0 + channel * 4);
  words[at + Channel.DteInHostMemory] = pointer & plx.PLX_DPR_IN_HOST_MEMORY;
  words[at + Channel.Phase] = Phase.Fetch;
}

/** The bridge stops after the burst; `started`: a start was latched together with the abort and never began. */
function abort(d: DeviceView, channel: number, started: boolean): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const phase = d.words[at + Channel.Phase];
  if ((phase === Phase.Idle && !started) || phase === Phase.Hung) return;
  d.words[at + Channel.Stopping] = 1;
  d.words[at + Channel.Phase] = phase === Phase.Move || phase === Phase.Writeback ? afterMove(d, channel) : Phase.Finish;
}

function perform(d: DeviceView, channel: number): void {
  switch (d.words[d.state + channel * CHANNEL_WORDS + Channel.Phase]) {
    case Phase.Fetch:
      return fetch(d, channel);
    case Phase.Move:
      return move(d, channel);
    case Phase.Writeback:
      return writeback(d, channel);
    case Phase.Wait:
      return tick(d, channel);
    case Phase.Idle:
      return repeat(d, channel);
    default:
      return finish(d, channel);
  }
}

/** Byte offset in memory of 16 bytes of the element in work, `half` 0 or 1; elements stand on 16-byte boundaries, so a half never crosses a page. */
function elementHalf(d: DeviceView, channel: number, half: number, access: BusAccess): number {
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  const low = words[at + Channel.DteLow]!;
  if (words[at + Channel.DteInHostMemory] !== 0)
    return d.iommu.translate(words[at + Channel.DteHigh]!, low, half * 16, 16, access, channel);
  const offset = (low >>> 0) + half * 16;
  return offset + 16 <= d.localMemoryBytes ? d.localMemory + offset : TRANSLATION_FAULT;
}

function fetch(d: DeviceView, channel: number): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  const first = elementHalf(d, channel, 0, BusAccess.Read);
  const second = first === TRANSLATION_FAULT ? TRANSLATION_FAULT : elementHalf(d, channel, 1, BusAccess.Read);
  if (second === TRANSLATION_FAULT) {
    fail(d, channel);
    words[at + Channel.Phase] = Phase.Finish;
    return;
  }
  const element = first >> 2;
  words[at + Channel.PciLow] = words[element + PlxDte.PciAddressLow]!;
  words[at + Channel.PciHigh] = words[(second >> 2) + PlxDte.PciAddressHigh - 4]!;
  words[at + Channel.LocalAddress] = words[element + PlxDte.LocalAddress]!;
  words[at + Channel.Size] = words[element + PlxDte.TransferSize]! & plx.PLX_SIZE_MASK;
  words[at + Channel.Moved] = 0;
  words[at + Channel.Cut] = 0;
  words[at + Channel.Next] = words[element + PlxDte.DescriptorPointer]!;
  showElement(d, channel);
  words[at + Channel.Phase] = words[at + Channel.Size] === 0 ? afterMove(d, channel) : Phase.Move;
  if (words[d.faults] !== 0 && words[at + Channel.Size] !== 0 && spoilElement(d, channel))
    words[at + Channel.Phase] = afterMove(d, channel);
}

/** In chain mode the address and count registers show what was loaded. */
function showElement(d: DeviceView, channel: number): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const base = channel * plx.PLX_CHANNEL_STRIDE;
  const { words, registers } = d;
  registers.put(plx.PLX_DMAPADR0 + base, words[at + Channel.PciLow]!);
  registers.put(plx.PLX_DMALADR0 + base, words[at + Channel.LocalAddress]!);
  registers.put(plx.PLX_DMASIZ0 + base, words[at + Channel.Size]!);
  registers.put(plx.PLX_DMADPR0 + base, words[at + Channel.Next]!);
}

/** One burst: never more than burstBytes, never across a page of host memory. */
function move(d: DeviceView, channel: number): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  const moved = words[at + Channel.Moved]!;
  const low = words[at + Channel.PciLow]!;
  const pageRest = PAGE_SIZE - ((low + moved) & (PAGE_SIZE - 1));
  const cut = words[at + Channel.Cut]!;
  const end = cut === 0 ? words[at + Channel.Size]! : cut;
  const burst = Math.min(end - moved, d.params['burstBytes']!, pageRest);
  const local = (words[at + Channel.LocalAddress]! >>> 0) + moved;
  const fromDevice = (words[at + Channel.Next]! & plx.PLX_DPR_FROM_DEVICE) !== 0;
  const host =
    local + burst > d.localMemoryBytes
      ? TRANSLATION_FAULT
      : d.iommu.translate(words[at + Channel.PciHigh]!, low, moved, burst, fromDevice ? BusAccess.Write : BusAccess.Read, channel);
  if (host === TRANSLATION_FAULT) {
    fail(d, channel);
  } else {
    if (fromDevice) d.writeMemory(host, d.localMemory + local, burst);
    else d.memory.copy(d.localMemory + local, host, burst);
    words[at + Channel.Moved] = moved + burst;
    if (moved + burst < end) return;
  }
  words[at + Channel.Phase] = afterMove(d, channel);
}

/** Where a channel goes when it stops moving bytes of an element. */
function afterMove(d: DeviceView, channel: number): number {
  const at = d.state + channel * CHANNEL_WORDS;
  if (clearsCount(d, channel) && d.words[at + Channel.Block] === 0) return Phase.Writeback;
  return endElement(d, channel);
}

/** Follows the chain (and returns Fetch) or says Finish. */
function endElement(d: DeviceView, channel: number): number {
  const at = d.state + channel * CHANNEL_WORDS;
  const next = d.words[at + Channel.Next]!;
  if (d.words[at + Channel.Stopping] !== 0 || (next & plx.PLX_DPR_END_OF_CHAIN) !== 0) return Phase.Finish;
  follow(d, channel, next);
  return Phase.Fetch;
}

/** Clear-count mode: the bytes not moved replace the element's size. The pointer word, with the end of chain bit, stays as it is. */
function writeback(d: DeviceView, channel: number): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  const element = elementHalf(d, channel, 0, BusAccess.Write);
  if (element === TRANSLATION_FAULT) fail(d, channel);
  // Released after the data: whoever sees the residual sees the bytes (rule D01).
  else d.storeStatus((element >> 2) + PlxDte.TransferSize, words[at + Channel.Size]! - words[at + Channel.Moved]!);
  words[at + Channel.Phase] = endElement(d, channel);
}

/** Status before interrupt: Done, then the active bit, then the line. */
function finish(d: DeviceView, channel: number): void {
  const at = d.state + channel * CHANNEL_WORDS;
  const { words } = d;
  if (words[d.faults] !== 0 && isLate(d, channel)) return;
  words[at + Channel.Phase] = Phase.Idle;
  d.registers.raise(plx.PLX_DMACSR0, plx.PLX_CSR_DONE << (channel * 8));
  if (!interruptsWanted(d, channel)) return;
  raiseInterrupt(d, channel);
  if (words[d.faults] !== 0) drawRepeat(d, channel);
}

/** What needs no step: the interrupt drops when it is cleared, Done drops when a channel is started. */
function registerWritten(d: DeviceView, offset: number, written: number): void {
  if (offset === plx.PLX_INTCSR) {
    if (lineAsserted(d)) d.lineChanged();
    return;
  }
  if (offset === plx.PLX_CNTRL && (written & plx.PLX_CNTRL_SOFTWARE_RESET) !== 0) resetRegisters(d);
  if (offset !== plx.PLX_DMACSR0) return;
  for (let channel = 0; channel < CHANNELS; channel++) {
    const bits = written >> (channel * 8);
    if ((bits & plx.PLX_CSR_CLEAR_INTERRUPT) !== 0) d.registers.lower(plx.PLX_INTCSR, activeBit(channel));
    const starts = plx.PLX_CSR_START | plx.PLX_CSR_ENABLE;
    if ((bits & starts) === starts) startWritten(d, channel);
  }
}

/** A start lowers Done. An abort written before it to a channel that was done found nothing to stop, and must not stop this. */
function startWritten(d: DeviceView, channel: number): void {
  const isDone = ((d.registers.get(plx.PLX_DMACSR0) >> (channel * 8)) & plx.PLX_CSR_DONE) !== 0;
  if (isDone) d.registers.take(plx.PLX_DMACSR0, plx.PLX_CSR_ABORT << (channel * 8));
  d.registers.lower(plx.PLX_DMACSR0, (plx.PLX_CSR_DONE | plx.PLX_CSR_ERROR) << (channel * 8));
}

/**
 * CNTRL bit 30, the half that happens at once: registers go back to their reset values and commands not yet taken are
 * dropped, but the channels are not Done before they have come to rest. The bit itself holds the bridge until the driver
 * clears it.
 */
function resetRegisters(d: DeviceView): void {
  d.registers.take(plx.PLX_DMACSR0, COMMANDS | (COMMANDS << 8));
  for (const { offset, resetValue = 0 } of plx.plx9656Registers.words) {
    if (offset !== plx.PLX_CNTRL) d.registers.put(offset, offset === plx.PLX_DMACSR0 ? 0 : resetValue);
  }
}

/** The half that the channels do: what they had begun is forgotten, and an interrupt of a step that was under way; Done confirms it. */
function softwareReset(d: DeviceView): void {
  d.pushWrites();
  d.registers.take(plx.PLX_CNTRL, plx.PLX_CNTRL_SOFTWARE_RESET);
  d.words.fill(0, d.state, d.state + STATE_WORDS);
  d.registers.lower(plx.PLX_INTCSR, activeBit(0) | activeBit(1));
  d.registers.raise(plx.PLX_DMACSR0, plx.PLX_CSR_DONE | (plx.PLX_CSR_DONE << 8));
}

/** Ends of transfers whose interrupt is masked. */
function unheard(d: DeviceView): readonly string[] {
  const intcsr = d.registers.get(plx.PLX_INTCSR);
  return [0, 1].flatMap((channel) => {
    if ((intcsr & activeBit(channel)) === 0) return [];
    return [`the interrupt of channel ${channel} is active and ${lineAsserted(d) ? 'was never acknowledged' : 'masked'}`];
  });
}

function describe(d: DeviceView): readonly RegisterDescription[] {
  return Array.from({ length: CHANNELS }, (_, channel) => {
    const at = d.state + channel * CHANNEL_WORDS;
    const field = (name: keyof typeof Channel): RegisterDescription => ({
      name: `channel${channel}.${name}`,
      offset: channel * CHANNEL_WORDS + Channel[name],
      value: d.words[at + Channel[name]]! >>> 0,
    });
    const phase = d.words[at + Channel.Phase]!;
    return [
      { name: `channel${channel}.Phase.${phaseNames[phase] ?? phase}`, offset: channel * CHANNEL_WORDS, value: phase },
      field('DteLow'),
      field('Size'),
      field('Moved'),
      field('Stopping'),
      field('Ticks'),
    ];
  }).flat();
}

/** PLX PCI 9656 bridge: two scatter/gather channels over element chains, 128 KiB of local SRAM, one shared level line. See docs/plx9656.md. */
export const plx9656: DeviceModel = {
  name: 'plx9656',
  title: 'PLX PCI 9656 bridge: two chained DMA channels, level interrupt',
  params: [
    { name: 'burstBytes', default: 4096, min: 4, max: 65536, unit: 'bytes', title: 'most bytes moved in one step', powerOfTwo: true },
  ],
  addressBits: 64,
  aperture: 'low',
  registers: () => plx.plx9656Registers,
  bars: () => [
    { index: 0, kind: BarKind.Registers, lengthBytes: plx.PLX_BAR0_BYTES },
    { index: 2, kind: BarKind.LocalMemory, lengthBytes: plx.PLX_SRAM_BYTES },
    { index: 3, kind: BarKind.LocalMemory, lengthBytes: plx.PLX_SRAM_BYTES },
  ],
  stateWords: () => STATE_WORDS,
  localMemoryBytes: () => plx.PLX_SRAM_BYTES,
  vectors: () => ({ kind: 'line', count: 1 }),
  reset: () => undefined,
  pending,
  step,
  registerWritten,
  writesBackAt: (offset) => offset === plx.PLX_DMACSR0,
  lineAsserted,
  unheard,
  describe,
};
