import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomWalk, explore, strategies } from '../../src/explore/index.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { systemDmaImpatientDriver } from '../../src/scenarios/samples/systemdma-driver.js';
import { systemdma } from '../../src/scenarios/samples/systemdma.js';
import { controlled, onThreads, rulesOf } from '../backends/runs.js';

describe('systemdma: three request lines over two channels', function () {
  this.timeout(30_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-systemdma-'))));
  after(() => rmSync(outDir, { recursive: true }));

  for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
    it(`moves every byte on both backends, memory seen ${addressing}`, async () => {
      for (const run of [controlled, onThreads]) {
        const outcome = await run(systemdma, { seed: 1, machine: { addressing }, workload: { requests: 150 } });
        expect(outcome.findings).to.deep.equal([]);
        expect([outcome.requests, outcome.bytesVerified]).to.deep.equal([150, outcome.bytes]);
      }
    });
  }

  it('shares one channel as well as four', async () => {
    for (const dmaChannels of [1, 4]) {
      const outcome = await controlled(systemdma, { seed: 2, machine: { dmaChannels }, workload: { requests: 90 } });
      expect([outcome.findings, outcome.requests]).to.deep.equal([[], 90]);
    }
  });

  it('survives cancellation in every window: withdrawn, stopped while running, or too late', async () => {
    const report = await onThreads(
      systemdma,
      { seed: 3, workload: { requests: 1500, cancelPerMillion: 400_000 } },
      { preempt: { numerator: 1, denominator: 8 } },
    );
    expect(report.findings).to.deep.equal([]);
    expect(report.requests).to.equal(1500);
    expect(report.cancels.won).to.be.greaterThan(100);
    for (const window of ['D', 'F']) expect(report.cancels.byWindow[window], `window ${window}`).to.be.greaterThan(0);
  });

  it('survives D3 and back, and being pulled out, while transfers wait, are programmed and run', async () => {
    const report = await onThreads(systemdma, {
      seed: 3,
      workload: { requests: 2000, cancelPerMillion: 50_000, powerCyclesPerMillion: 10_000 },
    });
    expect([report.findings, report.requests, report.powerCycles > 1]).to.deep.equal([[], 2000, true]);
    for (let seed = 1; seed <= 40; seed++) {
      const outcome = await controlled(systemdma, {
        seed,
        workload: { requests: 9, outstanding: 3, cancelPerMillion: 300_000, powerCyclesPerMillion: 200_000, unplugPerMillion: 200_000 },
      });
      expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
    }
  });

  it('is right under many schedules, each executed twice', async () => {
    const report = await explore(systemdma, {
      overrides: { seed: 7, workload: { requests: 12, cancelPerMillion: 400_000 } },
      strategy: new RandomWalk(),
      schedules: 100,
      outDir,
      scenarioReference: 'systemdma',
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });
    expect(report.findings).to.deep.equal([]);
    expect([report.verdict, report.schedules, report.verifiedTwice]).to.deep.equal(['ok', 100, 100]);
  });

  const impatient = (model: string): Scenario =>
    defineScenario({ ...systemdma, devices: systemdma.devices.map((device) => ({ ...device, model, driver: systemDmaImpatientDriver })) });

  it('gives transfers up that do not move: IO_TIMEOUT through StopSystemTransfer, and nothing is lost or leaks', async () => {
    const deaf = new URL('./faults/deaf-port.js', import.meta.url).href;
    const outcome = await controlled(impatient(deaf), { seed: 1, workload: { requests: 150 } }, false);
    expect(outcome.requests).to.equal(150);
    expect(rulesOf(outcome)).to.deep.equal(['L-REQUEST-FAILED']);
    expect(outcome.findings.length).to.be.at.least(15);
    for (const { message } of outcome.findings) expect(message).to.contain('STATUS_IO_TIMEOUT');
  });

  it('is right to give up what is outstanding while time leaps: that is a slow device, not a finding', async () => {
    let timedOut = 0;
    for (const seed of [1, 2, 3, 4]) {
      const leaping = await controlled(impatient('sdma-port'), { seed, workload: { requests: 150 } });
      timedOut += leaping.backend.machine.devices.reduce((sum, { workload }) => sum + workload!.timedOut, 0);
      expect([leaping.findings, leaping.requests]).to.deep.equal([[], 150]);
    }
    expect(timedOut).to.be.greaterThan(0);
    const waiting = await controlled(impatient('sdma-port'), { seed: 1, workload: { requests: 150 } }, false);
    expect([waiting.findings, waiting.requests]).to.deep.equal([[], 150]);
    expect(waiting.backend.machine.devices.every(({ workload }) => workload!.timedOut === 0)).to.equal(true);
  });

  it('no strategy that lets time leap finds anything, and each schedule repeats', async () => {
    for (const name of ['surw', 'pct']) {
      const report = await explore(systemdma, {
        overrides: { seed: 1, workload: { requests: 12, cancelPerMillion: 200_000 } },
        strategy: strategies.find((known) => known.name === name)!.create(),
        schedules: 100,
        outDir,
        scenarioReference: 'systemdma',
        program: 'dmalab',
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
      expect(report.findings).to.deep.equal([]);
      expect(report.verifiedTwice).to.equal(100);
    }
  });
});
