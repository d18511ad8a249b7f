import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { cancelRace, Dpor, explore, ModelLoop, SourceDpor, type Footprint } from '../../src/explore/index.js';
import { makeOp, OpKind, type Op } from '../../src/kernel/index.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { formatExploreReport } from '../../src/report/index.js';
import { createPaint } from '../../src/report/text.js';
import { gallery } from '../../src/scenarios/gallery/gallery.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { straightModel } from './models.js';
import { EverySchedule, exhaust, type Bounds, type Searched } from './traces.js';

const ONE_REQUEST = { requests: 1, outstanding: 1, applications: 1, minBytes: 64, maxBytes: 64, maxMdls: 1 };
const CANCELLED = { cancelPerMillion: 1_000_000 };

/** A machine with one device and one request; `overrides` without `workload`, which has a place of its own. */
function backendOf(which: string | Scenario, workload: Overrides['workload'], overrides: Partial<Overrides> = {}): ControlledBackend {
  const { devices, ...scenario } = typeof which === 'string' ? builtInScenarios.find((each) => each.name === which)! : which;
  const one = { ...scenario, devices: devices.slice(0, 1) };
  return new ControlledBackend(resolveParameters(one, { seed: 1, ...overrides, workload: { ...ONE_REQUEST, ...workload } }));
}

const write = (object: number): Op => makeOp(object, OpKind.Write);
const read = (object: number): Op => makeOp(object, OpKind.Read);
const MODELS = {
  'two writers and a reader': () => straightModel([write(1), write(2)], [write(2), write(1)], [read(1), read(2)]),
  'readers only': () => straightModel([read(1), read(2)], [read(2), read(1)], [read(1)]),
  'a chain over three objects': () => straightModel([write(1), write(2)], [write(2), write(3)], [write(3), write(1)]),
};

