import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dmalab, faultsUrl, jsonOf, newFolder, packageUrl } from './dmalab.js';

interface Report {
  readonly verdict: string;
  readonly findings: readonly {
    readonly rule: string;
    readonly message: string;
    readonly replay: string;
    readonly schedule: string | null;
  }[];
}

/** What a driver's EvtIo does in plain JavaScript before it goes on as it should. */
const leaves = {
  'a timer that throws': `if (!globalThis.left) { globalThis.left = true; setTimeout(() => { throw new RangeError('much too late'); }, 1); }`,
  'a promise that is refused': `if (!globalThis.left) { globalThis.left = true; void Promise.reject(new RangeError('much too late')); }`,
  'a timer that ends the process': `if (!globalThis.left) { globalThis.left = true; setTimeout(() => process.exit(0), 1); }`,
} as const;

/** Longer than any of these takes; what is left behind ends them. */
const COMMANDS = {
  'explore on one thread': ['explore', '--schedules', '200000', '--workers', '1'],
  'explore on two threads': ['explore', '--schedules', '200000', '--workers', '2'],
  run: ['run', '--duration', '60'],
} as const;

describe('code under test leaves something behind', function () {
  this.timeout(90_000);
  let folder: string;
  before(() => (folder = newFolder()));
  after(() => rmSync(folder, { recursive: true }));

  function moduleWith(name: string, evtIo: string): string {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(
      path,
      `import { defineScenario } from '${packageUrl}';
import { SmallDriver } from '${faultsUrl}small-driver.js';
class Mine extends SmallDriver {
  ${evtIo}
}
export default defineScenario({ name: 'mine', title: 'a driver of a user',
  devices: [{ name: 'board', model: 'sgring', driver: new Mine('mine') }], workload: { maxMdls: 1 } });
`,
    );
    return path;
  }

  for (const [what, statement] of Object.entries(leaves)) {
    for (const [command, [verb, ...flags]] of Object.entries(COMMANDS)) {
      it(`${what}, ${command}: exit 1 and a finding that names the place`, async () => {
        const path = moduleWith('leaves', `*evtIo(device, request) { ${statement} yield* super.evtIo(device, request); }`);
        const ended = await dmalab([verb, path, ...flags, '--out', folder, '--json'], folder);
        expect(ended.code, ended.stderr + ended.stdout).to.equal(1);
        const report = jsonOf(ended) as unknown as Report;
        const [finding] = report.findings;
        expect(report.verdict).to.equal('finding');
        expect(finding).to.include({ rule: 'L-DRIVER-THREW', schedule: null });
        expect(finding!.message)
          .to.contain('leaves.mjs:')
          .and.contain(what.includes('process') ? 'process.exit() is called' : 'RangeError: much too late');
        expect(finding!.replay).to.contain(verb);
      });
    }
  }

  it('timers that are due long after the results are not waited for, and take nothing back', async () => {
    const late = `setTimeout(() => { throw new RangeError('much too late'); }, 3_600_000);`;
    const path = moduleWith('late', `*evtIo(device, request) { ${late} yield* super.evtIo(device, request); }`);
    for (const words of [
      ['explore', path, '--schedules', '3'],
      ['run', path, '--requests', '3'],
    ]) {
      const ended = await dmalab([...words, '--out', folder, '--json'], folder);
      expect(ended.code, ended.stderr).to.equal(0);
      expect(jsonOf(ended)).to.include({ verdict: 'ok' });
      expect(ended.stderr).to.match(/left timers of Node's behind \(\d+\); they are not waited for/);
    }
  });

  it('an async callback is told to be one, with what to write instead', async () => {
    const path = moduleWith('async', `async evtIo(device, request) { await null; request.complete(0); }`);
    for (const words of [
      ['explore', path, '--schedules', '5'],
      ['run', path, '--requests', '5'],
    ]) {
      const ended = await dmalab([...words, '--out', folder, '--json'], folder);
      expect(ended.code, ended.stderr + ended.stdout).to.equal(1);
      const [finding] = (jsonOf(ended) as unknown as Report).findings;
      expect(finding!.rule).to.equal('L-FORGOTTEN-YIELD');
      expect(finding!.message).to.contain('is an async function').and.contain('function*');
    }
  });
});
