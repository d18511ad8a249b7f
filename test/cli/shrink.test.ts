import { expect } from 'chai';
import { after, before, beforeEach, describe, it } from 'mocha';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { scheduleToken } from '../../src/explore/index.js';
import { createPaint, formatExploreReport, formatShrinkReport } from '../../src/report/index.js';
import { sampleSchedule } from '../explore/sample-schedule.js';
import { exploreReport, FakeLab, finding, shrinkReport } from './support/fake-lab.js';
import { invoke, jsonOf } from './support/invoke.js';

const plain = createPaint(false);

describe('dmalab shrink', () => {
  let directory: string;
  let lab: FakeLab;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'dmalab-cli-shrink-'))));
  after(() => rmSync(directory, { recursive: true }));
  beforeEach(() => (lab = new FakeLab()));

  const file = (name: string): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(sampleSchedule));
    return path;
  };

  it('hands the file on and prints one JSON object; a failing schedule is exit code 1', async () => {
    const path = file('a.full.json');
    const outcome = await invoke(['shrink', path, '--json'], lab);
    expect(outcome.code).to.equal(1);
    expect(jsonOf(outcome)).to.deep.equal(shrinkReport);
    expect(lab.calls[0]).to.deep.include({ command: 'shrink', schedule: sampleSchedule });
    expect(lab.calls[0]!.options).to.include({ file: path, out: join(directory, 'a.shrunk.json') });
  });

  it('writes beside the file, or where it is told to', async () => {
    await invoke(['shrink', file('b.json')], lab);
    await invoke(['shrink', file('b.json'), '--to', 'c.json'], lab);
    expect(lab.calls.map(({ options }) => (options as { out: string }).out)).to.deep.equal([join(directory, 'b.shrunk.json'), 'c.json']);
  });

  it('a token stands for its file, for shrink and for replay', async () => {
    const token = scheduleToken(sampleSchedule)!;
    await invoke(['shrink', token], lab);
    await invoke(['replay', token], lab);
    for (const call of lab.calls) expect(call).to.deep.include({ schedule: sampleSchedule });
    expect(lab.calls[0]!.options).to.include({ out: 'dmalab-schedule.shrunk.json' });
    // Whole, because the line to paste is made of it.
    expect(lab.calls[1]!.options).to.include({ file: token });
  });

  it('a token that is cut short, or a file that is not there, is wrong usage', async () => {
    for (const argument of [scheduleToken(sampleSchedule)!.slice(0, 100), join(directory, 'none.json')]) {
      for (const command of ['shrink', 'replay']) {
        const outcome = await invoke([command, argument, '--json'], lab);
        expect(outcome.code).to.equal(2);
        expect(jsonOf(outcome).error!.code).to.be.oneOf(['USAGE_BAD_SCHEDULE', 'USAGE_NO_SUCH_FILE']);
      }
    }
    expect(lab.calls).to.deep.equal([]);
  });
});

describe('reports of shrinking', () => {
  it('show what became of preemptions, choices and requests', () => {
    const text = formatShrinkReport(shrinkReport, plain);
    expect(text)
      .to.match(/preemptions +41 -> 2/)
      .and.match(/requests +4 -> 1/)
      .and.match(/choices +1,200 -> 300/);
    expect(text).to.contain('dmalab1.e30').and.contain('finding: 1 finding');
    const brief = formatShrinkReport(shrinkReport, plain, true);
    expect(brief).to.contain('A15').and.not.contain('41 -> 2').and.not.contain('dmalab1');
  });

  it('say that a schedule does not fail any more', () => {
    const gone = {
      ...shrinkReport,
      verdict: 'diverged',
      schedule: null,
      token: null,
      shrink: null,
      findings: [],
      findingsTotal: 0,
    } as const;
    expect(formatShrinkReport(gone, plain)).to.contain('does not break A15 any more').and.contain('diverged');
  });

  it('of a search that found something have the token and what was shrunk', () => {
    const found = {
      ...exploreReport,
      verdict: 'finding',
      findings: [finding],
      findingsTotal: 1,
      token: 'dmalab1.abc',
      shrink: shrinkReport.shrink,
    } as const;
    const text = formatExploreReport(found, plain);
    expect(text).to.match(
      /shrunk +preemptions 41 -> 2, deviations 60 -> 3, requests 4 -> 1, devices 2 -> 1, injected faults 3 -> 1; 256 replays/,
    );
    expect(text).to.contain('\ndmalab1.abc\n');
    expect(formatExploreReport(exploreReport, plain)).to.not.contain('shrunk').and.not.contain('token');
  });
});