describe('dpor', function () {
  this.timeout(60_000);

  for (const [name, create] of Object.entries(MODELS)) {
    it(`${name}: as many executions as there are traces`, () => {
      const search = new Dpor();
      const loop = new ModelLoop(create());
      while (search.newExecution()) loop.run(search);
      expect(search.proof.executions).to.equal(new SourceDpor(create()).run().executions);
      const every = new EverySchedule();
      const again = new ModelLoop(create());
      while (every.newExecution()) again.run(every);
      expect(search.proof.executions).to.equal(every.traces.size);
    });
  }

  for (const variant of ['fixed', 'planted'] as const) {
    it(`the cancel race, ${variant}: as the search that knows beforehand what each strand does`, () => {
      const search = new Dpor();
      const loop = new ModelLoop(cancelRace(variant));
      let wrong = 0;
      while (search.newExecution()) if (loop.run(search)) wrong++;
      const { executions, redundant } = search.proof;
      expect({ executions, sleepSetBlocked: redundant, wrong }).to.deep.equal(new SourceDpor(cancelRace(variant)).run());
    });
  }

  interface Driven {
    readonly name: string;
    readonly scenario: string;
    readonly workload: Overrides['workload'];
    readonly overrides?: Partial<Overrides>;
    readonly bounds?: Bounds;
    readonly schedules: number;
    readonly traces: number;
  }

  /** Whole drivers, small enough to execute every schedule. The counts are the same on every machine. */
  const WHOLE: readonly Driven[] = [
    { name: 'one read on plx9x5x', scenario: 'plx9x5x', workload: { readsPercent: 100 }, schedules: 27, traces: 17 },
    {
      name: 'one read on plx9x5x, objects told apart',
      scenario: 'plx9x5x',
      workload: { readsPercent: 100 },
      overrides: { races: true },
      schedules: 27,
      traces: 3,
    },
    { name: 'one write on ring', scenario: 'ring', workload: { readsPercent: 0 }, schedules: 55, traces: 11 },
    {
      name: 'one write on systemdma, objects told apart',
      scenario: 'systemdma',
      workload: { readsPercent: 0 },
      overrides: { races: true },
      schedules: 181,
      traces: 40,
    },
    {
      name: 'one write on systemdma whose timer may leap, at framework calls, objects told apart',
      scenario: 'systemdma',
      workload: { readsPercent: 0 },
      overrides: { races: true, granularity: 'calls' },
      bounds: { leaps: 1 },
      schedules: 2330,
      traces: 895,
    },
  ];

  for (const { name, scenario, workload, overrides, bounds = { leaps: 0 }, schedules, traces } of WHOLE) {
    it(`${name}: as many executions as there are traces, and the same outcomes`, () => {
      const every = exhaust(backendOf(scenario, workload, overrides), new EverySchedule(bounds));
      const searched = exhaust(backendOf(scenario, workload, overrides), new Dpor('dpor', bounds));
      expect({ schedules: every.executions, traces: every.traces.size, executions: searched.executions }).to.deep.equal({
        schedules,
        traces,
        executions: traces,
      });
      expect(searched.traces).to.deep.equal(every.traces);
      expect(searched.outcomes).to.deep.equal(every.outcomes);
      expect([...searched.found]).to.deep.equal([]);
    });
  }

  /** With a bound some traces are executed more than once: what counts is that none is missing, and none is another's. */
  const BOUNDED: readonly Driven[] = [
    {
      name: 'one cancelled write on systemdma',
      scenario: 'systemdma',
      workload: { readsPercent: 0, ...CANCELLED },
      overrides: { granularity: 'calls' },
      schedules: 407,
      traces: 357,
    },
    {
      name: 'one cancelled write on ring',
      scenario: 'ring',
      workload: { readsPercent: 0, ...CANCELLED },
      overrides: { granularity: 'calls' },
      schedules: 313,
      traces: 235,
    },
    {
      name: 'one cancelled write on plx9x5x-cancel',
      scenario: 'plx9x5x-cancel',
      workload: { readsPercent: 0, ...CANCELLED },
      schedules: 662,
      traces: 492,
    },
  ];

  for (const { name, scenario, workload, overrides, schedules, traces } of BOUNDED) {
    it(`${name}, at most one preemption: every trace within the bound, no other`, () => {
      const bounds = { preemptions: 1, leaps: 0 };
      const every = exhaust(backendOf(scenario, workload, overrides), new EverySchedule(bounds));
      const searched = exhaust(backendOf(scenario, workload, overrides), new Dpor('dpor', bounds));
      expect({ schedules: every.executions, traces: every.traces.size }).to.deep.equal({ schedules, traces });
      expect(searched.executions).to.be.lessThan(schedules);
      expect(searched.traces).to.deep.equal(every.traces);
      expect(searched.outcomes).to.deep.equal(every.outcomes);
      expect([...searched.found]).to.deep.equal([]);
    });
  }

  it('operations said to be independent that are not: the executions are fewer than the traces', () => {
    const workload = { readsPercent: 0 };
    const overrides = { races: true };
    const every = exhaust(backendOf('systemdma', workload, overrides), new EverySchedule());
    // A device's step and a register write of the driver: the last that the two have in common is the device itself.
    const device = backendOf('systemdma', workload, overrides).machine.views.at(-1)!.objectId;
    const saysIndependent = (a: Footprint, b: Footprint): boolean =>
      !(a.writesObject(device) && b.writesObject(device) && (a.strands & b.strands) === 0) && a.dependsOn(b);
    const wrong = exhaust(backendOf('systemdma', workload, overrides), new Dpor('dpor', { leaps: 0 }, saysIndependent));
    expect(wrong.executions).to.be.lessThan(every.traces.size);
    expect(wrong.traces).to.not.deep.equal(every.traces);
  });

  it('steps that are all said to be independent: one execution is left', () => {
    const never = new Dpor('dpor', { leaps: 0 }, () => false);
    expect(exhaust(backendOf('plx9x5x', { readsPercent: 100 }), never).executions).to.be.lessThan(17);
  });

  it('a completion that does not ask whether it was cancelled is found (C11); the one that asks is exhausted, nothing found', () => {
    const { defect, repaired } = gallery.find((entry) => entry.defect.name === 'cancel-against-dpc')!;
    const search = (scenario: Scenario): Searched =>
      exhaust(backendOf(scenario, { readsPercent: 100, ...CANCELLED }), new Dpor('dpor', { preemptions: 1, leaps: 0 }));
    expect([...search(defect).found]).to.include('C11');
    expect([...search(repaired).found]).to.deep.equal([]);
  });

  /** The documented cancel pattern: I/O, cancellation and timer hold a part of the request each. */
  const PATTERN: readonly {
    readonly name: string;
    readonly overrides: Partial<Overrides>;
    readonly bounds: Bounds;
    readonly executions: number;
  }[] = [
    { name: 'all three, no preemption', overrides: {}, bounds: { preemptions: 0, leaps: 1 }, executions: 308 },
    {
      name: 'I/O and cancellation at framework calls, any number of preemptions',
      overrides: { races: true, granularity: 'calls' },
      bounds: { leaps: 0 },
      executions: 3480,
    },
  ];

  for (const { name, overrides, bounds, executions } of PATTERN) {
    it(`systemdma-cancel, ${name}: exhausted, nothing found`, () => {
      const searched = exhaust(backendOf('systemdma-cancel', {}, overrides), new Dpor('dpor', bounds));
      expect([searched.executions, [...searched.found]]).to.deep.equal([executions, []]);
    });
  }

  it('the same with one lock removed is found (D62)', () => {
    const { defect, repaired } = gallery.find((entry) => entry.defect.name === 'stop-without-lock')!;
    const bounded = (): Dpor => new Dpor('dpor', { preemptions: 1, leaps: 0 });
    expect([...exhaust(backendOf(defect, {}), bounded()).found]).to.deep.equal(['D62']);
    expect([...exhaust(backendOf(repaired, {}), bounded()).found]).to.deep.equal([]);
  });

  it('an interrupt that a level kept out is tried before the level was raised', () => {
    const overrides = { races: true };
    const search = new Dpor('dpor', { leaps: 1 });
    // As many as there are traces among 30,476 schedules: npm run gates -- dpor.
    expect(exhaust(backendOf('plx9x5x', { readsPercent: 100 }, overrides), search).executions).to.equal(72);
  });

  it('explore says that the search has ended, and what that proves', async () => {
    const plx9x5x = builtInScenarios.find(({ name }) => name === 'plx9x5x')!;
    const search = (strategy: Dpor, schedules: number): Promise<ExploreReport> =>
      explore(plx9x5x, {
        overrides: { seed: 1, races: true, workload: { ...ONE_REQUEST, readsPercent: 100 } },
        strategy,
        schedules,
        outDir: '',
        scenarioReference: 'plx9x5x',
        program: 'dmalab',
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
    const all = await search(new Dpor('dpor', { leaps: 0 }), 1000);
    expect([all.exhausted, all.proof]).to.deep.equal([
      true,
      { executions: 3, redundant: 0, preemptions: null, leaps: 0, tellsObjectsApart: true },
    ]);
    expect(formatExploreReport(all, createPaint(false))).to.contain(
      'all 3 executions explored, bound: any number of preemptions, at most 0 leaps of time',
    );
    const some = await search(new Dpor('dpor-bounded', { preemptions: 1 }), 2);
    expect([some.exhausted, some.proof?.executions]).to.deep.equal([false, 2]);
    expect(formatExploreReport(some, createPaint(false))).to.contain('2 executions explored, others are left, bound: at most 1 preemption');
  });
});
