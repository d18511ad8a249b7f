import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../tidy/project.js';

interface DryRun {
  readonly tests: readonly { readonly title: string; readonly file: string }[];
}

/** Titles by test file (without `test/` and `.test.ts`), as mocha itself sees them: generated ones are among them. Runs no test. */
export async function testTitles(files: readonly string[]): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const folder = await mkdtemp(join(tmpdir(), 'dmalab-titles-'));
  try {
    const output = join(folder, 'titles.json');
    const compiled = files.map((file) => `dist/test/${file}.test.js`);
    const mocha = join(projectRoot, 'node_modules/mocha/bin/mocha.js');
    const args = [mocha, '--dry-run', '--reporter', 'json', '--reporter-option', `output=${output}`, ...compiled];
    await promisify(execFile)(process.execPath, args, { cwd: projectRoot, maxBuffer: 64 * 1024 * 1024 });
    return byFile(JSON.parse(await readFile(output, 'utf8')) as DryRun);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function byFile({ tests }: DryRun): Map<string, Set<string>> {
  const titles = new Map<string, Set<string>>();
  for (const { title, file } of tests) {
    const name = relative(join(projectRoot, 'dist/test'), file)
      .split(sep)
      .join('/')
      .replace(/\.test\.js$/, '');
    const known = titles.get(name);
    if (known === undefined) titles.set(name, new Set([title]));
    else known.add(title);
  }
  return titles;
}
