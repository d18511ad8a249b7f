import { expect } from 'chai';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomWalk, explore, parseScheduleJson, replaySchedule } from '../../src/explore/index.js';
import { WaitHistogram, contentionOf, fairnessOf, waitForGraph } from '../../src/hal/index.js';
import { defineScenario, type MachineConfig, type Scenario } from '../../src/machine/scenario.js';
import type { DriverConfig } from '../../src/wdf/driver.js';
import {
  bulkReservedDriver,
  bulkWaitingDriver,
  quickDriver,
  stripeHoldingDriver,
  stripeImmediateDriver,
} from '../../src/scenarios/samples/reserve-contention-driver.js';
import { contenders, reserveContention } from '../../src/scenarios/samples/reserve-contention.js';
import { reserveScenes } from '../../src/scenarios/index.js';
import { controlled, onThreads, rulesOf, type Outcome } from '../backends/runs.js';

const STARVATION_GRANTS = 40;

/** Two boards that stripe; six map registers are exactly what one of them takes. */
function stripes(driver: DriverConfig, machine: Partial<MachineConfig> = {}): Scenario {
  const device = { model: 'plx9656', driver, workload: contenders.stripe };
  return defineScenario({
    name: 'two-holders',
    title: 'two devices that stripe each request over two reservations',
    devices: [
      { name: 'stripe-a', ...device },
      { name: 'stripe-b', ...device },
    ],
    workload: { requests: 40 },
    machine: { mapRegisters: 6, addressing: 'iommu', ...machine },
  });
}

/** A large request (17 map registers) among four boards with small ones (2 each) that are slow to move them. */
function crowd(driver: DriverConfig): Scenario {
  return defineScenario({
    name: 'large-among-small',
    title: 'large requests and small ones in one pool',
    devices: [
      { name: 'bulk', model: 'plx9656', driver, workload: contenders.bulk },
      ...Array.from({ length: 4 }, (_, i) => ({
        name: `quick-${i}`,
        model: 'plx9656',
        params: { burstBytes: 16 },
        driver: quickDriver,
        workload: { ...contenders.quick, minBytes: 4096 },
      })),
    ],
    workload: { requests: 200 },
    machine: { mapRegisters: 20, addressing: 'iommu', starvationGrants: STARVATION_GRANTS },
  });
}

function exploreSettings(outDir: string, schedules: number): Parameters<typeof explore>[1] {
  return {
    overrides: { seed: 5 },
    strategy: new RandomWalk(),
    schedules,
    outDir,
    scenarioReference: 'two-holders',
    program: 'dmalab',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
}

const clean = (outcome: Outcome, requests: number): void => {
  expect(outcome.findings).to.deep.equal([]);
  expect([outcome.requests, outcome.bytesVerified]).to.deep.equal([requests, outcome.bytes]);
};

describe('reserve-contention, the repaired scenario', function () {
  this.timeout(30_000);

  for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
    it(`is clean on threads and under control, memory seen ${addressing}`, async () => {
      const overrides = { seed: 3, machine: { addressing }, workload: { requests: 200 } };
      clean(await onThreads(reserveContention, overrides, { preempt: { numerator: 1, denominator: 20 } }), 200);
      clean(await controlled(reserveContention, overrides), 200);
    });
  }

  it('survives D3 and back, and being pulled out, while its transactions hold, wait and run', async () => {
    const report = await onThreads(reserveContention, {
      seed: 3,
      workload: { requests: 2000, cancelPerMillion: 50_000, powerCyclesPerMillion: 10_000 },
    });
    expect([report.findings, report.requests, report.powerCycles > 1]).to.deep.equal([[], 2000, true]);
    let unplugs = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const outcome = await controlled(reserveContention, {
        seed,
        workload: { requests: 12, cancelPerMillion: 300_000, powerCyclesPerMillion: 200_000, unplugPerMillion: 200_000 },
      });
      expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
      for (const { power } of outcome.backend.machine.devices) if (power?.isGone === true) unplugs++;
    }
    expect(unplugs).to.be.greaterThan(20);
  });
});

