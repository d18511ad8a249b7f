import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../src/nt/index.js';
import {
  cancelRace,
  decodeChoices,
  encodeChoices,
  explore,
  GuidedRun,
  isScheduleToken,
  measureChoices,
  ModelLoop,
  parseScheduleJson,
  parseScheduleToken,
  RandomWalk,
  replaySchedule,
  runsOf,
  scheduleToken,
  ShrinkBudget,
  shrinkChoices,
  shrinkFailure,
  shrinkSchedule,
  TOKEN_LENGTH_MAX,
  type Schedule,
} from '../../src/explore/index.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { LocksInOppositeOrder } from '../scenarios/faults/drivers.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';
import { sampleSchedule } from './sample-schedule.js';

const LIMITS = { replays: 2000, timeMs: 60_000 };

/** Choices of random walks that fail on the planted cancel race. */
function failingChoices(count: number): readonly (readonly number[])[] {
  const loop = new ModelLoop(cancelRace('planted'));
  const walk = new RandomWalk();
  const guide = new GuidedRun();
  const failing: (readonly number[])[] = [];
  for (let seed = 0; failing.length < count; seed++) {
    walk.newExecution(seed);
    guide.record(walk);
    if (loop.run(guide)) failing.push(guide.choices());
  }
  return failing;
}

describe('shrinking the choices of a model', function () {
  this.timeout(30_000);
  const loop = new ModelLoop(cancelRace('planted'));
  const trial = (strategy: Parameters<typeof loop.run>[0]): boolean => loop.run(strategy);

  it('every result still fails and is no worse; the median has at most two preemptions', () => {
    const preemptions: number[] = [];
    for (const choices of failingChoices(200)) {
      const original = measureChoices(choices, trial, new ShrinkBudget(LIMITS))!;
      const shrunk = shrinkChoices(choices, trial, new ShrinkBudget(LIMITS))!;
      expect(shrunk.preemptions).to.be.at.most(original.preemptions);
      expect(measureChoices(shrunk.choices, trial, new ShrinkBudget(LIMITS))).to.deep.equal(shrunk);
      preemptions.push(shrunk.preemptions);
    }
    preemptions.sort((a, b) => a - b);
    expect(preemptions[100]).to.be.at.most(2);
  });

  it('no schedule with fewer preemptions fails', () => {
    // Each taker must come between the other's read and write: one preemption is needed, none is not enough.
    const shrunk = shrinkChoices(failingChoices(1)[0]!, trial, new ShrinkBudget(LIMITS))!;
    const minimum = fewestPreemptionsOfAnyFailure();
    expect(shrunk.preemptions).to.equal(minimum);
    expect(minimum).to.be.greaterThan(0);
  });

  it('stays within its budget, and without one says that nothing failed', () => {
    const [choices] = failingChoices(1);
    for (const replays of [1, 2, 10, 50]) {
      const budget = new ShrinkBudget({ replays, timeMs: 60_000 });
      expect(shrinkChoices(choices!, trial, budget)).to.not.equal(null);
      expect(budget.replays).to.be.at.most(replays);
    }
    expect(shrinkChoices(choices!, trial, new ShrinkBudget({ replays: 0, timeMs: 60_000 }))).to.equal(null);
    expect(shrinkChoices(choices!, trial, new ShrinkBudget({ replays: 100, timeMs: -1 }))).to.equal(null);
  });

  it('a schedule that does not fail is not shrunk', () => {
    const fixed = new ModelLoop(cancelRace('fixed'));
    const result = shrinkChoices(failingChoices(1)[0]!, (strategy) => fixed.run(strategy), new ShrinkBudget(LIMITS));
    expect(result).to.equal(null);
  });

  it('runs are the choices in another form', () => {
    expect(runsOf([0, 0, 1, 2, 2, 2])).to.deep.equal([
      { strand: 0, length: 2 },
      { strand: 1, length: 1 },
      { strand: 2, length: 3 },
    ]);
    expect(runsOf([])).to.deep.equal([]);
  });

  function fewestPreemptionsOfAnyFailure(): number {
    const counts = failingChoices(2000).map((choices) => measureChoices(choices, trial, new ShrinkBudget(LIMITS))!.preemptions);
    return Math.min(...counts);
  }
});

