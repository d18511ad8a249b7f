import { struct } from '../memory/index.js';
import { DONE, OpKind } from '../kernel/op.js';
import type { DeviceView } from './device-view.js';
import * as plx from './plx9656-registers.js';

/**
 * What a channel does next.
 *
 *     Idle --start--> Fetch --> Move ... Move --> Writeback (clear-count mode) --> Fetch (next element)
 *                       \          \                     \------------------------> Finish --> Idle
 *                        fault      abort, fault ------> Writeback / Finish
 *
 * Injected faults: Fetch --> Wait (a tick a step) --> Move, Finish --> Wait --> Finish, Fetch --> Hung until a reset.
 */
export const Phase = { Idle: 0, Fetch: 1, Move: 2, Writeback: 3, Finish: 4, Wait: 5, Hung: 6 } as const;
export const phaseNames = ['Idle', 'Fetch', 'Move', 'Writeback', 'Finish', 'Wait', 'Hung'];
export const phaseOps = [DONE, OpKind.Read, OpKind.Burst, OpKind.Write, OpKind.Signal, OpKind.Wait, DONE] as const;

/** State words of a channel. */
export const Channel = struct('PlxChannel', 16, {
  Phase: 0,
  /** Address of the transfer element in work, and the pointer register's flag bits as they were when it was followed. */
  DteLow: 1,
  DteHigh: 2,
  DteInHostMemory: 3,
  PciLow: 4,
  PciHigh: 5,
  LocalAddress: 6,
  /** Bytes of the element, and those of them moved. */
  Size: 7,
  Moved: 8,
  /** Next pointer word of the element. */
  Next: 9,
  /** The channel ends after this element: abort or error. */
  Stopping: 10,
  /** Block mode: no element in memory to write back to. */
  Block: 11,
  /** Injected: ticks left of a wait and the phase after it. */
  Ticks: 12,
  AfterWait: 13,
  /** Injected: the channel stops when so many bytes of the element have been moved; 0 for all. */
  Cut: 14,
  /** Injected: ticks left until the last interrupt comes once more, while the channel is idle. */
  Repeat: 15,
});
export const CHANNEL_WORDS = 16;
export const CHANNELS = 2;

export const activeBit = (channel: number): number => plx.PLX_INTCSR_DMA0_ACTIVE << channel;
export const enableBit = (channel: number): number => plx.PLX_INTCSR_DMA0_ENABLE << channel;

/** Word index of a channel's state. */
export const channelAt = (d: DeviceView, channel: number): number => d.state + channel * CHANNEL_WORDS;

export function clearsCount(d: DeviceView, channel: number): boolean {
  return (d.registers.get(plx.PLX_DMAMODE0 + channel * plx.PLX_CHANNEL_STRIDE) & plx.PLX_MODE_CLEAR_COUNT) !== 0;
}

/** Master abort or a bad local address: the channel stops and says so. */
export function fail(d: DeviceView, channel: number): void {
  d.words[d.state + channel * CHANNEL_WORDS + Channel.Stopping] = 1;
  d.registers.raise(plx.PLX_DMACSR0, plx.PLX_CSR_ERROR << (channel * 8));
}

// ---- The interrupt

export function interruptsWanted(d: DeviceView, channel: number): boolean {
  const wanted = plx.PLX_MODE_DONE_INTERRUPT | plx.PLX_MODE_INTERRUPT_TO_PCI;
  return (d.registers.get(plx.PLX_DMAMODE0 + channel * plx.PLX_CHANNEL_STRIDE) & wanted) === wanted;
}

export function raiseInterrupt(d: DeviceView, channel: number): void {
  d.registers.raise(plx.PLX_INTCSR, activeBit(channel));
  if (lineAsserted(d)) d.lineChanged();
}

/** Active bits are causes: a masked one stays and asserts the line once it is enabled. */
export function lineAsserted(d: DeviceView): boolean {
  const intcsr = d.registers.get(plx.PLX_INTCSR);
  if ((intcsr & plx.PLX_INTCSR_PCI_ENABLE) === 0) return false;
  for (let channel = 0; channel < CHANNELS; channel++) {
    if ((intcsr & activeBit(channel)) !== 0 && (intcsr & enableBit(channel)) !== 0) return true;
  }
  return false;
}
