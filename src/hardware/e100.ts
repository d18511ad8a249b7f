import { DONE, OpKind, type Op } from '../kernel/op.js';
import { BarKind, type DeviceModel, type RegisterDescription } from './device-model.js';
import type { DeviceView } from './device-view.js';
import { cuCommand, cuDue, cuPerform } from './e100-command-unit.js';
import { DROP, ruCommand, ruDue, ruPerform } from './e100-receive-unit.js';
import * as e100 from './e100-registers.js';
import * as layout from './e100-state.js';
import { cuPhaseNames, lineAsserted, raiseCause, ruPhaseNames, setCus, setRus } from './e100-state.js';

// Copies of other modules' constants, see sgring-state.ts.
const { CuPhase, E100Word, E100_STATE_WORDS, RuPhase, WIRE_FRAMES_MAX } = layout;
const SCB_LATCH = e100.e100Registers.latchIndex[e100.E100_SCB >> 2]!;

/** Latched with the SCB's command bits: PORT and MDI control have been written. */
const LATCH_PORT = 1 << 31;
const LATCH_MDI = 1 << 30;

/** Who acts in the next step. */
const Actor = { Nobody: 0, Port: 1, Scb: 2, SoftwareInterrupt: 3, Mdi: 4, CommandUnit: 5, ReceiveUnit: 6 } as const;
type Actor = (typeof Actor)[keyof typeof Actor];

const cuOps: Readonly<Record<number, OpKind>> = {
  [CuPhase.Fetch]: OpKind.Read,
  [CuPhase.Tbd]: OpKind.Read,
  [CuPhase.Burst]: OpKind.Burst,
  [CuPhase.Status]: OpKind.Write,
  [CuPhase.Cause]: OpKind.Signal,
  [CuPhase.Check]: OpKind.Read,
  [CuPhase.Stop]: OpKind.Signal,
  [CuPhase.Wait]: OpKind.Wait,
};

const ruOps: Readonly<Record<number, OpKind>> = {
  [RuPhase.Fetch]: OpKind.Read,
  [RuPhase.Burst]: OpKind.Burst,
  [RuPhase.Count]: OpKind.Write,
  [RuPhase.Status]: OpKind.Write,
  [RuPhase.Cause]: OpKind.Signal,
  [RuPhase.Next]: OpKind.Read,
  [RuPhase.Stop]: OpKind.Signal,
  [RuPhase.Follow]: OpKind.Read,
  [DROP]: OpKind.Update,
};

/** Registers go first, then the two units in turn; an injected wait only when the receive unit has nothing to do. */
function choose(d: DeviceView): Actor {
  if (d.words[d.gate] === 0) return Actor.Nobody;
  const latched = d.words[d.registers.firstLatch + SCB_LATCH]!;
  if (latched !== 0) {
    if ((latched & LATCH_PORT) !== 0) return Actor.Port;
    if ((latched & e100.E100_COMMAND_MASK) !== 0) return Actor.Scb;
    if ((latched & e100.E100_SOFTWARE_INTERRUPT) !== 0) return Actor.SoftwareInterrupt;
    return Actor.Mdi;
  }
  const cu = cuDue(d);
  const ru = ruDue(d);
  if (cu === CuPhase.Idle) return ru === RuPhase.Idle ? Actor.Nobody : Actor.ReceiveUnit;
  if (ru === RuPhase.Idle) return Actor.CommandUnit;
  return cu === CuPhase.Wait || d.words[d.state + E100Word.Cursor] === 1 ? Actor.ReceiveUnit : Actor.CommandUnit;
}

function pending(d: DeviceView): Op {
  switch (choose(d)) {
    case Actor.Nobody:
      return DONE;
    case Actor.SoftwareInterrupt:
      return d.op(OpKind.Signal);
    case Actor.CommandUnit:
      return d.op(cuOps[cuDue(d)]!);
    case Actor.ReceiveUnit:
      return d.op(ruOps[ruDue(d)]!);
    default:
      return d.op(OpKind.Update);
  }
}

function step(d: DeviceView): boolean {
  const actor = choose(d);
  if (actor === Actor.Nobody) return false;
  const { words, state } = d;
  words[d.steps] = (words[d.steps]! + 1) | 0;
  switch (actor) {
    case Actor.Port:
      obeyPort(d);
      break;
    case Actor.Scb:
      acceptCommands(d);
      break;
    case Actor.SoftwareInterrupt:
      d.registers.take(e100.E100_SCB, e100.E100_SOFTWARE_INTERRUPT);
      raiseCause(d, e100.E100_CAUSE_SWI);
      break;
    case Actor.Mdi:
      obeyMdi(d);
      break;
    case Actor.CommandUnit:
      words[state + E100Word.Cursor] = 1;
      cuPerform(d, cuDue(d));
      break;
    case Actor.ReceiveUnit:
      words[state + E100Word.Cursor] = 0;
      ruPerform(d, ruDue(d));
      break;
  }
  return true;
}

