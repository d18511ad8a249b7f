import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend } from '../../src/backends/controlled.js';
import type { Strategy } from '../../src/backends/strategy.js';
import type { Suspending } from '../../src/kernel/index.js';
import { NT_SUCCESS, UsageError } from '../../src/nt/index.js';
import {
  cancelRace,
  decodeChoices,
  encodeChoices,
  explore,
  flattenOverrides,
  isScheduleToken,
  measureChoices,
  ModelLoop,
  parseOverrides,
  parseScheduleJson,
  parseScheduleToken,
  Pos,
  RandomWalk,
  replaySchedule,
  runsOf,
  scheduleToken,
  ShrinkBudget,
  shrinkChoices,
  shrinkFailure,
  shrinkSchedule,
  TOKEN_LENGTH_MAX,
  type ExploreSettings,
  type Schedule,
  type ShrunkFailure,
} from '../../src/explore/index.js';
import { requireRepeatable, STEPS_MAX_TO_REPEAT } from '../../src/explore/failing-machine.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { defineScenario, type ScenarioDevice, type Scenario } from '../../src/machine/scenario.js';
import { gallery } from '../../src/scenarios/index.js';
import type { Device, DeviceInit, Request } from '../../src/wdf/index.js';
import { LocksInOppositeOrder } from '../scenarios/faults/drivers.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';
import { failingChoices } from '../gates/shrinking.js';
import { sampleSchedule } from './sample-schedule.js';

const LIMITS = { replays: 2000, timeMs: 60_000 };

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

  it('ends with its budget, also when there are tens of thousands of runs to leave out', function () {
    // Each candidate that is only built, not executed, costs as much as there are runs: going on to build them takes half a minute.
    this.timeout(8_000);
    const alternating = Array.from({ length: 60_000 }, (_, i) => i & 1);
    const [enabled, ops] = [Int32Array.of(0, 1), new Int32Array(2)];
    let executions = 0;
    const onlyTheFirst = (strategy: Strategy): boolean => {
      for (let i = 0, current = -1; i < alternating.length; i++) current = enabled[strategy.pick(enabled, 2, current, ops)]!;
      return ++executions === 1;
    };
    const shrunk = shrinkChoices(alternating, onlyTheFirst, new ShrinkBudget({ replays: 3, timeMs: 60_000 }))!;
    expect(shrunk.choices).to.deep.equal(alternating);
    expect(executions).to.equal(3);
  });

  it('a part of a budget is a share of what is left, and counts for the whole', () => {
    const budget = new ShrinkBudget({ replays: 10, timeMs: 60_000 });
    const take = (from: ShrinkBudget, times: number): boolean[] => Array.from({ length: times }, () => from.take());
    expect(take(budget.part(0.4), 5)).to.deep.equal([true, true, true, true, false]);
    expect(take(budget.part(0.5).part(0.34), 2)).to.deep.equal([true, false]);
    expect(take(budget, 6)).to.deep.equal([true, true, true, true, true, false]);
    expect(budget.replays).to.equal(10);
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
    report = await explore(scenario, settingsFor(new RandomWalk(), 21));
    const path = report.findings[0]!.schedule!;
    schedule = readSchedule(path);
    full = readSchedule(path.replace(/json$/, 'full.json'));
  });
  after(() => rmSync(outDir, { recursive: true }));

  function settingsFor(strategy: Strategy, seed: number): ExploreSettings {
    return {
      overrides: { seed },
      strategy,
      schedules: 3000,
      outDir,
      scenarioReference: 'opposite',
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    };
  }

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

  it('the token is the file but for the message', () => {
    expect(report.token).to.be.a('string');
    expect(parseScheduleToken(report.token!)).to.deep.equal({ ...schedule, finding: { rule: 'L-DEADLOCK', message: '' } });
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

  it('a finding of many switches comes to the one preemption that it needs', async () => {
    // Sampled: leaving out and joining runs ends at five, and the enumeration reaches no such schedule in time.
    const { defect } = gallery.find((entry) => entry.defect.name === 'lock-order')!;
    const { shrink } = await explore(defect, settingsFor(new Pos(), 2));
    expect(shrink!.preemptions.before).to.be.greaterThan(2);
    expect(shrink!.preemptions.after).to.equal(1);
  });

  it('an execution of 200,000 operations is shrunk and explained, with fewer of them; a longer one is a usage error', async () => {
    const { defect } = gallery.find((entry) => entry.defect.name === 'unplug-in-isr-loop')!;
    const watchdog = await explore(defect, settingsFor(new Pos(), 1));
    expect(watchdog.findings[0]!.rule).to.equal('L-DPC-WATCHDOG');
    expect(watchdog.shrink!.preemptions.after).to.be.at.most(1);
    expect(watchdog.shrink!.requests.after).to.equal(1);
    expect(watchdog.explanation).to.match(/^It became inevitable at step \d+/);
    expect(() => requireRepeatable(STEPS_MAX_TO_REPEAT, 'f')).not.to.throw();
    expect(() => requireRepeatable(STEPS_MAX_TO_REPEAT + 1, 'f'))
      .to.throw(UsageError, /takes 250001 operations/)
      .that.includes({ code: 'USAGE_TOO_LONG' });
  });

  it('a rule that is not the one found is never accepted', () => {
    const choices = decodeChoices(full.choices, 'x');
    expect(shrinkFailure(scenario, { overrides: { seed: 21 }, choices, rule: 'C08' }, { replays: 50, timeMs: 60_000 })).to.equal(null);
  });
});

