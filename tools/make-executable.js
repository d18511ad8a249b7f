// @ts-check
/** The compiler writes plain files: without this, what npm links as a command cannot be started once it was built again. */
import { chmodSync, readFileSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const { bin } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
for (const path of Object.values(bin)) chmodSync(new URL(String(path), root), 0o755);
