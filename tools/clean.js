// @ts-check
/** Removes what the build wrote, so that a deleted source leaves no compiled file behind. */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

rmSync(fileURLToPath(new URL('../dist', import.meta.url)), { recursive: true, force: true });
