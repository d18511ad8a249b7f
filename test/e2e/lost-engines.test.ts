import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dmalab, faultsUrl, jsonOf, newFolder, packageUrl, start } from './dmalab.js';

interface LostRun {
  readonly verdict: string;
  readonly requests: number;
  readonly findings: readonly { readonly rule: string; readonly message: string; readonly replay: string }[];
}

/** How an engine's worker dies: a thrown error, a step that never ends, one that sleeps for ever, process.exit. */
const deaths = ['throwing-device', 'hanging-device', 'sleeping-device', 'exiting-device'] as const;

describe('dmalab run, the worker of an engine dies', function () {
  // An orphan thread would keep the process for ever.
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = newFolder()));
  after(() => rmSync(folder, { recursive: true }));

  function moduleWith(device: string): string {
    const path = join(folder, `${device}.mjs`);
    const model = `new URL('${device}.js', '${faultsUrl}').href`;
    writeFileSync(
      path,
      `import { defineScenario } from '${packageUrl}';
import { SmallDriver } from '${faultsUrl}small-driver.js';
export default defineScenario({ name: 'mine', title: 'a device of a user',
  devices: [{ name: 'board', model: ${model}, driver: new SmallDriver('small') }],
  workload: { outstanding: 4, maxMdls: 1 } });
`,
    );
    return path;
  }

  for (const device of deaths) {
    it(`${device}: exit 1, one L-ENGINE-LOST with the registers, what was done until then, and the process ends`, async () => {
      const path = moduleWith(device);
      const ended = await dmalab(['run', path, '--requests', '100000', '--seed', '3', '--json'], folder);
      expect(ended.code, ended.stderr).to.equal(1);
      const report = jsonOf(ended) as unknown as LostRun;
      expect([report.verdict, report.findings.map(({ rule }) => rule)]).to.deep.equal(['finding', ['L-ENGINE-LOST']]);
      const [finding] = report.findings;
      expect(finding!.message)
        .to.contain('the engine host of board is lost')
        .and.to.match(/registers/i);
      expect(finding!.replay).to.contain('dmalab').and.to.contain('--seed 3');
      expect(report.requests).to.be.within(0, 99_999);
    });
  }

  it('the same in words for people: the table of what was done, then the finding', async () => {
    const running = start(['run', moduleWith('exiting-device'), '--requests', '100000', '--seed', '3'], folder);
    const { code, stdout } = await running.ended;
    expect(code).to.equal(1);
    expect(stdout).to.contain('L-ENGINE-LOST').and.to.contain('requests');
  });
});