/** Both units take their command; the byte drops to 0 last, so who sees it 0 sees the units' new states. */
function acceptCommands(d: DeviceView): void {
  d.registers.take(e100.E100_SCB, e100.E100_COMMAND_MASK);
  const scb = d.registers.get(e100.E100_SCB);
  ruCommand(d, (scb >>> e100.E100_RUC_SHIFT) & 7);
  cuCommand(d, (scb >>> e100.E100_CUC_SHIFT) & 7);
  d.registers.lower(e100.E100_SCB, scb & e100.E100_COMMAND_MASK);
}

/** Software reset: as after power on. Selective reset: the units and the wire; causes, mask and bases stay. */
function obeyPort(d: DeviceView): void {
  d.registers.take(e100.E100_SCB, -1);
  const operation = d.registers.get(e100.E100_PORT) & e100.E100_PORT_OPERATION_MASK;
  const isFull = operation === e100.E100Port.SoftwareReset;
  if (isFull || operation === e100.E100Port.SelectiveReset) resetUnits(d, isFull);
  d.registers.put(e100.E100_PORT, e100.E100_PORT_IDLE);
}

function resetUnits(d: DeviceView, isFull: boolean): void {
  d.pushWrites();
  const { words, state } = d;
  const cuBase = words[state + E100Word.CuBase]!;
  const ruBase = words[state + E100Word.RuBase]!;
  words.fill(0, state, state + E100_STATE_WORDS);
  setCus(d, e100.E100Cus.Idle);
  setRus(d, e100.E100Rus.Idle);
  d.registers.lower(e100.E100_SCB, e100.E100_COMMAND_MASK);
  if (!isFull) {
    words[state + E100Word.CuBase] = cuBase;
    words[state + E100Word.RuBase] = ruBase;
    return;
  }
  for (const { offset, resetValue = 0 } of e100.e100Registers.words) d.registers.put(offset, resetValue);
}

/** The transceiver answers: its status register says that the link is up, all others read 0. */
function obeyMdi(d: DeviceView): void {
  d.registers.take(e100.E100_SCB, LATCH_MDI);
  const mdi = d.registers.get(e100.E100_MDI);
  const isStatus = ((mdi >>> e100.E100_MDI_REGISTER_SHIFT) & 0x1f) === e100.E100_PHY_STATUS;
  const isRead = (mdi & e100.E100_MDI_OPCODE_READ) !== 0;
  const data = isRead ? (isStatus ? e100.E100_PHY_LINK_UP : 0) : mdi & 0xffff;
  d.registers.put(e100.E100_MDI, (mdi & ~0xffff) | data | e100.E100_MDI_READY);
  if ((mdi & e100.E100_MDI_INTERRUPT) !== 0) raiseCause(d, e100.E100_CAUSE_MDI);
}

/** What needs no step: the line follows causes and mask; PORT and MDI writes are latched whatever their value. */
function registerWritten(d: DeviceView, offset: number): void {
  if (offset === e100.E100_SCB && lineAsserted(d)) d.lineChanged();
  if (offset === e100.E100_PORT) d.registers.commit(e100.E100_SCB, LATCH_PORT);
  if (offset === e100.E100_MDI) d.registers.commit(e100.E100_SCB, LATCH_MDI);
}

function describe(d: DeviceView): readonly RegisterDescription[] {
  const { words, state } = d;
  const named = (name: string, offset: number, names: readonly string[]): RegisterDescription => {
    const value = words[state + offset]!;
    return { name: `${name}.${names[value] ?? value}`, offset, value };
  };
  const fields = Object.entries(E100Word).map(([name, offset]) => ({ name, offset, value: words[state + offset]! >>> 0 }));
  return [named('command-unit', E100Word.CuPhase, cuPhaseNames), named('receive-unit', E100Word.RuPhase, ruPhaseNames), ...fields];
}

/** Intel 8255x-like network controller on a wire that loops back. See docs/e100.md. */
export const e100Device: DeviceModel = {
  name: 'e100',
  title: '8255x-like network controller: command block ring, receive frame list, level interrupt, loopback wire',
  params: [
    { name: 'burstBytes', default: 2048, min: 4, max: 4096, unit: 'bytes', title: 'most bytes moved in one step', powerOfTwo: true },
  ],
  addressBits: 32,
  aperture: 'low',
  fetchesBlocks: true,
  registers: () => e100.e100Registers,
  bars: () => [{ index: 0, kind: BarKind.Registers, lengthBytes: e100.E100_CSR_BYTES }],
  stateWords: () => E100_STATE_WORDS,
  localMemoryBytes: () => WIRE_FRAMES_MAX * e100.E100_FRAME_BYTES_MAX,
  vectors: () => ({ kind: 'line', count: 1 }),
  reset: () => undefined,
  pending,
  step,
  registerWritten,
  writesBackAt: (offset) => offset === e100.E100_SCB,
  lineAsserted,
  describe,
};
