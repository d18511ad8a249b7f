import { isMainThread } from 'node:worker_threads';
import { sgring } from '../../../src/hardware/index.js';
import { wrappedSgring } from './wrapped-sgring.js';

/** sgring whose fortieth step ends its thread, as a killed worker does. */
export default wrappedSgring('exiting-sgring', (d) => {
  if (d.words[d.steps]! >= 40 && !isMainThread) process.exit(7);
  return sgring.step(d);
});
