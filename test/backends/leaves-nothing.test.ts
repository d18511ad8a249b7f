import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'mocha';

/** What is left of an execution after a young collection; of all that one makes it would be 100 KiB and more. */
const LEFT_BYTES_MAX = 10 * 1024;

const script = new URL('./left-behind.js', import.meta.url).pathname;

/*
 * What a dead machine in V8's old space refers to survives every young collection, and so does the next machine behind
 * it. Closures of generator functions, accessors in object literals, closures assigned to a property and tables of Sets
 * that outlive an execution are made in old space; with one of them executions cost twice as much.
 */
describe('an execution under control leaves nothing behind', function () {
  this.timeout(60_000);

  for (const name of ['plx9x5x-cancel', 'ring', 'pcidrv', 'systemdma']) {
    it(name, () => {
      // A process of its own: other tests change what V8 knows of the same code.
      const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script, name], { encoding: 'utf8' });
      expect(stdout, stderr).to.match(/^-?[\d.]+$/);
      expect(Number(stdout)).to.be.lessThan(LEFT_BYTES_MAX);
    });
  }
});
