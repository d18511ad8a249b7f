import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Strategy } from '../../src/backends/strategy.js';
import { Dpor, explore, FairTail, parseScheduleJson, RandomWalk, replaySchedule } from '../../src/explore/index.js';
import type { Device, Suspending, UsageError } from '../../src/index.js';
import type { Overrides } from '../../src/machine/parameters.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import {
  COMPLETION_BYTES,
  COMPLETION_BYTES_MOVED,
  COMPLETION_SEQUENCE,
  CQ_HEAD,
  PHASE,
} from '../../src/scenarios/samples/ring-registers.js';
import { smallContext, SmallDriver } from '../scenarios/faults/small-driver.js';

const sample = (name: string): Scenario => builtInScenarios.find((scenario) => scenario.name === name)!;

/** Looks at what a completion says before it looks whether there is one. */
class ReadsTooEarly extends SmallDriver {
  override *dpc(device: Device): Suspending<void> {
    const context = smallContext(device);
    for (;;) {
      const at = (context.reaped & 31) * COMPLETION_BYTES;
      const phase = (context.reaped & 32) === 0 ? PHASE : 0;
      const moved = context.completion.read32(at + COMPLETION_BYTES_MOVED);
      if ((context.completion.observe32(at + COMPLETION_SEQUENCE) & PHASE) !== phase) return;
      context.reaped = (context.reaped + 1) | 0;
      yield* this.write(device, CQ_HEAD, context.reaped);
      // A device that moved nothing has failed.
      yield* this.transferDone(device, moved > 0, moved);
    }
  }
}

describe('granularity', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'dmalab-granularity-'))));
  after(() => rmSync(folder, { recursive: true }));

  const run = (
    scenario: Scenario,
    overrides: Partial<Overrides>,
    schedules = 20,
    strategy: Strategy = new FairTail(new RandomWalk()),
  ): Promise<ExploreReport> =>
    explore(scenario, {
      overrides: { seed: 1, ...overrides },
      strategy,
      schedules,
      outDir: folder,
      scenarioReference: scenario.name,
      program: 'dmalab',
      signal: new AbortController().signal,
      onProgress: () => undefined,
    });

  const early = defineScenario({
    name: 'early',
    title: 'a driver that reads too early',
    devices: [{ name: 'board', model: 'sgring', driver: new ReadsTooEarly('early') }],
    workload: { requests: 4, outstanding: 2, applications: 1, maxMdls: 2, minBytes: 256, maxBytes: 8192 },
  });

  it('words: the device goes on between two accesses of a driver to memory they share; nothing else finds that', async () => {
    expect((await run(early, { granularity: 'all' }, 2000)).verdict).to.equal('ok');
    const report = await run(early, { granularity: 'words' }, 2000);
    expect(report.verdict).to.equal('finding');
    const [file] = report.findings.map(({ schedule }) => schedule!);
    const schedule = parseScheduleJson(JSON.parse(readFileSync(file!, 'utf8')), file!);
    expect(schedule.parameters['granularity']).to.equal('words');
    const replayed = await replaySchedule(early, schedule, file!, 'dmalab');
    expect(replayed.findings[0]!.rule).to.equal(report.findings[0]!.rule);
    const right = defineScenario({ ...early, name: 'right', devices: [{ ...early.devices[0]!, driver: new SmallDriver('right') }] });
    expect((await run(right, { granularity: 'words' }, 2000)).verdict).to.equal('ok');
  });

  it('words: accesses to shared words order nothing but what they are made to order', async () => {
    for (const name of ['ring', 'plx9x5x-cancel', 'pcidrv'])
      expect((await run(sample(name), { granularity: 'words', races: true }, 60)).findings).to.deep.equal([]);
  });

  it('words are no steps that dpor could take an execution apart into', async () => {
    const refused = await run(ring, { granularity: 'words' }, 1, new Dpor()).catch((error: unknown) => error as UsageError);
    expect((refused as UsageError).code).to.equal('USAGE_GRANULARITY');
  });

  const ring = sample('ring');

  it('is told by the points report, and coarser is fewer choices over the same operations', async () => {
    const [calls, all] = [await run(ring, { granularity: 'calls' }), await run(ring, { granularity: 'all' })];
    for (const report of [calls, all]) {
      expect(report.verdict).to.equal('ok');
      expect(report.points['SpinLock']!['acquire']).to.be.greaterThan(0);
      const counted = Object.values(report.points).reduce((sum, kinds) => sum + Object.values(kinds).reduce((a, b) => a + b, 0), 0);
      expect(counted).to.equal(report.steps);
    }
  });
});
