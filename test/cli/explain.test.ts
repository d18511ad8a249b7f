import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scheduleToken } from '../../src/explore/index.js';
import { sampleSchedule } from '../explore/sample-schedule.js';
import { explainReport, FakeLab } from './support/fake-lab.js';
import { invoke, jsonOf } from './support/invoke.js';

describe('dmalab explain', () => {
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'dmalab-cli-explain-'))));
  after(() => rmSync(directory, { recursive: true }));

  it('hands file or token to the laboratory and prints its report; the exit code is that of a finding', async () => {
    const path = join(directory, 'a.json');
    writeFileSync(path, JSON.stringify(sampleSchedule));
    for (const argument of [path, scheduleToken(sampleSchedule)!]) {
      const lab = new FakeLab();
      const outcome = await invoke(['explain', argument, '--json'], lab);
      expect(outcome.code).to.equal(1);
      expect(jsonOf(outcome)).to.deep.equal(explainReport);
      expect(lab.calls[0]).to.deep.include({ command: 'explain', schedule: sampleSchedule });
    }
    expect((await invoke(['explain', path], new FakeLab())).stdout).to.contain('<- inevitable');
  });

  it('bad input is a usage error', async () => {
    const broken = join(directory, 'b.json');
    writeFileSync(broken, '{');
    for (const argv of [
      ['explain'],
      ['explain', broken],
      ['explain', join(directory, 'none.json')],
      ['explain', 'dmalab1.!'],
      ['explain', broken, '--k'],
    ])
      expect((await invoke(argv, new FakeLab())).code, argv.join(' ')).to.equal(2);
  });
});
