import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseScheduleJson, record, replaySchedule, type RecordSettings, type Schedule } from '../../src/explore/index.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { createPaint, formatRunReport } from '../../src/report/index.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import * as faulty from '../scenarios/faults/drivers.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';

const builtIn = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;
const deviceUrl = (name: string): string => new URL(`../scenarios/faults/${name}.js`, import.meta.url).href;

const small = (driver: SmallDriver, model = 'sgring'): Scenario =>
  defineScenario({
    name: 'small',
    title: 'a small driver',
    devices: [{ name: 'board', model, driver }],
    workload: { requests: 20, outstanding: 4, maxMdls: 1 },
  });

const read = (path: string): Schedule => parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path);

describe('run --record', function () {
  this.timeout(60_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-record-'))));
  after(() => rmSync(outDir, { recursive: true }));

  const settings = (requests: number, more: Partial<RecordSettings> = {}): RecordSettings => ({
    overrides: { seed: 5, workload: { requests } },
    epochRequests: 8,
    durationSeconds: null,
    preempt: null,
    keepGoing: false,
    keepRecording: false,
    outDir,
    scenarioReference: 'small',
    program: 'dmalab',
    again: 'dmalab run again',
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  });

  it('completes exactly the requests asked for, epoch by epoch, every byte compared; nothing is written unasked', async () => {
    const report = await record(builtIn('demo'), settings(61));
    expect(report).to.deep.include({ verdict: 'ok', requests: 61, findings: [] });
    expect(report.bytesVerified).to.equal(report.bytes).and.greaterThan(0);
    expect(report.recording).to.deep.include({ epochs: 8, epochRequests: 8, exact: true, schedule: null });
    expect(report.recording!.operations).to.be.greaterThan(1000);
    expect(report.engines.reduce((sum, { steps }) => sum + steps, 0)).to.be.greaterThan(100);
    expect(readdirSync(outDir)).to.deep.equal([]);
  });

  it('--keep-recording: the last execution is a file that replays on both backends', async () => {
    const report = await record(builtIn('ring'), settings(24, { keepRecording: true, scenarioReference: 'ring' }));
    const file = report.recording!.schedule!;
    const schedule = read(file);
    expect(schedule).to.deep.include({ scenario: 'ring', strategy: 'recorded', finding: null, seed: 5 });
    for (const backend of ['controlled', 'lockstep'] as const) {
      const replayed = await replaySchedule(builtIn('ring'), schedule, file, 'dmalab', backend);
      expect(replayed).to.deep.include({ verdict: 'ok', divergence: null, memoryHash: schedule.memoryHash, eventHash: schedule.eventHash });
    }
  });

  it('a finding on threads ends the run with a shrunk schedule that fails alike on both backends; the recorded one stands beside it', async () => {
    const scenario = small(new faulty.LocksInOppositeOrder('opposite order'));
    const report = await record(scenario, settings(20_000, { preempt: { numerator: 1, denominator: 4 } }));
    expect([report.verdict, report.findingsTotal]).to.deep.equal(['finding', 1]);
    const [finding] = report.findings;
    expect(finding!.rule).to.equal('L-DEADLOCK');
    expect(finding!.replay).to.equal(`dmalab replay ${finding!.schedule}`);
    expect(report.recording).to.deep.include({ exact: true, schedule: finding!.schedule });
    const { shrink, explanation } = finding!;
    expect(shrink!.preemptions.after).to.be.at.most(shrink!.preemptions.before);
    expect(shrink!.requests).to.deep.include({ before: 8 });
    expect(explanation).to.contain('inevitable');
    const full = read(finding!.schedule!.replace(/json$/, 'full.json'));
    expect([full.strategy, full.parameters['workload.requests']]).to.deep.equal(['recorded', 8]);
    for (const schedule of [read(finding!.schedule!), full]) {
      for (const backend of ['controlled', 'lockstep'] as const) {
        const replayed = await replaySchedule(scenario, schedule, finding!.schedule!, 'dmalab', backend);
        expect([replayed.verdict, replayed.divergence, replayed.memoryHash]).to.deep.equal(['finding', null, schedule.memoryHash]);
        expect(replayed.findings[0]!.rule).to.equal('L-DEADLOCK');
        if (schedule !== full) expect(replayed.findings.map(({ message }) => message)).to.deep.equal([finding!.message]);
      }
    }
    expect(formatRunReport(report, createPaint(false)))
      .to.match(/shrunk +preemptions \d+/)
      .and.contain(explanation!);
  });

  it('of several executions with findings the first of each rule is shrunk; whatever else one found has the schedule as recorded', async () => {
    const scenario = small(new faulty.ReportsShort('short'));
    const report = await record(scenario, settings(16));
    expect([report.findings.length, report.findingsTotal]).to.deep.equal([16, 16]);
    const [first, ...others] = report.findings;
    expect(first!.shrink!.requests).to.deep.equal({ before: 8, after: 1 });
    expect(others.every(({ shrink, token }) => shrink === undefined && token === undefined)).to.equal(true);
    const full = first!.schedule!.replace(/json$/, 'full.json');
    expect(others.slice(0, 7).map(({ schedule }) => schedule)).to.deep.equal(Array<string>(7).fill(full));
    for (const finding of report.findings) {
      expect(finding.replay).to.equal(`dmalab replay ${finding.schedule}`);
      const replayed = await replaySchedule(scenario, read(finding.schedule!), finding.schedule!, 'dmalab');
      expect(replayed.divergence).to.equal(null);
      expect(replayed.findings.map(({ message }) => message)).to.include(finding.message);
    }
    expect(existsSync(full)).to.equal(true);
  });

  it('--keep-going boots another machine with another seed after a crash', async () => {
    const scenario = small(new faulty.PointsPastMapping('past'));
    const report = await record(scenario, settings(40, { keepGoing: true }));
    expect(report.findingsTotal).to.be.greaterThan(1);
    const seeds = new Set(report.findings.map(({ schedule }) => read(schedule!).seed));
    expect(seeds.size).to.equal(report.findings.length);
  });

  it('code that draws lots: the kept recording does not happen again, L-NONDETERMINISM, and there is no file', async () => {
    const report = await record(small(new faulty.ThrowsDice('dice')), settings(64, { epochRequests: 64, keepRecording: true }));
    expect(report.findings.map(({ rule }) => rule)).to.deep.equal(['L-NONDETERMINISM']);
    expect(report.recording).to.deep.include({ exact: false, schedule: null });
  });

  it('a lost engine: L-ENGINE-LOST without a schedule, not exact', async () => {
    const report = await record(small(new SmallDriver(), deviceUrl('throwing-device')), settings(200, { epochRequests: 40 }));
    expect(report.findings.map(({ rule, schedule }) => [rule, schedule])).to.deep.equal([['L-ENGINE-LOST', null]]);
    expect(report.findings[0]!.replay).to.equal('dmalab run again');
    expect(report.recording).to.deep.include({ exact: false, schedule: null });
  });

  it('ends at its duration, and when it is interrupted', async () => {
    const timed = await record(builtIn('ring'), settings(Infinity, { durationSeconds: 0.3 }));
    expect(timed.verdict).to.equal('ok');
    expect(timed.recording!.epochs).to.be.greaterThan(0);
    const abort = new AbortController();
    const aborted = await record(builtIn('ring'), settings(Infinity, { signal: abort.signal, onProgress: () => abort.abort() }));
    expect(aborted.verdict).to.equal('interrupted');
    expect(aborted.bytesVerified).to.equal(aborted.bytes);
  });
});
