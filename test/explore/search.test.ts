import { expect } from 'chai';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BLOCK_SCHEDULES,
  cancelRace,
  explore,
  HashCounts,
  ModelLoop,
  NO_BOUND,
  SearchControl,
  strategies,
  strategyNamed,
  type ExploreSettings,
} from '../../src/explore/index.js';
import { deriveSeed } from '../../src/kernel/index.js';
import { UsageError } from '../../src/nt/index.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios, gallery } from '../../src/scenarios/index.js';
import { faultsUrl, packageUrl } from '../e2e/dmalab.js';
import { recording } from './models.js';

const lockOrder = gallery.find(({ defect }) => defect.name === 'lock-order')!;

describe('counts of hashes', () => {
  it('are what a map counts', () => {
    const word = fc.integer({ min: -3, max: 3 });
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 3000 }), (hashes) => {
        const counts = new HashCounts();
        const map = new Map<string, number>();
        for (const [low, high] of hashes) {
          const key = `${low} ${high}`;
          map.set(key, (map.get(key) ?? 0) + 1);
          expect(counts.add(low, high)).to.equal(map.get(key));
        }
        expect([counts.distinct, counts.single]).to.deep.equal([map.size, [...map.values()].filter((n) => n === 1).length]);
      }),
      { numRuns: 30 },
    );
  });

  it('grow, keep what they know, and say when they are full', () => {
    const counts = new HashCounts(4096);
    for (let i = 0; i < 3072; i++) expect(counts.add(i, ~i)).to.equal(1);
    expect(counts.isFull).to.equal(false);
    expect([counts.add(5000, 1), counts.isFull]).to.deep.equal([0, true]);
    for (let i = 0; i < 3072; i++) expect(counts.add(i, ~i)).to.equal(2);
    expect([counts.distinct, counts.single]).to.deep.equal([3072, 0]);
  });
});

describe('what the threads of a search tell each other', () => {
  it('blocks are dealt in order, the lowest finding bounds, beats and schedules are by thread', () => {
    const control = SearchControl.forThreads(3);
    const other = new SearchControl(control.shared);
    expect([control.takeBlock(), other.takeBlock(), control.takeBlock()]).to.deep.equal([0, BLOCK_SCHEDULES, 2 * BLOCK_SCHEDULES]);
    expect(control.bound).to.equal(NO_BOUND);
    for (const schedule of [70, 40, 90]) other.lowerBound(schedule);
    expect(control.bound).to.equal(40);
    other.begin(1, 12);
    expect([control.scheduleOf(0), control.scheduleOf(1), control.beats(1), control.beats(2)]).to.deep.equal([-1, 12, 1, 0]);
    other.executed(1);
    expect([control.scheduleOf(1), control.executedBy(3)]).to.deep.equal([-1, 1]);
    other.end();
    expect([control.isEnding, control.isAborted]).to.deep.equal([true, false]);
    other.abort();
    expect(control.isAborted).to.equal(true);
  });
});

