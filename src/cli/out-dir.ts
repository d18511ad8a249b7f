import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cannotWrite } from './errors.js';

/** Where schedule files go when `--out` does not say; made only when there is one to write. */
export const DEFAULT_OUT_DIR = 'dmalab-findings';

/** Makes the directory and writes a probe into it, so that a long run does not end with findings it cannot store. */
export function prepareOutDir(directory: string): void {
  const probe = join(directory, `.dmalab-probe-${process.pid}`);
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(probe, 'dmalab\n', { flag: 'wx' });
    unlinkSync(probe);
  } catch (error) {
    throw cannotWrite(directory, error);
  }
}