describe('shrinking a finding', function () {
  this.timeout(40_000);
  let outDir: string;
  let scenario: Scenario;
  let report: ExploreReport;
  let schedule: Schedule;
  let full: Schedule;
  const readSchedule = (path: string): Schedule => parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path);

  before(async () => {
    outDir = mkdtempSync(join(tmpdir(), 'dmalab-shrink-'));
    scenario = scenarioOf(new LocksInOppositeOrder('opposite order'));
    report = await explore(scenario, {
      overrides: { seed: 21 },
      strategy: new RandomWalk(),
      schedules: 3000,
      outDir,
      scenarioReference: 'opposite',
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    const path = report.findings[0]!.schedule!;
    schedule = readSchedule(path);
    full = readSchedule(path.replace(/json$/, 'full.json'));
  });
  after(() => rmSync(outDir, { recursive: true }));

  function scenarioOf(driver: SmallDriver): Scenario {
    return defineScenario({
      name: 'opposite',
      title: 'a driver with one fault',
      devices: [{ name: 'board', model: 'sgring', driver }],
      workload: { applications: 1, maxMdls: 1 },
    });
  }

  it('explore writes the shrunk schedule, with fewer preemptions and requests, and the whole one beside it', () => {
    const { preemptions, requests, replays } = report.shrink!;
    expect(preemptions.after).to.be.lessThan(preemptions.before).and.at.most(2);
    expect(requests.after).to.be.lessThan(requests.before);
    expect(schedule.parameters['workload.requests']).to.equal(requests.after);
    expect(full.parameters['workload.requests']).to.equal(requests.before);
    expect(schedule.finding!.rule).to.equal('L-DEADLOCK').and.equal(full.finding!.rule);
    expect(replays).to.be.greaterThan(0);
    expect(schedule.choices.length).to.be.lessThan(full.choices.length);
  });

  it('both replay to their hashes and to the finding', async () => {
    for (const each of [schedule, full]) {
      const replayed = await replaySchedule(scenario, each, 'file', 'dmalab');
      expect([replayed.verdict, replayed.eventHash, replayed.memoryHash]).to.deep.equal(['finding', each.eventHash, each.memoryHash]);
      expect(replayed.findings[0]!.message).to.equal(each.finding!.message);
    }
  });

  it('the token is the file', () => {
    expect(report.token).to.be.a('string');
    expect(parseScheduleToken(report.token!)).to.deep.equal(schedule);
  });

  it('shrink of the whole one comes to the same schedule again', async () => {
    const out = join(outDir, 'again.json');
    const shrunk = await shrinkSchedule(scenario, full, 'full.json', out, 'dmalab');
    expect(shrunk).to.include({ verdict: 'finding', rule: 'L-DEADLOCK', schedule: out, token: report.token });
    expect(readSchedule(out)).to.deep.equal(schedule);
    expect(shrunk.shrink).to.deep.equal(report.shrink);
  });

  it('a driver that has been repaired: diverged, and nothing is written', async () => {
    const out = join(outDir, 'none.json');
    const shrunk = await shrinkSchedule(scenarioOf(new SmallDriver()), full, 'full.json', out, 'dmalab');
    expect(shrunk).to.deep.include({ verdict: 'diverged', schedule: null, shrink: null, findings: [] });
    expect(existsSync(out)).to.equal(false);
  });

  it('a schedule without a finding is a usage error', async () => {
    let thrown: unknown = null;
    await shrinkSchedule(scenario, { ...full, finding: null }, 'f', join(outDir, 'x.json'), 'dmalab').catch(
      (error: unknown) => (thrown = error),
    );
    expect(thrown).to.be.instanceOf(UsageError).and.include({ code: 'USAGE_NOTHING_TO_SHRINK' });
  });

  it('a rule that is not the one found is never accepted', () => {
    const choices = decodeChoices(full.choices, 'x');
    expect(shrinkFailure(scenario, { overrides: { seed: 21 }, choices, rule: 'C08' }, { replays: 50, timeMs: 60_000 })).to.equal(null);
  });
});

describe('schedule token', () => {
  it('round trip, and is one word of a shell', () => {
    const token = scheduleToken(sampleSchedule)!;
    expect(parseScheduleToken(token)).to.deep.equal(sampleSchedule);
    expect(token).to.match(/^[\w.-]+$/);
    expect(isScheduleToken(token)).to.equal(true);
    expect(isScheduleToken('dmalab-findings/a.json')).to.equal(false);
  });

  it('is left out when it would be too long to paste', () => {
    const choices = encodeChoices(Array.from({ length: 1500 }, (_, i) => i % 7));
    expect(scheduleToken({ ...sampleSchedule, choices })).to.equal(null);
    expect(scheduleToken(sampleSchedule)!.length).to.be.lessThan(TOKEN_LENGTH_MAX);
  });

  it('that was cut short or changed is a usage error', () => {
    const token = scheduleToken(sampleSchedule)!;
    for (const broken of [token.slice(0, -7), token.slice(0, 20), 'dmalab1.', `${token}*`, 'dmalab1.e30', 'dmalab1.bnVsbA']) {
      expect(() => parseScheduleToken(broken), broken)
        .to.throw(UsageError)
        .with.property('code', 'USAGE_BAD_SCHEDULE');
    }
  });
});
