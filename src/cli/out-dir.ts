import { existsSync, mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { cannotWrite } from './errors.js';

/** Where schedule files go when `--out` does not say; made only when there is one to write. */
export const DEFAULT_OUT_DIR = 'dmalab-findings';

/** As `mkdir -p`. The `recursive` option of Node 20 never returns where a mkdir below an existing directory gives ENOENT, as in /proc. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(dirname(directory));
  mkdirSync(directory);
}

/** Makes the directory and writes a probe into it, so that a long run does not end with findings it cannot store. */
export function prepareOutDir(directory: string): void {
  const probe = join(directory, `.dmalab-probe-${process.pid}`);
  try {
    makeDirectory(resolve(directory));
    writeFileSync(probe, 'dmalab\n', { flag: 'wx' });
    unlinkSync(probe);
  } catch (error) {
    throw cannotWrite(directory, error);
  }
}
