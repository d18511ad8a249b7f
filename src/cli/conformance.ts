import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { ConformanceCheck, parseVector, type ConformanceReport } from '../conformance/index.js';
import { UsageError } from '../nt/index.js';
import { formatConformanceReport } from '../report/index.js';
import type { Session } from './session.js';
import { linesOf, vectorFiles } from './vector-files.js';

/** The public vectors, where the sources are checked out. */
const PUBLIC_VECTORS = fileURLToPath(new URL('../../../test/conformance/vectors', import.meta.url));

const AFTER_HELP = `
A vector file has one JSON object a line: a small machine, the calls a driver makes, and the events that must be seen.
Without a file the public vectors are run. A vector beyond the framework's contract passes with the events it lists or
with the misuse reported. Exit code: 0 all passed, 1 a vector failed, 2 wrong usage.`;

const BYTE_ORDER_MARK = /^\uFEFF/;

/** `dmalab conformance [FILE|DIR...]`: reference vectors through the framework's DMA objects. */
export function conformanceCommand(session: Session): Command {
  return new Command('conformance')
    .description('run reference vectors through the same DMA objects that run and explore use')
    .argument('[paths...]', 'vector files (.jsonl), or folders of them')
    .option('--json', 'print one JSON object')
    .addHelpText('after', AFTER_HELP)
    .action((paths: string[]) => session.finish(conformance(paths), formatConformanceReport));
}

function conformance(given: readonly string[]): ConformanceReport {
  const paths = given.length === 0 ? [PUBLIC_VECTORS] : given;
  const check = new ConformanceCheck();
  let vectors = 0;
  for (const file of vectorFiles(paths)) {
    let lineNumber = 0;
    for (const line of linesOf(file)) {
      lineNumber++;
      const text = line.replace(BYTE_ORDER_MARK, '').trim();
      if (text === '') continue;
      vectors++;
      check.check(file, parseVector(text, `${file}:${lineNumber}`));
    }
  }
  if (vectors > 0) return check.report();
  throw new UsageError('USAGE_NO_VECTORS', 'there are no vectors there', {
    where: paths.join(', '),
    expected: 'folders with .jsonl files, or the files themselves',
  });
}
