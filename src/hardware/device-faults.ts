import { atomics, struct, type LayoutBuilder, CACHE_LINE_BYTES } from '../memory/index.js';
import { DEVICE_FAULT_KINDS, type DeviceFault, type DeviceFaultKind } from '../faults/fault-kind.js';
import type { FaultPlan } from '../faults/fault-plan.js';
import type { DeviceView } from './device-view.js';

/**
 * Planned faults of one device, in machine memory: the generator's state and the counts go with the device through
 * backends, replays and hashes, so the same seed and the same steps give the same faults everywhere.
 *
 *     | planned | random | left out | drawn | - ... | numerator x 8 | denominator x 8 | injected x 8 |
 *
 * A model asks `if (words[d.faults] !== 0 && drawFault(d, DeviceFault.X))` at the places its page in docs names:
 * one load where nothing is planned.
 */
const FaultWord = struct('DeviceFaults', 64, {
  /** Bit n: kind n of DEVICE_FAULT_KINDS may happen. What models test first. */
  Planned: 0,
  Random: 1,
  /** Bit n: the n-th fault that is drawn, of the first 32, does not happen. */
  LeftOut: 2,
  /** Faults drawn so far; counted only when some are left out. */
  Drawn: 3,
  Numerators: 8,
  Denominators: 16,
  Injected: 24,
});
const FAULT_BYTES = 128;

/** Reserves a device's fault words and returns their byte offset. */
export function planFaults(layout: LayoutBuilder, deviceName: string): number {
  return layout.reserve(`${deviceName}.faults`, FAULT_BYTES, { align: CACHE_LINE_BYTES });
}

/** Plans faults for a device that stands still; kinds of the platform are passed over. Counts start at 0. `leftOut`: see FaultWord. */
export function armFaults(d: DeviceView, plan: FaultPlan, seed: number, leftOut = 0): void {
  const { words, faults } = d;
  words.fill(0, faults, faults + FAULT_BYTES / 4);
  words[faults + FaultWord.Random] = seed;
  words[faults + FaultWord.LeftOut] = leftOut;
  DEVICE_FAULT_KINDS.forEach((name, kind) => {
    const ratio = plan[name];
    if (ratio === undefined || ratio.numerator === 0) return;
    words[faults + FaultWord.Planned]! |= 1 << kind;
    words[faults + FaultWord.Numerators + kind] = ratio.numerator;
    words[faults + FaultWord.Denominators + kind] = ratio.denominator;
  });
}

/** Whether a fault of that kind happens here; it counts as injected. */
export function drawFault(d: DeviceView, kind: DeviceFault): boolean {
  const { words, faults } = d;
  if ((words[faults + FaultWord.Planned]! & (1 << kind)) === 0) return false;
  if (
    (nextRandom(words, faults + FaultWord.Random) >>> 0) % words[faults + FaultWord.Denominators + kind]! >=
    words[faults + FaultWord.Numerators + kind]!
  )
    return false;
  if (words[faults + FaultWord.LeftOut] !== 0 && isLeftOut(words, faults)) return false;
  words[faults + FaultWord.Injected + kind] = (words[faults + FaultWord.Injected + kind]! + 1) | 0;
  return true;
}

function isLeftOut(words: Int32Array, faults: number): boolean {
  const drawn = words[faults + FaultWord.Drawn]!;
  words[faults + FaultWord.Drawn] = drawn + 1;
  return drawn < 32 && (words[faults + FaultWord.LeftOut]! & (1 << drawn)) !== 0;
}

/** One 32-bit word of state: a Weyl sequence through a finaliser of multiply and shift. */
function nextRandom(words: Int32Array, at: number): number {
  const state = (words[at]! + 0x9e3779b9) | 0;
  words[at] = state;
  let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}

/** Faults of that kind the device has injected since `armFaults`. */
export function injectedFaults(d: DeviceView, kind: DeviceFaultKind): number {
  return atomics.load(d.words, d.faults + FaultWord.Injected + DEVICE_FAULT_KINDS.indexOf(kind)) >>> 0;
}
