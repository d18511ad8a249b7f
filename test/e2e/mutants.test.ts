import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A change in one compiled module that breaks it, and what a driver would see of it. */
interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const mutants: readonly Mutant[] = [
  {
    name: 'transferred bytes forget the transfers before',
    file: 'wdf/dma-transaction-base.js',
    from: 'this.transferredBytes += moved;',
    to: 'this.transferredBytes = moved;',
  },
  {
    name: 'putting the list is left out: nothing is flushed and no register comes back',
    file: 'wdf/dma-transaction-scatter-gather.js',
    from: 'yield* adapter.putScatterGatherList(list);',
    to: '',
  },
  {
    name: 'the next transfer starts where the last one did',
    file: 'wdf/dma-transaction-scatter-gather.js',
    from: 'this.#advance(this.currentLengthBytes);',
    to: '',
  },
  {
    name: 'what a transfer takes is not taken off what remains',
    file: 'wdf/dma-transaction-scatter-gather.js',
    from: 'this.remainingBytes -= lengthBytes;',
    to: '',
  },
  {
    name: 'a transaction that has ended stays in Transfer',
    file: 'wdf/dma-transaction-base.js',
    from: 'this.setState(NT_SUCCESS(status) ? TransactionState.TransferCompleted : TransactionState.TransferFailed);',
    to: '',
  },
  {
    name: 'a released transaction keeps how far it had come',
    file: 'wdf/dma-transaction-base.js',
    from: 'this.transferredBytes = 0;\n        this.startMdl = this.currentMdl = null;',
    to: 'this.startMdl = this.currentMdl = null;',
  },
];

/** Three of them in every run of the tests, all of them where somebody asks. */
const tried = process.env['DMALAB_MUTANTS'] === 'all' ? mutants : mutants.slice(0, 3);

const project = fileURLToPath(new URL('../../../', import.meta.url));

describe('a mutation of the transaction breaks both the conformance vectors and a run, because they are one implementation', function () {
  this.timeout(60_000);
  let copy: string;
  before(() => {
    copy = mkdtempSync(join(tmpdir(), 'dmalab-mutants-'));
    cpSync(join(project, 'dist', 'src'), join(copy, 'dist', 'src'), { recursive: true });
    cpSync(join(project, 'dist', 'workers'), join(copy, 'dist', 'workers'), { recursive: true });
    cpSync(join(project, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'));
  });
  after(() => rmSync(copy, { recursive: true }));

  const vectors = join(project, 'test', 'conformance', 'vectors', 'designed.jsonl');
  /** Exit code and verdict of a command of the copy. */
  function verdictOf(...words: string[]): { code: number | null; verdict: unknown } {
    const { status, stdout } = spawnSync(process.execPath, [join(copy, 'dist/src/cli/main.js'), ...words, '--json'], {
      cwd: copy,
      encoding: 'utf8',
      env: { ...process.env, CI: '1', NO_COLOR: '1' },
    });
    return { code: status, verdict: (JSON.parse(stdout) as { verdict: unknown }).verdict };
  }
  const conformance = (): unknown => verdictOf('conformance', vectors);
  const run = (): unknown => verdictOf('run', 'plx9x5x', '--requests', '200', '--seed', '1');

  it('nothing is wrong without a mutation', () => {
    expect([conformance(), run()]).to.deep.equal([
      { code: 0, verdict: 'ok' },
      { code: 0, verdict: 'ok' },
    ]);
  });

  for (const { name, file, from, to } of tried) {
    it(name, () => {
      const path = join(copy, 'dist', 'src', file);
      const text = readFileSync(path, 'utf8');
      expect(text.split(from), 'the place to change').to.have.length(2);
      writeFileSync(path, text.replace(from, to));
      try {
        expect([conformance(), run()]).to.deep.equal([
          { code: 1, verdict: 'finding' },
          { code: 1, verdict: 'finding' },
        ]);
      } finally {
        writeFileSync(path, text);
      }
    });
  }
});
