import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend } from '../../src/backends/index.js';
import { parseScheduleJson, replaySchedule, sweep, SweepStrategy, type Schedule } from '../../src/explore/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import type { OutsideEvent, SweepCounts, SweepReport } from '../../src/machine/sweep-report.js';
import { createPaint, formatSweepReport } from '../../src/report/index.js';
import { builtInScenarios, gallery } from '../../src/scenarios/index.js';
import { CompletesTwice } from '../scenarios/faults/drivers.js';
import { smallContext } from '../scenarios/faults/small-driver.js';

const sample = (name: string): Scenario => builtInScenarios.find((scenario) => scenario.name === name)!;
const defect = (name: string): Scenario => gallery.find((pair) => pair.defect.name === name)!.defect;
const read = (path: string): Schedule => parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path);

describe('a sweep', function () {
  this.timeout(60_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-sweep-'))));
  after(() => rmSync(outDir, { recursive: true }));

  const run = (scenario: Scenario, event: OutsideEvent, orders = 0, more: Partial<Overrides> = {}): Promise<SweepReport> =>
    sweep(scenario, {
      overrides: { seed: 1, ...more },
      event,
      requests: 1,
      orders,
      outDir,
      scenarioReference: scenario.name,
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
  const sumOf = (report: SweepReport, what: keyof SweepCounts): number =>
    report.series.flatMap(({ byWindow }) => Object.values(byWindow)).reduce((sum, counts) => sum + counts[what], 0);

  for (const event of ['cancel', 'unplug', 'power-down'] as const) {
    it(`${event} before each operation of a request: plx9x5x-cancel ends cleanly each time, and every execution is counted once`, async () => {
      const report = await run(sample('plx9x5x-cancel'), event);
      expect(report).to.include({ verdict: 'ok', findingsTotal: 0, event });
      expect(report.series.map(({ direction, order }) => `${direction} ${order}`)).to.deep.equal(['read straight', 'write straight']);
      const { total } = report;
      for (const what of ['executions', 'completed', 'cancelled', 'failed', 'finding'] as const)
        expect(sumOf(report, what)).to.equal(total[what]);
      expect(total.completed + total.cancelled + total.failed).to.equal(total.executions);
      expect(report.series.reduce((sum, { operations }) => sum + operations, 0)).to.equal(total.executions);
      expect(total.executions).to.be.greaterThan(100);
      expect(event === 'power-down' ? total.completed : event === 'cancel' ? total.cancelled : total.failed).to.be.greaterThan(100);
      for (const { byWindow } of report.series) expect(Object.keys(byWindow)).to.include.members(['queued', 'C', 'E', 'F', 'G', 'H']);
    });
  }

  it('takes seeded orders as well, and says the same twice', async () => {
    const report = await run(sample('plx9x5x-cancel'), 'cancel', 1);
    expect(report.series.map(({ order }) => order)).to.deep.equal(['straight', 'random 1', 'straight', 'random 1']);
    expect(await run(sample('plx9x5x-cancel'), 'cancel', 1)).to.deep.equal(report);
    expect(formatSweepReport(report, createPaint(false))).to.match(/read +random 1 +F +\d+/);
  });

  it('finds a driver that cannot do without its hardware, before some operations and not before others; the schedule replays', async () => {
    const scenario = gallery.find(({ defect }) => defect.name === 'cancel-against-dpc')!.repaired;
    const report = await run(scenario, 'unplug');
    expect(report.verdict).to.equal('finding');
    expect(report.total.finding).to.be.within(1, report.total.executions - 1);
    const [finding] = report.findings;
    expect(finding!.rule).to.equal('D46');
    expect(finding!.message).to.match(/^unplug before operation \d+ of the request: /);
    const file = finding!.schedule!;
    expect(finding!.replay).to.equal(`dmalab replay ${file}`);
    const replayed = await replaySchedule(scenario, read(file), file, 'dmalab');
    expect(replayed.verdict).to.equal('finding');
    expect(replayed.findings[0]!.rule).to.equal('D46');
  });

  for (const [name, rule] of [
    ['cancel-left-to-dpc', 'L-QUIESCENCE'],
    ['mark-after-execute', 'C11'],
    ['unmark-after-last-part', 'C09'],
  ] as const) {
    it(`${name}: ${rule} comes with a shrunk schedule that replays on both backends, and says why; the full one stands beside it`, async () => {
      const scenario = defect(name);
      const report = await run(scenario, 'cancel');
      expect(report.findings.map((finding) => finding.rule)).to.deep.equal([rule]);
      const { schedule, message, shrink, explanation } = report.findings[0]!;
      expect(shrink!.preemptions.after).to.be.at.most(shrink!.preemptions.before);
      expect(explanation).to.match(/inevitable|Every order/);
      for (const file of [schedule!, schedule!.replace(/json$/, 'full.json')]) {
        for (const backend of ['controlled', 'lockstep'] as const) {
          const replayed = await replaySchedule(scenario, read(file), file, 'dmalab', backend);
          expect([replayed.verdict, replayed.divergence, replayed.findings[0]!.rule]).to.deep.equal(['finding', null, rule]);
          if (file === schedule) expect(message).to.equal(`${message.split(': ')[0]}: ${replayed.findings[0]!.message}`);
        }
      }
      const text = formatSweepReport(report, createPaint(false));
      expect(text).to.match(/shrunk +preemptions \d+/);
      expect(text).to.contain(explanation!);
    });
  }

  it('looks for data races and bounds its executions when asked to; the schedules carry it', async () => {
    const scenario = defect('stop-without-lock');
    expect((await run(scenario, 'cancel')).findings).to.deep.equal([]);
    const races = await run(scenario, 'cancel', 0, { races: true });
    const bounded = await run(scenario, 'cancel', 0, { stepsMax: 40 });
    expect([races.races, bounded.races]).to.deep.equal([true, false]);
    const [race] = races.findings;
    expect(race!.rule).to.equal('L-DATA-RACE');
    expect(read(race!.schedule!).parameters['races']).to.equal(true);
    const [endless] = bounded.findings;
    expect(endless!.rule).to.equal('L-STEP-BOUND');
    expect(endless!.message).to.contain('40 operations');
    for (const { schedule } of [race!, endless!]) {
      const replayed = await replaySchedule(scenario, read(schedule!), schedule!, 'dmalab');
      expect([replayed.verdict, replayed.divergence]).to.deep.equal(['finding', null]);
    }
  });

  it('what the machine finds before the event could come is told as well', async () => {
    class GivesUp extends CompletesTwice {
      override *evtIo(): ReturnType<CompletesTwice['evtIo']> {
        throw new Error('gave up');
      }
    }
    const scenario = defineScenario({ name: 'up', title: 'up', devices: [{ name: 'board', model: 'sgring', driver: new GivesUp() }] });
    const report = await run(scenario, 'unplug');
    expect(report.findings.map(({ rule }) => rule)).to.deep.equal(['L-DRIVER-THREW']);
    expect(report.findings[0]!.message).to.match(/^no unplug before any operation of the request: .*gave up/);
  });

  it('what does not come to the same twice is L-NONDETERMINISM, and nothing is shrunk', async () => {
    let requests = 0;
    class EveryOtherTime extends CompletesTwice {
      override *evtIo(...[device, request]: Parameters<CompletesTwice['evtIo']>): ReturnType<CompletesTwice['evtIo']> {
        if (requests++ % 2 === 0) yield* smallContext(device).registers.read32(0);
        yield* super.evtIo(device, request);
      }
    }
    const driver = new EveryOtherTime();
    const report = await run(
      defineScenario({ name: 'odd', title: 'odd', devices: [{ name: 'board', model: 'sgring', driver }] }),
      'unplug',
    );
    expect(report.findings.map(({ rule, shrink, explanation }) => [rule, shrink, explanation])).to.deep.equal([
      ['L-NONDETERMINISM', null, null],
    ]);
    expect(existsSync(report.findings[0]!.schedule!)).to.equal(true);
    expect(existsSync(report.findings[0]!.schedule!.replace(/json$/, 'full.json'))).to.equal(false);
  });

  it('time passes beside a looped transfer, which would go round for ever', () => {
    const loop = sample('systemdma-loop');
    const workload = { requests: 1, outstanding: 1, readsPercent: 100, minBytes: 8192, maxBytes: 8192, powerCyclesPerMillion: 1_000_000 };
    const backend = new ControlledBackend(resolveParameters(loop, { seed: 1, workload }));
    const strategy = new SweepStrategy(backend, null);
    for (const operation of [1, 12, 300]) {
      strategy.begin(operation);
      const { findings, requests, steps } = backend.execute(strategy, false);
      expect([findings, requests, strategy.hasHappened]).to.deep.equal([[], 1, true]);
      expect(steps).to.be.lessThan(10_000);
    }
  });
});
