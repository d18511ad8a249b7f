import { expect } from 'chai';
import { describe, it } from 'mocha';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { failOnLeftoverThreads, leftoverThreads } from '../root-hooks.js';

async function rejection(promise: Promise<void>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : 'not an Error';
  }
  return 'nothing';
}

describe('root hook: leftover threads', () => {
  it('has nothing to say when no thread runs', async () => {
    expect(leftoverThreads()).to.deep.equal([]);
    await failOnLeftoverThreads(0);
  });

  it('sees a planted thread that sleeps in Atomics.wait, names it, and ends it', async () => {
    const asleep = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);';
    const worker = new Worker(asleep, { eval: true });
    const { threadId } = worker;
    expect(await rejection(failOnLeftoverThreads(0))).to.match(new RegExp(`left running by a test: thread ${threadId} started by`));
    expect(leftoverThreads()).to.deep.equal([]);
  });

  it('sees the threads of a pool that nobody destroyed, and none once it is', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dmalab-pool-'));
    const filename = join(folder, 'task.mjs');
    writeFileSync(filename, 'export default (n) => n + 1;\n');
    const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2, idleTimeout: Infinity });
    try {
      expect(await pool.run(1)).to.equal(2);
      expect(leftoverThreads()).to.have.length(2);
    } finally {
      await pool.destroy();
      rmSync(folder, { recursive: true });
    }
    await failOnLeftoverThreads();
    expect(leftoverThreads()).to.deep.equal([]);
  });
});