/** Takes every error for the end of the world, but not before the third request. */
class GivesUpLate extends SmallDriver {
  #finished = 0;

  override *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<number> {
    this.#finished = 0;
    return yield* super.evtDriverDeviceAdd(deviceInit);
  }

  override *finish(device: Device, request: Request, status: number, bytes: number): Suspending<void> {
    this.#finished++;
    if (this.#finished >= 3 && !NT_SUCCESS(status)) throw new Error('an error too late');
    yield* super.finish(device, request, status, bytes);
  }
}

describe('shrinking the machine of a finding', function () {
  this.timeout(60_000);
  const limits = { replays: 3000, timeMs: 50_000 };

  /** The first schedule of a search that finds something. */
  function firstFailing(scenario: Scenario, overrides: Overrides): { readonly choices: readonly number[]; readonly rule: string } {
    const backend = new ControlledBackend(resolveParameters(scenario, overrides));
    const walk = new Pos();
    for (let seed = 0; seed < 500; seed++) {
      walk.newExecution(seed);
      const { findings, choices } = backend.execute(walk);
      if (findings.length > 0) return { choices: Array.from(choices), rule: findings[0]!.rule };
    }
    throw new Error('nothing was found');
  }

  const shrunkOf = (scenario: Scenario, overrides: Overrides): ShrunkFailure =>
    shrinkFailure(scenario, { overrides, ...firstFailing(scenario, overrides) }, limits)!;

  it('devices that have nothing to do with it are left out, and the rest fails alike', () => {
    const board = (name: string, driver: SmallDriver): ScenarioDevice => ({ name, model: 'sgring', driver });
    const scenario = defineScenario({
      name: 'three',
      title: 'one of three has a fault',
      devices: [
        board('first', new SmallDriver()),
        board('second', new SmallDriver()),
        board('third', new LocksInOppositeOrder('opposite')),
      ],
      workload: { requests: 6, outstanding: 2, applications: 1, maxMdls: 1 },
    });
    const { summary, overrides, execution } = shrunkOf(scenario, { seed: 3 });
    expect(summary.devices).to.deep.equal({ before: 3, after: 1 });
    expect(summary.requests.after).to.equal(2);
    expect(summary.preemptions.after).to.equal(1);
    expect(overrides.devices).to.deep.equal(['third']);
    expect(execution.findings[0]!.rule).to.equal('L-DEADLOCK');
    expect(parseOverrides(3, flattenOverrides(overrides), 'x')).to.deep.equal({ machine: {}, ...overrides });
  });

  it('faults that have nothing to do with it are left out: whole kinds, and single ones of those that stay', () => {
    const scenario = defineScenario({
      name: 'late',
      title: 'a driver that cannot bear an error',
      devices: [{ name: 'board', model: 'sgring', driver: new GivesUpLate() }],
      workload: { requests: 6, outstanding: 1, applications: 1, maxMdls: 1 },
    });
    const always = { numerator: 1, denominator: 1 };
    const faults = { 'error-completion': always, 'spurious-interrupt': always, 'short-map': always };
    const { summary, overrides, execution } = shrunkOf(scenario, { seed: 3, faults });
    expect(execution.findings[0]!.rule).to.equal('L-DRIVER-THREW');
    expect(summary.faults.before).to.be.greaterThan(3);
    expect(summary.faults.after).to.equal(1);
    expect(Object.keys(overrides.faults!)).to.deep.equal(['error-completion']);
    // The errors of the first two requests do not happen, the third one does.
    expect(overrides.faultsLeftOut).to.deep.equal({ board: 0b11 });
    // A second time, with one of them put back: those that are left out count among those that were drawn.
    const again = shrunkOf(scenario, { ...overrides, faultsLeftOut: { board: 0b01 } });
    expect(again.overrides.faultsLeftOut).to.deep.equal({ board: 0b11 });
    expect(parseOverrides(3, flattenOverrides(overrides), 'x')).to.deep.equal({ machine: {}, ...overrides });
  });

  it('a machine that a schedule file names must be there', () => {
    const scenario = defineScenario({
      name: 'one',
      title: 'one',
      devices: [{ name: 'board', model: 'sgring', driver: new SmallDriver() }],
    });
    for (const devices of [['other'], []])
      expect(() => resolveParameters(scenario, { seed: 1, devices }))
        .to.throw(UsageError, /device/)
        .with.property('code', 'USAGE_PARAMETER');
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

  it('names the rule of the finding without its message, which may be long', () => {
    const finding = { rule: 'C11', message: 'INTCSR 0x00000000 '.repeat(60) };
    const token = scheduleToken({ ...sampleSchedule, finding })!;
    expect(token.length).to.be.lessThan(scheduleToken(sampleSchedule)!.length + 60);
    expect(parseScheduleToken(token)).to.deep.equal({ ...sampleSchedule, finding: { rule: 'C11', message: '' } });
    expect(finding.message).to.have.length(18 * 60);
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
