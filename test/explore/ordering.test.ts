import { expect } from 'chai';
import { describe, it } from 'mocha';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { runOnThreads } from '../../src/backends/index.js';
import { Dpor, Pos, RandomWalk, explore, parseScheduleJson, record, replaySchedule, shrinkSchedule } from '../../src/explore/index.js';
import { UsageError } from '../../src/nt/index.js';
import { ORDERINGS } from '../../src/machine/ordering.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { ExploreReport } from '../../src/machine/report.js';
import type { Scenario } from '../../src/machine/scenario.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { builtInScenarios, gallery } from '../../src/scenarios/index.js';

const ordered = gallery.filter(({ defect }) => (defect.machine.ordering ?? []).length > 0);
const builtIn = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;
const quiet = { signal: new AbortController().signal, onProgress: (): void => undefined };

describe('orders that are left to the schedule', function () {
  this.timeout(60_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-ordering-'))));
  after(() => rmSync(outDir, { recursive: true }));

  const search = (scenario: Scenario, overrides: Overrides, strategy: Strategy, schedules: number): Promise<ExploreReport> =>
    explore(scenario, { overrides, strategy, schedules, outDir, scenarioReference: scenario.name, program: 'dmalab', ...quiet });

  for (const { defect, expects } of ordered) {
    it(`${defect.name}: what is found replays alike, as found and shrunk, in lockstep with worker threads, too`, async () => {
      const report = await search(defect, { seed: 1 }, new Pos(), 10_000);
      expect(report.findings.map(({ rule }) => rule)[0]).to.equal(expects);
      expect(report.ordering).to.deep.equal(defect.machine.ordering);
      const file = report.findings[0]!.schedule!;
      const full = file.replace(/json$/, 'full.json');
      for (const path of [file, full]) {
        const schedule = parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path);
        for (const backend of ['controlled', 'lockstep'] as const) {
          const replayed = await replaySchedule(defect, schedule, path, 'dmalab', backend);
          expect([replayed.verdict, replayed.divergence, replayed.findings[0]?.rule]).to.deep.equal(['finding', null, expects]);
        }
      }
      const schedule = parseScheduleJson(JSON.parse(readFileSync(full, 'utf8')), full);
      const closed = { ...schedule, parameters: { ...schedule.parameters, 'machine.ordering': 'none' } };
      expect((await replaySchedule(defect, closed, full, 'dmalab')).verdict, 'without what it leaves open').to.equal('diverged');
    });
  }

  for (const name of ['plx9x5x-cancel', 'ring', 'pcidrv', 'amcc5933', 'systemdma']) {
    it(`${name} is clean with all of them, and each schedule is the same twice`, async () => {
      const overrides: Overrides = { seed: 3, machine: { ordering: ORDERINGS } };
      const report = await search(builtIn(name), overrides, new RandomWalk(), 40);
      expect([report.verdict, report.findings]).to.deep.equal(['ok', []]);
      expect([report.schedules, report.verifiedTwice, report.distinctHashes]).to.deep.equal([40, 40, 40]);
    });
  }

  it('a schedule shrinks with them, and explains itself by what was on its way', async () => {
    const { defect } = ordered.find(({ defect: { name } }) => name === 'nobody-to-ask')!;
    const report = await search(defect, { seed: 1 }, new Pos(), 10_000);
    expect(report.explanation).to.contain('data on its way from board arrived in memory');
    const full = report.findings[0]!.schedule!.replace(/json$/, 'full.json');
    const schedule = parseScheduleJson(JSON.parse(readFileSync(full, 'utf8')), full);
    const shrunk = await shrinkSchedule(defect, schedule, full, join(outDir, 'shrunk.json'), 'dmalab');
    expect([shrunk.verdict, shrunk.shrink!.preemptions.after]).to.deep.equal(['finding', 0]);
  });

  it('shrinking closes every order that the failure does not need', async () => {
    const { defect } = ordered.find(({ defect: { name } }) => name === 'nobody-to-ask')!;
    const report = await search(defect, { seed: 1, machine: { ordering: ORDERINGS } }, new Pos(), 10_000);
    const file = report.findings[0]!.schedule!;
    const orderingIn = (path: string): unknown =>
      parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path).parameters['machine.ordering'];
    expect(orderingIn(file.replace(/json$/, 'full.json'))).to.equal(ORDERINGS.join(','));
    expect(orderingIn(file)).to.equal('data-after-interrupt');
  });

  it('partial-order reduction takes what is on its way into account', async () => {
    const { defect, repaired } = ordered.find(({ defect: { name } }) => name === 'pause-not-read-back')!;
    const bounded = (): Dpor => new Dpor('dpor-bounded', { preemptions: 1, leaps: 0 });
    expect((await search(defect, { seed: 1 }, bounded(), 5000)).findings.map(({ rule }) => rule)).to.deep.equal(['A36']);
    expect((await search(repaired, { seed: 1 }, bounded(), 300)).verdict).to.equal('ok');
  });

  it('a machine that leaves nothing open has no strands for it', () => {
    const strands = (ordering: Overrides['machine']): readonly string[] =>
      new ControlledBackend(resolveParameters(builtIn('plx9x5x'), { seed: 1, machine: ordering ?? {} })).strandKinds;
    expect(strands({})).to.not.include('bus');
    expect(strands({ ordering: [] })).to.deep.equal(strands({}));
    for (const name of ['posted-writes', 'data-after-interrupt', 'delayed-write-back'] as const)
      expect(strands({ ordering: [name] })).to.include('bus');
    expect(strands({ ordering: ['torn-fields', 'pre-cancel', 'grant-from-dpc'] })).to.deep.equal(strands({}));
  });

  it('free-running threads have what the platform decides by itself', async () => {
    const overrides: Overrides = {
      seed: 1,
      machine: { ordering: ['torn-fields', 'pre-cancel', 'grant-from-dpc'], mapRegisters: 8 },
      workload: { requests: 400 },
    };
    const common = { durationSeconds: null, preempt: null, keepGoing: false, again: 'again', ...quiet };
    const report = await runOnThreads(builtIn('ring'), { overrides, ...common, blocking: true });
    expect([report.verdict, report.requests, report.findings]).to.deep.equal(['ok', 400, []]);
  });

  it('free-running and recorded threads refuse what nobody there can choose', async () => {
    const overrides: Overrides = { seed: 1, machine: { ordering: ORDERINGS }, workload: { requests: 1 } };
    const common = { overrides, durationSeconds: null, preempt: null, keepGoing: false, again: 'again', ...quiet };
    const ran = runOnThreads(builtIn('plx9x5x'), { ...common, blocking: true });
    const recorded = record(builtIn('plx9x5x'), {
      ...common,
      epochRequests: 1,
      keepRecording: false,
      outDir,
      scenarioReference: 'plx9x5x',
      program: 'dmalab',
    });
    for (const refused of [ran, recorded]) {
      const error: unknown = await refused.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(UsageError);
      expect((error as UsageError).code).to.equal('USAGE_BAD_ORDERING');
    }
  });
});
