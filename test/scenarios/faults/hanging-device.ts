import { sgring } from '../../../src/hardware/index.js';
import { wrappedSgring } from './wrapped-sgring.js';

/** sgring whose fortieth step never ends. */
export default wrappedSgring('hanging-sgring', (d) => {
  while (d.words[d.steps]! >= 40);
  return sgring.step(d);
});
