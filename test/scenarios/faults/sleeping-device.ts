import { sgring } from '../../../src/hardware/index.js';
import { atomics } from '../../../src/memory/index.js';
import { wrappedSgring } from './wrapped-sgring.js';

/** sgring whose fortieth step goes to sleep and is never woken. */
export default wrappedSgring('sleeping-sgring', (d) => {
  if (d.words[d.steps]! >= 40) atomics.waitBlocking(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_600_000);
  return sgring.step(d);
});
