import { expect } from 'chai';
import { describe, it } from 'mocha';
import { BenchUsageError, fullEffort, parseOptions, quickEffort, suiteNames } from '../../bench/options.js';
import { reportMarkdown, reportOf, reportText, shortNumber } from '../../bench/report.js';
import type { Row } from '../../bench/results.js';

describe('bench: options', () => {
  it('runs everything unless told otherwise', () => {
    expect(parseOptions([])).to.deep.equal({ suites: suiteNames, effort: fullEffort, quick: false, format: 'text' });
  });

  it('takes --quick, --json and a list of suites in any case', () => {
    expect(parseOptions(['--quick', '--json', '--only', 's3, S1'])).to.deep.equal({
      suites: ['S3', 'S1'],
      effort: quickEffort,
      quick: true,
      format: 'json',
    });
  });

  it('explains itself', () => {
    expect(parseOptions(['--help'])).to.equal('help');
  });

  it('counts at least five rounds, as the goals ask for', () => {
    expect(fullEffort.rounds).to.be.at.least(5);
    expect(quickEffort.rounds).to.be.at.least(5);
  });

  for (const args of [['--fast'], ['--only', 'S99'], ['--only', ''], ['S1'], ['--only'], ['--json', '--markdown']]) {
    it(`refuses ${args.join(' ') || 'nothing'}`, () => {
      expect(() => parseOptions(args)).to.throw(BenchUsageError);
    });
  }
});

describe('bench: report', () => {
  const row: Row = {
    ...{
      suite: 'S3',
      workload: 'ring 64 B',
      subject: 'KMDF road',
      peer: 'postMessage',
      kind: 'gain',
      ratio: 41.24,
      ratioMin: 38,
      ratioMax: 44,
    },
    ...{ goal: { atLeast: 40 }, met: true, subjectNs: 70, peerNs: 2900 },
  };
  const result = { suite: 'S3', rows: [row], figures: [], skipped: ['no compiler'], seconds: 2 } as const;
  const report = reportOf({ suites: ['S3'], effort: quickEffort, quick: true, format: 'text' }, [result], 0.25);

  it('keeps rows as they are, names the suite of what was skipped, adds up the time', () => {
    expect(report).to.deep.include({ rows: [row], skipped: ['S3: no compiler'], seconds: 2, quick: true, rounds: quickEffort.rounds });
    expect(report.machine).to.include({ node: process.versions.node, loadAverage: 0.25 });
  });

  it('prints ratio, goal and verdict in one line and what was left out below', () => {
    const text = reportText(report).replace(/\u001b\[\d+m/g, '');
    expect(text).to.match(/KMDF road\s+│ postMessage\s+│\s+41\.2x faster\s+│\s+38\.0\.\.44\.0\s+│\s+>= 40x\s+│ met/);
    expect(text).to.contain('not measured: S3: no compiler');
  });

  it('prints the same as Markdown, one line a row', () => {
    const lines = reportMarkdown(report).split('\n');
    expect(lines).to.include('| S3 | ring 64 B | KMDF road | postMessage | 41.2x faster | 38.0..44.0 | >= 40x | met | 70.0 | 2900 |');
    expect(lines.at(-1)).to.equal('- not measured: S3: no compiler');
  });

  it('rounds to three figures that count', () => {
    expect([0, 0.1234, 1.234, 12.34, 123.4, 1234.5].map(shortNumber)).to.deep.equal(['0', '0.123', '1.23', '12.3', '123', '1235']);
  });
});
