import { sgring, type DeviceModel, type DeviceView } from '../../../src/hardware/index.js';

/** sgring under another name with another `step`; `extraWords` of state lie behind its own. */
export function wrappedSgring(name: string, step: (d: DeviceView) => boolean, extraWords = 0): DeviceModel {
  const { title, params, addressBits, aperture, registers, bars, localMemoryBytes, vectors, reset, pending, describe } = sgring;
  return {
    ...{ title, params, addressBits, aperture, registers, bars, localMemoryBytes, vectors, reset, pending, describe },
    ...(sgring.registerWritten === undefined ? {} : { registerWritten: sgring.registerWritten }),
    name,
    stateWords: (given) => sgring.stateWords(given) + extraWords,
    step,
  };
}
