import { sgring, type DeviceModel, type DeviceView } from '../../../src/hardware/index.js';

/** sgring under another name with another `step`; `extraWords` of state lie behind its own. */
export function wrappedSgring(name: string, step: (d: DeviceView) => boolean, extraWords = 0): DeviceModel {
  return {
    ...sgring,
    name,
    stateWords: (given) => sgring.stateWords(given) + extraWords,
    step,
    stepMany: (d) => (step(d) ? 1 : 0),
  };
}