describe('strategies that threads can share', () => {
  const shared = strategies.filter((each) => each.create().isIndependent === true).map(({ name }) => name);

  it('are those that draw their schedules', () => {
    expect(shared).to.deep.equal(['pos', 'pct', 'fair-pct', 'surw', 'random']);
  });

  for (const name of shared) {
    it(`${name}: an execution depends on its seed and the lessons alone, not on what was executed in between`, () => {
      const ordersOf = (schedules: readonly number[]): string[] => {
        const strategy = recording(strategyNamed(name)!.create());
        const loop = new ModelLoop(cancelRace('fixed'));
        return schedules.map((schedule) => {
          strategy.newExecution(deriveSeed(3, `schedule ${schedule}`));
          loop.run(strategy);
          return strategy.history.strands.join('');
        });
      };
      const lessons = Array.from({ length: strategyNamed(name)!.create().lessons! }, (_, i) => i);
      const others = Array.from({ length: 300 }, (_, i) => lessons.length + i);
      const orders = ordersOf([...lessons, ...others]).slice(lessons.length);
      const backwards = ordersOf([...lessons, ...others.toReversed()]).slice(lessons.length);
      expect(backwards.toReversed()).to.deep.equal(orders);
      expect(new Set(orders).size).to.be.greaterThan(30);
    });
  }

  it('others are refused more than one thread, and the error says which are not', async () => {
    for (const name of ['preemption-bounded', 'dpor', 'dfs']) {
      let thrown: unknown = null;
      const scenario = builtInScenarios.find((each) => each.name === 'ring')!;
      await explore(scenario, settings({ strategy: strategyNamed(name)!.create(), workers: 2 })).catch(
        (error: unknown) => (thrown = error),
      );
      expect(thrown).to.be.instanceOf(UsageError).and.include({ code: 'USAGE_WORKERS' });
      expect((thrown as UsageError).details.expected).to.contain(shared.join(', '));
    }
  });
});

function settings(more: Partial<ExploreSettings>): ExploreSettings {
  return {
    overrides: { seed: 6 },
    strategy: strategyNamed('pos')!.create(),
    schedules: 100,
    outDir: '/nowhere',
    scenarioReference: 'ring',
    program: 'dmalab',
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  };
}

