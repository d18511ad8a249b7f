import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WDF_VIOLATION, WdfViolation } from '../../src/nt/index.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { explore, FairTail, Pct, Pos, RandomWalk } from '../../src/explore/index.js';
import { planOf, type FaultPlan } from '../../src/faults/index.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { ControlledBackend } from '../../src/backends/index.js';
import { deriveSeed } from '../../src/kernel/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { gallery } from '../../src/scenarios/index.js';
import { pcidrv } from '../../src/scenarios/samples/pcidrv.js';
import { PcidrvDriver } from '../../src/scenarios/samples/pcidrv-driver.js';
import type { Strategy } from '../../src/backends/strategy.js';
import type { DriverConfig } from '../../src/wdf/driver.js';
import type { WorkloadConfig } from '../../src/workload/config.js';
import { controlled, onThreads } from '../backends/runs.js';
import * as faulty from './faults/pcidrv-drivers.js';

const SEED = 5;

function scenarioOf(driver: DriverConfig, workload: Partial<WorkloadConfig>, mapRegisters = 12): Scenario {
  return defineScenario({
    name: 'planted-fault',
    title: 'the network driver with one fault',
    devices: [{ name: 'net', model: 'e100', driver }],
    workload: { traffic: 'loopback', minBytes: 60, maxBytes: 256, maxMdls: 1, ...workload },
    machine: { mapRegisters },
  });
}

describe('pcidrv', function () {
  this.timeout(60_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-pcidrv-'))));
  after(() => rmSync(outDir, { recursive: true }));

  const few = { requests: 8, outstanding: 6 };
  const search = (
    scenario: Scenario,
    schedules: number,
    more: { workload?: Partial<WorkloadConfig>; faults?: FaultPlan; strategy?: Strategy } = {},
  ): Promise<ExploreReport> =>
    explore(scenario, {
      overrides: { seed: SEED, workload: more.workload ?? few, ...(more.faults === undefined ? {} : { faults: more.faults }) },
      strategy: more.strategy ?? new RandomWalk(),
      schedules,
      outDir,
      scenarioReference: scenario.name,
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });

  for (const { name, run } of [
    { name: 'threads', run: onThreads },
    { name: 'controlled', run: controlled },
  ]) {
    it(`withstands cancellation, power cycles and its declared faults on ${name}`, async () => {
      for (const seed of [1, 2]) {
        const outcome = await run(pcidrv, {
          seed,
          workload: { requests: 200, cancelPerMillion: 100_000, powerCyclesPerMillion: 10_000 },
          faults: {
            ...planOf(pcidrv.survives),
            hang: { numerator: 1, denominator: 100 },
            'allocation-failure': { numerator: 0, denominator: 1 },
          },
        });
        expect(outcome.findings.map(({ rule, message }) => `${rule}: ${message}`)).to.deep.equal([]);
        expect(outcome.requests).to.be.at.least(200);
      }
    });

    it(`is pulled out in the middle of its traffic on ${name}`, async () => {
      for (const seed of [1, 2, 3]) {
        const outcome = await run(pcidrv, { seed, workload: { requests: 200, unplugPerMillion: 20_000 } });
        expect(outcome.findings.map(({ rule, message }) => `${rule}: ${message}`)).to.deep.equal([]);
      }
    });

    it(`runs with two map registers, one frame at a time, on ${name}`, async () => {
      expect((await run(pcidrv, { seed: 1, machine: { mapRegisters: 2 }, workload: { requests: 60 } })).findings).to.deep.equal([]);
    });

    it(`frames that find no receive descriptor are lost, and the reads are served by later ones, on ${name}`, async () => {
      class FewDescriptors extends PcidrvDriver {
        protected override get receiveFrames(): number {
          return 2;
        }
      }
      const outcome = await run(scenarioOf(new FewDescriptors('few descriptors'), { requests: 200, outstanding: 32 }, 64), { seed: 1 });
      expect(outcome.findings.map(({ rule, message }) => `${rule}: ${message}`)).to.deep.equal([]);
      expect(outcome.requests).to.be.at.least(200);
    });
  }

  it('is right under many schedules', async () => {
    const report = await search(pcidrv, 150, { workload: { requests: 8, outstanding: 6, cancelPerMillion: 100_000 } });
    expect(report.findings).to.deep.equal([]);
    expect([report.verdict, report.schedules]).to.deep.equal(['ok', 150]);
  });

  it('a receive unit that fills the list and stops while it is looked after is not started over a frame', () => {
    // The order that showed it: of the driver that looked for a frame only before it read the unit's state.
    const { repaired } = gallery.find(({ defect }) => defect.name === 'descriptor-back-before-copy')!;
    const backend = new ControlledBackend(resolveParameters(repaired, { seed: 9 }));
    const strategy = new Pos();
    for (let n = 100; n < 125; n++) {
      strategy.newExecution(deriveSeed(9, `schedule ${n}`));
      expect(backend.execute(strategy).findings).to.deep.equal([]);
    }
  });

  it('the reset recovers a hung device under every schedule', async () => {
    const report = await search(pcidrv, 100, {
      workload: { requests: 6, outstanding: 6 },
      faults: { hang: { numerator: 1, denominator: 3 } },
    });
    expect(report.findings).to.deep.equal([]);
  });

  it('the planted faults lie in what was changed: without a watchdog nothing is found either', async () => {
    const report = await search(scenarioOf(new faulty.HasNoWatchdog('no watchdog'), {}), 150);
    expect(report.findings).to.deep.equal([]);
  });

  it('a frame is appended while the unit is about to suspend, and nobody resumes it (D32): L-QUIESCENCE', async () => {
    const report = await search(scenarioOf(new faulty.ResumesWhenNotActive('hesitant'), {}), 3000);
    expect(report.findings.map(({ rule }) => rule)).to.deep.equal(['L-QUIESCENCE']);
    // Command unit suspended, receive unit ready.
    expect(report.findings[0]!.message).to.contain('is at the device').and.contain('SCB=0x50');
  });

  it('a reset deletes transactions in Transfer: B18, bug check 0x10D/8', async () => {
    const scenario = scenarioOf(new faulty.DeletesLiveTransactions('deletes'), {});
    const report = await search(scenario, 500, { faults: { hang: { numerator: 1, denominator: 3 } } });
    expect(report.findings.map(({ rule }) => rule)).to.deep.equal(['B18']);
    expect(report.findings[0]!.bugCheck!.code).to.equal(WDF_VIOLATION);
    expect(report.findings[0]!.bugCheck!.parameters[0]).to.equal(WdfViolation.DMA_FATAL_ERROR);
  });

  it('waiting writes are retried from the DPC only, and the last one is stranded (D34, D35): L-QUIESCENCE', async () => {
    const scenario = scenarioOf(new faulty.RetriesFromDpcOnly('forgetful'), {}, 2);
    const report = await search(scenario, 3000, { strategy: new FairTail(new Pct()) });
    expect(report.findings.map(({ rule }) => rule)).to.deep.equal(['L-QUIESCENCE']);
    expect(report.findings[0]!.message).to.match(/write of \d+ bytes \(Request#\d+\) waits in its queue/);
  });
});
