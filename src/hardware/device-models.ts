import type { DeviceModel } from './device-model.js';
import { e100Device } from './e100.js';
import { plx9656 } from './plx9656.js';
import { s5933 } from './s5933.js';
import { sdmaController } from './sdma.js';
import { sdmaPort } from './sdma-port.js';
import { sgring } from './sgring.js';

const known = new Map<string, DeviceModel>(
  [e100Device, plx9656, s5933, sdmaController, sdmaPort, sgring].map((model) => [model.name, model]),
);

/** The device models scenarios can name: the built-in ones and those registered since. */
export const deviceModels: ReadonlyMap<string, DeviceModel> = known;

/** Makes a model known in this thread; one of the same name is replaced. Workers do it for models that come from a module. */
export function registerDeviceModel(model: DeviceModel): void {
  known.set(model.name, model);
}
