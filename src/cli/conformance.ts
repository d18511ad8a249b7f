import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { ConformanceCheck, type ConformanceReport, type Vector } from '../conformance/index.js';
import { UsageError } from '../nt/index.js';
import { formatConformanceReport } from '../report/index.js';
import { fileErrorText } from './errors.js';
import type { Session } from './session.js';

/** The public vectors, where the sources are checked out. */
const PUBLIC_VECTORS = fileURLToPath(new URL('../../../test/conformance/vectors', import.meta.url));

const AFTER_HELP = `
A vector file has one JSON object a line: a small machine, the calls a driver makes, and the events that must be seen.
Without a file the public vectors are run. Exit code: 0 all passed, 1 a vector within the contract failed, 2 wrong usage.`;

/** `dmalab conformance [FILE|DIR...]`: reference vectors through the framework's DMA objects. */
export function conformanceCommand(session: Session): Command {
  return new Command('conformance')
    .description('run reference vectors through the same DMA objects that run and explore use')
    .argument('[paths...]', 'vector files (.jsonl), or folders of them')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((paths: string[]) => session.finish(conformance(paths), formatConformanceReport));
}

function conformance(paths: readonly string[]): ConformanceReport {
  const check = new ConformanceCheck();
  for (const file of vectorFiles(paths.length === 0 ? [PUBLIC_VECTORS] : paths)) {
    read(file)
      .split('\n')
      .forEach((line, index) => {
        if (line.trim() !== '') check.check(file, parseVector(line, `${file}:${index + 1}`));
      });
  }
  return check.report();
}

function vectorFiles(paths: readonly string[]): string[] {
  const files = paths.flatMap((path) =>
    isFolder(path)
      ? readdirSync(path)
          .filter((name) => name.endsWith('.jsonl'))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
  if (files.length > 0) return files;
  throw new UsageError('USAGE_NO_VECTORS', 'there are no vectors there', {
    where: paths.join(', '),
    expected: 'folders with .jsonl files, or the files themselves',
  });
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function cannotRead(path: string, error: unknown): UsageError {
  return new UsageError('USAGE_NO_SUCH_FILE', `cannot read ${path}: ${fileErrorText(error) ?? String(error)}`, {
    where: path,
    expected: 'the path of a vector file or of a folder of them',
  });
}

function parseVector(line: string, where: string): Vector {
  const broken = (what: string): UsageError =>
    new UsageError('USAGE_BAD_VECTOR', `this is no vector: ${what}`, {
      where,
      expected: 'a JSON object with name, machine, enabler, buffers, script, callbacks and expect',
    });
  let vector: Partial<Vector>;
  try {
    vector = JSON.parse(line) as Partial<Vector>;
  } catch (error) {
    throw broken(error instanceof Error ? error.message : String(error));
  }
  for (const key of ['name', 'machine', 'enabler', 'script', 'expect'] as const)
    if (vector[key] === undefined) throw broken(`it has no ${key}`);
  if (!Array.isArray(vector.script) || !Array.isArray(vector.expect)) throw broken('script and expect are lists');
  return vector as Vector;
}
