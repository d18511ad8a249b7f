import { struct } from '../memory/index.js';
import { DONE, OpKind } from '../kernel/op.js';
import type { DeviceView } from './device-view.js';
import * as reg from './s5933-registers.js';

/** Channel 0 writes memory (MWAR, MWTC), channel 1 reads it (MRAR, MRTC): the chip's own point of view. */
export const WRITE = 0;
export const READ = 1;
export const CHANNELS = 2;

/**
 * What a channel does next; addresses and counts are in its registers.
 *
 *     Idle --enabled and a count--> Move ... Move --> Finish --> Idle
 *                                     \                /
 *                                      abort, reset --
 *
 * Injected faults: Idle --> Wait (a tick a step) --> Move, Finish --> Wait --> Finish, Idle --> Hung until a reset.
 */
export const Phase = { Idle: 0, Move: 1, Finish: 2, Wait: 3, Hung: 4 } as const;
export const phaseNames = ['Idle', 'Move', 'Finish', 'Wait', 'Hung'];
/** Kind of the step that each phase makes; an idle channel that is told to go begins with an update. */
export const phaseOps = [OpKind.Update, OpKind.Burst, OpKind.Signal, OpKind.Wait, DONE] as const;

/** State words of a channel. */
export const Channel = struct('S5933Channel', 8, {
  Phase: 0,
  /** Where in the board's memory the stream stands. */
  Position: 1,
  /** The transfer ends when its count has come down to this: 0, or more after an abort, a reset or an injected fault. */
  StopAt: 2,
  /** Cause that the end of the transfer raises. */
  Cause: 3,
  /** Injected: ticks left of a wait and the phase after it. */
  Ticks: 4,
  AfterWait: 5,
  /** Injected: ticks left until the last cause comes once more, while the channel is idle. */
  Repeat: 6,
});
export const CHANNEL_WORDS = 8;

/** Word index of a channel's state. */
export const channelAt = (d: DeviceView, channel: number): number => d.state + channel * CHANNEL_WORDS;

export const addressRegister = (channel: number): number => reg.S5933_MWAR + channel * reg.S5933_CHANNEL_STRIDE;
export const countRegister = (channel: number): number => reg.S5933_MWTC + channel * reg.S5933_CHANNEL_STRIDE;
export const completeCause = (channel: number): number => reg.S5933_INTCSR_WRITE_COMPLETE << channel;
export const enableBit = (channel: number): number => (channel === WRITE ? reg.S5933_MCSR_WRITE_ENABLE : reg.S5933_MCSR_READ_ENABLE);

export const isEnabled = (d: DeviceView, channel: number): boolean =>
  (d.words[d.registers.wordIndex(reg.S5933_MCSR)]! & enableBit(channel)) !== 0;
export const hasCount = (d: DeviceView, channel: number): boolean => d.words[d.registers.wordIndex(countRegister(channel))] !== 0;

/** MCSR's flag follows the count register. Driver and device both say so after they changed the count; the last look decides. */
export function showCount(d: DeviceView, channel: number): void {
  const flag = channel === WRITE ? reg.S5933_MCSR_WRITE_COUNT_ZERO : reg.S5933_MCSR_READ_COUNT_ZERO;
  const { registers } = d;
  for (let isZero = registers.get(countRegister(channel)) === 0; ; isZero = !isZero) {
    if (isZero) registers.raise(reg.S5933_MCSR, flag);
    else registers.lower(reg.S5933_MCSR, flag);
    if ((registers.get(countRegister(channel)) === 0) === isZero) return;
  }
}

// ---- The interrupt

const ENABLES = reg.S5933_INTCSR_WRITE_ENABLE | reg.S5933_INTCSR_READ_ENABLE;
const ABORTS = reg.S5933_INTCSR_MASTER_ABORT | reg.S5933_INTCSR_TARGET_ABORT;
/** From an enable to its cause. */
const CAUSE_SHIFT = 4;

/** Level of the line. A masked cause stays and asserts it once it is enabled; an abort needs either of the two enables. */
function isAsserted(intcsr: number): boolean {
  const enables = intcsr & ENABLES;
  return ((enables << CAUSE_SHIFT) & intcsr) !== 0 || (enables !== 0 && (intcsr & ABORTS) !== 0);
}

export const lineAsserted = (d: DeviceView): boolean => isAsserted(d.registers.get(reg.S5933_INTCSR));

export const interruptsWanted = (d: DeviceView, channel: number): boolean =>
  (d.registers.get(reg.S5933_INTCSR) & (reg.S5933_INTCSR_WRITE_ENABLE << channel)) !== 0;

/** Sets causes, and the summary bit with them in one store, so that no reader sees the one without the other. */
export function raiseCause(d: DeviceView, causes: number): void {
  const { registers } = d;
  for (let isDone = false; !isDone;) {
    const intcsr = registers.get(reg.S5933_INTCSR);
    isDone = registers.replace(reg.S5933_INTCSR, intcsr, summarised(intcsr | causes));
  }
  if (lineAsserted(d)) d.lineChanged();
}

/** The driver wrote INTCSR: the summary bit follows what is left of causes and enables. */
export function showSummary(d: DeviceView): void {
  const { registers } = d;
  for (let isDone = false; !isDone;) {
    const intcsr = registers.get(reg.S5933_INTCSR);
    isDone = summarised(intcsr) === intcsr || registers.replace(reg.S5933_INTCSR, intcsr, summarised(intcsr));
  }
  if (lineAsserted(d)) d.lineChanged();
}

const summarised = (intcsr: number): number =>
  isAsserted(intcsr) ? intcsr | reg.S5933_INTCSR_ASSERTED : intcsr & ~reg.S5933_INTCSR_ASSERTED;
