import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The repository: compiled tests run from dist/test/tidy. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** A file as the tidy checks see it; `path` is relative to the repository, with slashes. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Every TypeScript file below `folder`, which may be missing. Lint fixtures are not sources. */
export function readSources(folder: string, root: string = projectRoot): SourceFile[] {
  const top = join(root, folder);
  if (statSync(top, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(root, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
    .filter(({ path }) => !path.startsWith('test/tidy/fixture/'));
}

/** Loads one of the plain JavaScript tools, which are not compiled. */
export async function importTool<T>(path: string): Promise<T> {
  return (await import(pathToFileURL(join(projectRoot, path)).href)) as T;
}
