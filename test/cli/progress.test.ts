import { expect } from 'chai';
import fc from 'fast-check';
import { createProgress, exploreState, runState } from '../../src/cli/progress.js';
import type { RunProgress } from '../../src/cli/lab.js';
import { FakeLab, runReport } from './support/fake-lab.js';
import { invoke, TestIo } from './support/invoke.js';

const at = (seconds: number, requests = seconds * 1000): RunProgress => ({
  requests,
  target: 10_000,
  seconds,
  durationSeconds: null,
  bytes: requests * 4096,
  findings: 0,
});

function shown(io: TestIo, quiet: boolean, moments: readonly number[]): string {
  const view = createProgress(io, quiet);
  for (const seconds of moments) view.update(runState(at(seconds)));
  view.stop();
  return io.stderr.text;
}

describe('progress', () => {
  it('says nothing in a run of under a second', () => {
    expect(shown(new TestIo({}, true), false, [0.1, 0.5, 0.99])).to.equal('');
    expect(shown(new TestIo({}, false), false, [0.1, 0.5, 0.99])).to.equal('');
  });

  it('is a plain line every three seconds where there is no terminal', () => {
    const lines = shown(new TestIo(), false, [0.5, 1, 2, 3, 3.1, 5.9, 6, 7, 9.5]).split('\n');
    expect(lines).to.deep.equal([
      'dmalab: 3.00 s: 30 %, 3,000 of 10,000 requests, 1,000/s, 11.7 MiB',
      'dmalab: 6.00 s: 60 %, 6,000 of 10,000 requests, 1,000/s, 23.4 MiB',
      'dmalab: 9.50 s: 95 %, 9,500 of 10,000 requests, 1,000/s, 37.1 MiB',
      '',
    ]);
  });

  it('is a bar on a terminal, and gone when it stops', () => {
    const text = shown(new TestIo({}, true), false, [1, 2]);
    expect(text).to.contain('1,000 of 10,000 requests').and.match(/10 %/);
    expect(text.lastIndexOf('\u001b[0K')).to.be.greaterThan(text.lastIndexOf('requests'));
  });

  it('is a plain line in CI and on a dumb terminal, and nothing when quiet', () => {
    expect(shown(new TestIo({ CI: 'true' }, true), false, [1, 3])).to.match(/^dmalab: 3\.00 s: .*\n$/);
    expect(shown(new TestIo({ TERM: 'dumb' }, true), false, [1, 3])).to.match(/^dmalab: 3\.00 s: .*\n$/);
    expect(shown(new TestIo({}, true), true, [1, 3])).to.equal('');
  });

  it('is as far as the nearer of two bounds', () => {
    expect(runState({ ...at(5), durationSeconds: 50 }).fraction).to.equal(0.5);
    expect(runState({ ...at(5), target: 1_000_000, durationSeconds: 10 }).fraction).to.equal(0.5);
    expect(runState({ ...at(5), target: null }).fraction).to.equal(null);
    expect(runState({ ...at(5), target: Infinity, durationSeconds: 10 })).to.include({ fraction: 0.5 });
    expect(runState({ ...at(5), target: Infinity, durationSeconds: 10 }).text).to.match(/^5,000 requests/);
  });

  it('never leaves 0 to 1', () => {
    const progress = fc.record({
      requests: fc.nat(),
      target: fc.option(fc.nat()),
      seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
      durationSeconds: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })),
      bytes: fc.nat(),
      findings: fc.nat(),
    });
    fc.assert(fc.property(progress, (p) => (runState(p).fraction ?? 0) >= 0 && (runState(p).fraction ?? 0) <= 1));
  });

  it('counts schedules and findings of a search', () => {
    const state = exploreState({ schedules: 500, target: 1000, seconds: 2, durationSeconds: null, findings: 2 });
    expect(state).to.deep.equal({ seconds: 2, fraction: 0.5, text: '500 of 1,000 schedules, 250/s, 2 findings' });
  });

  it('goes to stderr and leaves stdout to the results', async () => {
    const lab = new FakeLab();
    lab.onRun = (hooks) => {
      for (let seconds = 0; seconds < 10; seconds++) hooks.onProgress(at(seconds));
      return Promise.resolve(runReport);
    };
    const { stdout, stderr } = await invoke('run demo --json', lab);
    expect(stderr.match(/^dmalab: .* requests/gm)).to.have.length(3);
    expect(JSON.parse(stdout)).to.deep.equal(runReport);
    expect((await invoke('run demo --quiet', lab)).stderr).to.equal('');
  });

  it('stops when the run is interrupted', async () => {
    const lab = new FakeLab();
    const io = new TestIo();
    lab.onRun = (hooks) => {
      io.interrupt();
      hooks.onProgress(at(9));
      return Promise.resolve({ ...runReport, verdict: 'interrupted' });
    };
    expect((await invoke('run demo', lab, io)).stderr).not.to.contain('requests');
  });
});
