import { closeSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../nt/index.js';
import { fileErrorText } from './errors.js';

const CHUNK_BYTES = 1 << 20;
const NEWLINE = 0x0a;

/** The files themselves, and what folders hold of `.jsonl`, in the order of their names. */
export function vectorFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    isFolder(path)
      ? readdirSync(path)
          .filter((name) => name.endsWith('.jsonl'))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
}

/** The lines of a file, without their ends; a file may be larger than a string can be. */
export function* linesOf(path: string): Generator<string> {
  const file = guarded(path, () => openSync(path, 'r'));
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let parts: Buffer[] = [];
    for (;;) {
      const length = guarded(path, () => readSync(file, chunk, 0, CHUNK_BYTES, null));
      if (length === 0) break;
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end !== -1 && end < length; end = chunk.indexOf(NEWLINE, start)) {
        yield Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8');
        parts = [];
        start = end + 1;
      }
      // The chunk is read into again.
      if (start < length) parts.push(Buffer.from(chunk.subarray(start, length)));
    }
    if (parts.length > 0) yield Buffer.concat(parts).toString('utf8');
  } finally {
    closeSync(file);
  }
}

function isFolder(path: string): boolean {
  return guarded(path, () => statSync(path)).isDirectory();
}

function guarded<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new UsageError('USAGE_NO_SUCH_FILE', `cannot read ${path}: ${fileErrorText(error) ?? String(error)}`, {
      where: path,
      expected: 'the path of a vector file or of a folder of them',
    });
  }
}
