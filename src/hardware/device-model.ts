import { UsageError } from '../nt/index.js';
import type { Op } from '../kernel/op.js';
import type { DeviceView } from './device-view.js';
import type { RegisterTable } from './register-table.js';

/** A number that a scenario may set on a device. */
export interface DeviceParam {
  readonly name: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** `bytes`, `channels`, `descriptors` and the like. */
  readonly unit: string;
  readonly title: string;
  /** Only powers of two are allowed. */
  readonly powerOfTwo?: boolean;
}

export type DeviceParams = Readonly<Record<string, number>>;

export const BarKind = { Registers: 'registers', LocalMemory: 'local-memory' } as const;
export type BarKind = (typeof BarKind)[keyof typeof BarKind];

/** A base address register: a window through which the driver reaches the device. */
export interface Bar {
  readonly index: number;
  readonly kind: BarKind;
  readonly lengthBytes: number;
}

/** How a device interrupts: one shared level line, or messages, each a vector of its own. */
export interface VectorRequest {
  readonly kind: 'line' | 'message';
  readonly count: number;
}

/** One register or state word in a report. */
export interface RegisterDescription {
  readonly name: string;
  readonly offset: number;
  readonly value: number;
}

/**
 * A kind of device. A model holds no state: registers, latches, state words and local memory all lie in machine
 * memory and are reached through the `DeviceView` that every call is given, so the same `step` serves a worker
 * thread, the controlled backend on the main thread, and a replay.
 */
export interface DeviceModel {
  /** What scenarios call it: lower case, digits, dashes. */
  readonly name: string;
  readonly title: string;
  readonly params: readonly DeviceParam[];
  /** Logical addresses a descriptor can hold. */
  readonly addressBits: 32 | 64;
  /** Where the device's logical addresses begin unless the scenario says otherwise: below 4 GiB or far above. */
  readonly aperture: 'low' | 'high';
  /** It cannot master the bus: it hangs on a request line of the system DMA controller, which a machine with such devices has. */
  readonly isSubordinate?: boolean;
  /** It fetches blocks of memory of which it uses a part, so its accesses are not compared with the driver's when data races are looked for. */
  readonly fetchesBlocks?: boolean;
  registers(params: DeviceParams): RegisterTable;
  bars(params: DeviceParams): readonly Bar[];
  /** 32-bit words of internal state. */
  stateWords(params: DeviceParams): number;
  localMemoryBytes(params: DeviceParams): number;
  vectors(params: DeviceParams): VectorRequest;
  /** Brings state words to their power-on values; registers and latches have been reset, state words are zero. */
  reset(d: DeviceView): void;
  /**
   * The access that `step` would perform now, DONE while the device waits for its driver, kind Wait while it only lets
   * time pass: a step of it is one tick, which a host that runs freely paces. Reads only, by plain loads;
   * any thread may ask, the answer holds for the one that steps the device.
   */
  pending(d: DeviceView): Op;
  /** Performs exactly the pending bus-visible action and sets up the next. False, and no effect, when nothing was pending. */
  step(d: DeviceView): boolean;
  /**
   * Performs one to `limit` steps, faster than `step` called as often and with the same result, and returns their
   * number; 0 when nothing was pending, or only a wait. For hosts that run freely. Default: `step` in a loop.
   */
  stepMany?(d: DeviceView, limit: number): number;
  /**
   * What a driver's write does at once, without a step, by atomics only: after the word has its new value and before
   * its command bits are latched. `offset` is that of the 32-bit word, `written` the value in its lanes.
   */
  registerWritten?(d: DeviceView, offset: number, written: number): void;
  /**
   * Where the machine holds back what devices write back (ordering `delayed-write-back`): whether reading the 32-bit register at
   * `offset` makes the device write it first. Default: no register does, only a message.
   */
  writesBackAt?(offset: number): boolean;
  /** Level of the interrupt line, a pure function of the registers. For devices with a line. */
  lineAsserted?(d: DeviceView): boolean;
  /**
   * Asked when nothing can run any more: what the device has done or wants to say and its driver has not taken notice
   * of, a clause each; empty when it has nothing to tell.
   */
  unheard?(d: DeviceView): readonly string[];
  /** Internal state in words, for reports and the debugger. */
  describe(d: DeviceView): readonly RegisterDescription[];
}

/** Fills in defaults. Throws UsageError USAGE_DEVICE_PARAM naming the parameter that is unknown or out of range. */
export function resolveParams(model: DeviceModel, given: DeviceParams = {}): DeviceParams {
  for (const name of Object.keys(given)) {
    if (model.params.some((param) => param.name === name)) continue;
    throw new UsageError('USAGE_DEVICE_PARAM', `${model.name} has no parameter ${name}`, {
      where: name,
      expected: model.params.map((param) => param.name).join(', '),
    });
  }
  return Object.fromEntries(model.params.map((param) => [param.name, checkParam(model, param, given[param.name] ?? param.default)]));
}

function checkParam(model: DeviceModel, param: DeviceParam, value: number): number {
  const { name, min, max, unit, powerOfTwo = false } = param;
  const fits = Number.isInteger(value) && value >= min && value <= max && (!powerOfTwo || (value & (value - 1)) === 0);
  if (fits) return value;
  const expected = `${powerOfTwo ? 'a power of two' : 'a whole number'} from ${min} to ${max} ${unit}`;
  throw new UsageError('USAGE_DEVICE_PARAM', `${model.name}.${name} is ${value}`, { where: name, expected });
}
