import { InternalError } from '../nt/index.js';
import type { Lab } from './lab.js';

/** Opens the laboratory itself; loaded only by commands that need it, so that `--help` stays quick. */
export function openLab(): Promise<Lab> {
  return Promise.reject(new InternalError('LAB_NOT_WIRED', 'this build of the command line has no laboratory behind it'));
}
