import type { DeviceView } from '../hardware/index.js';

/** Registers that are not 0, and where each part of the device stands, for the report of a run that cannot go on. */
export function registersText(view: DeviceView): string {
  const registers = view.registers.describe().filter(({ value }) => value !== 0);
  // `channel0.Next.Idle`: a state word whose value has a name.
  const states = view.model.describe(view).filter(({ name }) => name.split('.').length === 3);
  return [...registers.map(({ name, value }) => `${name}=0x${(value >>> 0).toString(16)}`), ...states.map(({ name }) => name)].join(' ');
}
