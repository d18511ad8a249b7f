import { UsageError } from '../nt/index.js';
import { deviceModels, registerDeviceModel, type DeviceModel } from '../hardware/index.js';
import type { Scenario } from './scenario.js';

/** Models that came from modules, by the URL scenarios name them with. */
const byUrl = new Map<string, DeviceModel>();

/** A device model is named, or is the URL of a module: `new URL('./my-device.mjs', import.meta.url).href`. */
export function isModuleUrl(model: string): boolean {
  return model.startsWith('file:');
}

/**
 * Imports the device modules a scenario names, so that machines can be built with them; workers import them again.
 * Throws UsageError USAGE_BAD_DEVICE for a module that cannot be imported or whose default export is no device model.
 */
export async function loadDeviceModules(scenario: Scenario): Promise<void> {
  for (const { name, model } of scenario.devices) {
    if (!isModuleUrl(model) || byUrl.has(model)) continue;
    let loaded: { default?: unknown };
    try {
      loaded = (await import(model)) as { default?: unknown };
    } catch (error) {
      throw new UsageError(
        'USAGE_BAD_DEVICE',
        `the module of device '${name}' cannot be imported: ${error instanceof Error ? error.message : String(error)}`,
        { where: model },
      );
    }
    if (!isDeviceModel(loaded.default)) {
      throw new UsageError('USAGE_BAD_DEVICE', `the module of device '${name}' exports no device model`, {
        where: model,
        expected: "a default export with name, registers, reset, pending and step, see 'dmalab/hardware'",
      });
    }
    registerDeviceModel(loaded.default);
    byUrl.set(model, loaded.default);
  }
}

/** The model a scenario names. Throws UsageError USAGE_UNKNOWN_DEVICE. */
export function deviceModel(nameOrUrl: string): DeviceModel {
  const model = byUrl.get(nameOrUrl) ?? deviceModels.get(nameOrUrl);
  if (model !== undefined) return model;
  throw new UsageError('USAGE_UNKNOWN_DEVICE', `there is no device model '${nameOrUrl}'`, {
    expected: `one of ${[...deviceModels.keys()].join(', ')}, or the URL of a module`,
  });
}

function isDeviceModel(value: unknown): value is DeviceModel {
  if (typeof value !== 'object' || value === null) return false;
  const { name, registers, reset, pending, step } = value as Partial<Record<keyof DeviceModel, unknown>>;
  return typeof name === 'string' && [registers, reset, pending, step].every((member) => typeof member === 'function');
}