describe('the two scenes that the list shows', function () {
  this.timeout(30_000);
  for (const { defect, repaired, expects } of reserveScenes) {
    it(`${defect.name} gives ${expects}, its repaired form nothing`, async () => {
      const found = new Set<string>();
      for (let seed = 1; seed <= 30 && found.size === 0; seed++)
        for (const rule of rulesOf(await controlled(defect, { seed, workload: { requests: 120 } }))) found.add(rule);
      expect([...found]).to.deep.equal([expects]);
      for (let seed = 1; seed <= 3; seed++) clean(await controlled(repaired, { seed, workload: { requests: 120 } }), 120);
      clean(await onThreads(repaired, { seed: 2, workload: { requests: 400 } }, { preempt: { numerator: 1, denominator: 10 } }), 400);
    });
  }
});

describe('two holders', function () {
  this.timeout(30_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-holders-'))));
  after(() => rmSync(outDir, { recursive: true }));

  it('that wait with a reservation in hand deadlock: D36 names who holds how many and waits for how many', async () => {
    const report = await explore(stripes(stripeHoldingDriver), exploreSettings(outDir, 500));
    expect(report.verdict).to.equal('finding');
    const [finding] = report.findings;
    expect([finding!.rule, finding!.severity, finding!.object]).to.deep.equal(['D36', 'crash', 'map register pool']);
    for (const board of ['stripe-a', 'stripe-b'])
      expect(finding!.message).to.match(new RegExp(`${board} holds 3 \\(DmaTransaction#\\d+\\) and waits for 3 \\(DmaTransaction#\\d+\\)`));
    expect(finding!.message).to.contain('0 of 6 are free');
    const schedule = parseScheduleJson(JSON.parse(readFileSync(finding!.schedule!, 'utf8')), finding!.schedule!);
    const replayed = await replaySchedule(stripes(stripeHoldingDriver), schedule, finding!.schedule!, 'dmalab');
    expect(replayed.findings.map(({ rule, message }) => [rule, message])).to.deep.equal([['D36', finding!.message]]);
  });

  it('deadlock on threads, too, and the run ends with the same finding', async () => {
    const report = await onThreads(
      stripes(stripeHoldingDriver),
      // One request at a time: the applications on their own virtual CPUs submit each, instead of the DPC that both boards share.
      { seed: 2, workload: { requests: 20_000, outstanding: 1 } },
      { preempt: { numerator: 1, denominator: 4 }, stallMs: 300 },
    );
    expect(rulesOf(report)).to.deep.equal(['D36']);
  });

  it('leave a wait-for graph and the counts of every adapter to look at', async () => {
    for (let seed = 1; ; seed++) {
      const { backend, findings } = await controlled(stripes(stripeHoldingDriver), { seed });
      if (findings.length === 0) continue;
      const { platform } = backend.machine;
      const graph = waitForGraph(platform);
      expect(graph.map(({ registers, holders }) => [registers, holders.map((holder) => holder.registers)])).to.deep.equal([
        [3, [3, 3]],
        [3, [3, 3]],
      ]);
      expect(graph[0]!.holders.map(({ adapter }) => adapter.label).sort()).to.deep.equal(graph.map(({ adapter }) => adapter.label).sort());
      const rows = contentionOf(platform);
      expect(rows.map(({ heldRegisters, queueLength, queueLengthMax }) => [heldRegisters, queueLength, queueLengthMax])).to.deep.equal([
        [3, 1, 1],
        [3, 1, 1],
      ]);
      for (const { grants, registersGranted, waited } of rows) {
        expect(registersGranted).to.equal(grants * 3);
        expect(waited).to.be.greaterThan(0);
      }
      expect(fairnessOf(rows)).to.be.within(0.5, 1);
      return;
    }
  });

  it('that ask for the second at once or not at all never do', async () => {
    const report = await explore(stripes(stripeImmediateDriver), exploreSettings(outDir, 200));
    expect([report.verdict, report.schedules]).to.deep.equal(['ok', 200]);
    clean(
      await onThreads(
        stripes(stripeImmediateDriver),
        { seed: 2, workload: { requests: 2000 } },
        { preempt: { numerator: 1, denominator: 4 } },
      ),
      2000,
    );
  });

  it('need no luck with twice the registers: holding and waiting alone is no finding', async () => {
    clean(await controlled(stripes(stripeHoldingDriver, { mapRegisters: 12 }), { seed: 1 }), 40);
  });
});

describe('a large request among small ones', function () {
  this.timeout(30_000);

  it('starves: L-STARVATION with its size, the pool, and how many went first', async () => {
    const outcome = await controlled(crowd(bulkWaitingDriver), { seed: 4 });
    expect(rulesOf(outcome)).to.deep.equal(['L-STARVATION']);
    expect(outcome.findings[0]!.message).to.match(
      /request of bulk \(DmaTransaction#\d+\) for 1[67] of 20 map registers starves: 40 requests of other adapters were granted .* it waits for quick-\d holds \d/,
    );
    expect(outcome.requests, 'starved, not lost').to.equal(200);
  });

  it('does not with a reservation held over many transactions', async () => {
    clean(await controlled(crowd(bulkReservedDriver), { seed: 4 }), 200);
  });
});

describe('the contention of the pool', () => {
  it('is reported by `run`: one row an adapter with its device, waits as percentiles, over all machines of the run', async () => {
    const { contention } = await onThreads(crowd(bulkReservedDriver), { seed: 4, workload: { requests: 300 } });
    expect(contention.adapters.map(({ device }) => device)).to.deep.equal(['bulk', 'quick-0', 'quick-1', 'quick-2', 'quick-3']);
    const [bulk, ...quick] = contention.adapters;
    expect([bulk!.grants, bulk!.heldRegistersMax, bulk!.registersGranted]).to.deep.equal([1, 9, 9]);
    for (const { grants, waited, waitNs, queueLengthMax } of quick) {
      expect(grants).to.be.greaterThan(10);
      expect(waitNs.p50).to.be.at.most(waitNs.p99);
      expect(waitNs.p99).to.be.at.most(waitNs.max);
      expect(queueLengthMax > 0 && waitNs.max > 0).to.equal(waited > 0);
    }
    expect(contention.fairness).to.be.within(0.2, 1);
  });

  it('waits are told apart to a sixteenth, from nanoseconds to days', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 50 }), { minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 100 }),
        (values, percent) => {
          const [left, right] = [new WaitHistogram(), new WaitHistogram()];
          values.forEach((value, i) => (i % 2 === 0 ? left : right).record(value));
          left.add(right);
          const exact = values.sort((a, b) => a - b)[Math.ceil((values.length * percent) / 100) - 1]!;
          expect(left.count).to.equal(values.length);
          expect(left.percentile(percent)).to.be.within(Math.floor((exact * 15) / 16), exact);
        },
      ),
    );
    expect(new WaitHistogram().percentile(50)).to.equal(0);
  });

  const row = (registersGranted: number, waited = 0): Parameters<typeof fairnessOf>[0][number] => ({
    grants: registersGranted > 0 ? 1 : 0,
    registersGranted,
    waited,
  });

  it('is fair with 1 and least fair with 1/n; who never asked does not count', () => {
    expect(fairnessOf([])).to.equal(1);
    expect(fairnessOf([row(5), row(5), row(0)])).to.equal(1);
    expect(fairnessOf([row(9), row(0, 1), row(0, 1)])).to.be.closeTo(1 / 3, 1e-12);
  });
});
