import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend } from '../../src/backends/index.js';
import { parseScheduleJson, replaySchedule, sweep, SweepStrategy } from '../../src/explore/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import type { Scenario } from '../../src/machine/scenario.js';
import type { OutsideEvent, SweepCounts, SweepReport } from '../../src/machine/sweep-report.js';
import { createPaint, formatSweepReport } from '../../src/report/index.js';
import { builtInScenarios, gallery } from '../../src/scenarios/index.js';

const sample = (name: string): Scenario => builtInScenarios.find((scenario) => scenario.name === name)!;

describe('a sweep', function () {
  this.timeout(60_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-sweep-'))));
  after(() => rmSync(outDir, { recursive: true }));

  const run = (scenario: Scenario, event: OutsideEvent, orders = 0): Promise<SweepReport> =>
    sweep(scenario, {
      overrides: { seed: 1 },
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
    const replayed = await replaySchedule(scenario, parseScheduleJson(JSON.parse(readFileSync(file, 'utf8')), file), file, 'dmalab');
    expect(replayed.verdict).to.equal('finding');
    expect(replayed.findings[0]!.rule).to.equal('D46');
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