describe('a search on several threads', function () {
  // Each thread loads the whole laboratory.
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'dmalab-search-')));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A scenario module whose driver executes `when` where an interrupt's DPC comes in the middle of EvtIo. */
  async function moduleWith(name: string, when: string): Promise<{ readonly scenario: Scenario; readonly path: string }> {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(
      path,
      `import { defineScenario } from '${packageUrl}';
import { SmallDriver, smallContext } from '${faultsUrl}small-driver.js';
class Driver extends SmallDriver {
  channel = 1;
  *evtDriverDeviceAdd(init) { this.isInside = false; return yield* super.evtDriverDeviceAdd(init); }
  *program(device, ...more) {
    const done = yield* super.program(device, ...more);
    this.isInside = true;
    yield* smallContext(device).registers.read32(0);
    this.isInside = false;
    return done;
  }
  *dpc(device) { if (this.isInside) { ${when} } yield* super.dpc(device); }
}
export default defineScenario({ name: '${name}', title: 'a driver of a user',
  devices: [{ name: 'board', model: 'sgring', driver: new Driver('${name}') }], workload: { applications: 1, maxMdls: 1 } });
`,
    );
    const module = (await import(path)) as { default: Parameters<typeof defineScenario>[0] };
    return { scenario: defineScenario(module.default), path };
  }

  /** All of a report but times and who did what. */
  function comparable({ schedulesPerSecond: _rate, deviceStepsByThread, workers: _workers, ...report }: ExploreReport): object {
    return { ...report, deviceSteps: Object.values(deviceStepsByThread).reduce((sum, steps) => sum + steps, 0) };
  }

  it('comes to the finding and the numbers of one thread', async () => {
    const { scenario, path } = await moduleWith('throws', "throw new Error('inside');");
    const search = (workers: number): Promise<ExploreReport> =>
      explore(scenario, settings({ workers, outDir: folder, scenarioReference: path }));
    const [alone, three] = [await search(1), await search(3)];
    expect([alone.verdict, alone.findings[0]!.rule]).to.deep.equal(['finding', 'L-DRIVER-THREW']);
    expect(alone.schedules).to.be.within(3 * BLOCK_SCHEDULES, 99);
    expect(comparable(three)).to.deep.equal(comparable(alone));
    expect(Object.keys(three.deviceStepsByThread)).to.not.include('0');
  });

  it('without a finding, too', async () => {
    const ring = builtInScenarios.find((each) => each.name === 'ring')!;
    const search = (workers: number): Promise<ExploreReport> => explore(ring, settings({ workers, schedules: 70 }));
    const alone = await search(1);
    expect(alone).to.include({ verdict: 'ok', schedules: 70, verifiedTwice: 70 });
    expect(comparable(await search(2))).to.deep.equal(comparable(alone));
  });

  // Strategies that learn, with a seed each whose search goes on behind the lessons.
  for (const [name, seed] of [
    ['pct', 8],
    ['fair-pct', 9],
    ['surw', 1],
  ] as const) {
    const searchOf = (scenario: Scenario, workers: number): Promise<ExploreReport> => {
      const strategy = strategyNamed(name)!.create();
      return explore(scenario, settings({ strategy, workers, overrides: { seed }, outDir: folder, scenarioReference: scenario.name }));
    };

    it(`${name} comes to the finding and the numbers of one thread`, async () => {
      const alone = await searchOf(lockOrder.defect, 1);
      expect([alone.verdict, alone.findings[0]!.rule]).to.deep.equal(['finding', 'L-DEADLOCK']);
      expect(alone.schedules).to.be.within(3 * BLOCK_SCHEDULES, 99);
      expect(comparable(await searchOf(lockOrder.defect, 3))).to.deep.equal(comparable(alone));
    });

    it(`${name} without a finding, too`, async () => {
      const alone = await searchOf(lockOrder.repaired, 1);
      expect(alone).to.include({ verdict: 'ok', schedules: 100, verifiedTwice: 100 });
      expect(comparable(await searchOf(lockOrder.repaired, 3))).to.deep.equal(comparable(alone));
    });
  }

  it('is over at a finding among the lessons', async () => {
    const { scenario, path } = await moduleWith('throws-soon', "throw new Error('inside');");
    const search = (workers: number): Promise<ExploreReport> => {
      const strategy = strategyNamed('pct')!.create();
      return explore(scenario, settings({ strategy, workers, overrides: { seed: 14 }, outDir: folder, scenarioReference: path }));
    };
    const alone = await search(1);
    expect(alone.schedules).to.be.within(2, BLOCK_SCHEDULES);
    expect(comparable(await search(3))).to.deep.equal(comparable(alone));
  });

  it('a thread that hangs in a schedule is a finding with that schedule, and what was done counts', async () => {
    const { scenario, path } = await moduleWith('hangs', 'for (;;);');
    const report = await explore(
      scenario,
      settings({
        workers: 2,
        scenarioReference: path,
        silenceMs: 2000,
        again: 'dmalab explore hangs',
      }),
    );
    expect([report.verdict, report.findings.map(({ rule }) => rule), report.findingsTotal]).to.deep.equal([
      'finding',
      ['L-WORKER-LOST'],
      1,
    ]);
    const [finding] = report.findings;
    expect(finding).to.include({ schedule: null, replay: 'dmalab explore hangs' });
    expect(finding!.message).to.match(/schedule \d+ .*no sign of life/);
    expect(report.schedules).to.be.greaterThan(0).and.lessThan(100);
  });

  it('a thread that ends in a schedule is, too, where it gets around the refusal of process.exit', async () => {
    const { scenario, path } = await moduleWith('exits', 'process.reallyExit(7);');
    const report = await explore(scenario, settings({ workers: 2, scenarioReference: path }));
    expect(report.findings.map(({ rule }) => rule)).to.deep.equal(['L-WORKER-LOST']);
    expect(report.findings[0]!.message).to.match(/schedule \d+ .*its thread ended/);
  });

  it('an error of the caller in a thread is a usage error here', async () => {
    const ring = builtInScenarios.find((each) => each.name === 'ring')!;
    const overrides = { seed: 1, workload: { outstanding: 4000, minBytes: 65536, maxBytes: 65536 } };
    let thrown: unknown = null;
    await explore(ring, settings({ workers: 2, overrides })).catch((error: unknown) => (thrown = error));
    expect(thrown).to.be.instanceOf(UsageError).and.include({ code: 'USAGE_PARAMETER' });
    expect((thrown as UsageError).details.where).to.equal('--outstanding');
  });
});
