import { isMainThread } from 'node:worker_threads';
import { sgring } from '../../../src/hardware/index.js';
import { wrappedSgring } from './wrapped-sgring.js';

// A module that loads on the main thread and not in a worker, as one does that reaches for the wrong globals.
if (!isMainThread) throw new Error('no windows in this room');

export default wrappedSgring('unloadable-sgring', (d) => sgring.step(d));
