import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend } from '../../src/backends/controlled.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { cancelRace, Dfs, Dpor, Footprint, footprintOfOp, ModelLoop, SourceDpor, StepWatch, type Trust } from '../../src/explore/index.js';
import { makeOp, OpKind, type Op } from '../../src/kernel/index.js';
import type { Machine } from '../../src/machine/machine.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { Strand } from '../../src/machine/strand.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { gallery } from '../../src/scenarios/gallery/gallery.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { straightModel } from './models.js';

const ONE_REQUEST = { requests: 1, outstanding: 1, applications: 1, minBytes: 64, maxBytes: 64, maxMdls: 1 };

function backendOf(which: string | Scenario, workload: Overrides['workload']): ControlledBackend {
  const scenario = typeof which === 'string' ? builtInScenarios.find((each) => each.name === which)! : which;
  return new ControlledBackend(resolveParameters(scenario, { seed: 1, workload: { ...ONE_REQUEST, ...workload } }));
}

/** What a search came to: how many executions, what they found, and the memories they ended with. */
interface Searched {
  readonly executions: number;
  readonly redundant: number;
  readonly found: ReadonlySet<string>;
  readonly outcomes: ReadonlySet<string>;
}

function exhaust(backend: ControlledBackend, search: Dpor): Searched {
  const found = new Set<string>();
  const outcomes = new Set<string>();
  while (search.newExecution()) {
    const { findings, memoryHash } = backend.execute(search);
    search.finished();
    for (const { rule } of findings) found.add(rule);
    outcomes.add(memoryHash);
  }
  expect(search.leftOut).to.equal(false);
  return { ...search.proof, found, outcomes };
}

/** Every schedule without a leap of time, and each one's trace: by step of each strand, what happened before it. */
class EverySchedule implements Strategy {
  readonly name = 'every schedule';
  readonly traces = new Set<string>();
  readonly #dfs = new Dfs();
  #watch: StepWatch | null = null;
  #timers = -1;
  #steps: { readonly strand: number; readonly op: Op; readonly footprint: Footprint }[] = [];
  #isOpen = false;

  constructor(private readonly trust: Trust) {}

  watch(machine: Machine, strands: readonly Strand[]): void {
    this.#watch ??= new StepWatch(machine, strands, this.trust);
    this.#timers = strands.findIndex(({ kind }) => kind === 'timer');
  }

  newExecution(): boolean {
    this.#steps = [];
    this.#isOpen = false;
    return this.#dfs.newExecution(0);
  }

  pick(enabled: Int32Array, all: number, current: number): number {
    this.#end();
    const count = enabled[all - 1] === this.#timers ? all - 1 : all;
    return count === 1 ? 0 : this.#dfs.pick(enabled, count, current);
  }

  executed(strand: number, op: Op): void {
    this.#end();
    this.#steps.push({ strand, op, footprint: new Footprint() });
    this.#isOpen = true;
    this.#watch?.begin();
  }

  stopped(): void {
    this.#end();
  }

  finished(): void {
    this.#end();
    this.traces.add(this.#trace());
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { strand, op, footprint } = this.#steps.at(-1)!;
    if (this.#watch === null) footprintOfOp(strand, op, footprint);
    else this.#watch.end(strand, op, footprint);
  }

  /** Dependent pairs in their order are the trace; no clocks, no reduction. */
  #trace(): string {
    const counts = new Map<number, number>();
    const names = this.#steps.map(({ strand }) => {
      counts.set(strand, (counts.get(strand) ?? 0) + 1);
      return `${strand}.${counts.get(strand)}`;
    });
    const pairs: string[] = [...names];
    this.#steps.forEach((later, j) => {
      for (let i = 0; i < j; i++) {
        const earlier = this.#steps[i]!;
        if (earlier.strand !== later.strand && earlier.footprint.dependsOn(later.footprint)) pairs.push(`${names[i]}<${names[j]}`);
      }
    });
    return pairs.sort().join(' ');
  }
}

interface Enumerated {
  readonly schedules: number;
  readonly traces: number;
  readonly outcomes: ReadonlySet<string>;
}

function enumerate(backend: ControlledBackend, trust: Trust): Enumerated {
  const search = new EverySchedule(trust);
  const outcomes = new Set<string>();
  let schedules = 0;
  while (search.newExecution()) {
    outcomes.add(backend.execute(search).memoryHash);
    search.finished();
    schedules++;
  }
  return { schedules, traces: search.traces.size, outcomes };
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
      const every = new EverySchedule('nothing');
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

  for (const trust of ['nothing', 'locks'] as const) {
    it(`one read on plx9x5x, trusting ${trust}: as many executions as there are traces, and the same outcomes`, () => {
      const every = enumerate(backendOf('plx9x5x', { readsPercent: 100 }), trust);
      const searched = exhaust(backendOf('plx9x5x', { readsPercent: 100 }), new Dpor('dpor', trust, { leaps: 0 }));
      expect(every.schedules).to.be.greaterThan(searched.executions);
      expect(searched.executions).to.equal(every.traces);
      expect(searched.outcomes).to.deep.equal(every.outcomes);
      expect(searched.found.size).to.equal(0);
    });
  }

  it('ring, one write and a cancel, at most one preemption: exhausted, nothing found', () => {
    const backend = backendOf('ring', { readsPercent: 0, cancelPerMillion: 1_000_000 });
    const searched = exhaust(backend, new Dpor('dpor', 'nothing', { preemptions: 1, leaps: 0 }));
    expect(searched.executions).to.be.greaterThan(100);
    expect([...searched.found]).to.deep.equal([]);
  });

  it('systemdma, the documented cancel pattern with its timer, no preemption: exhausted, nothing found', () => {
    const backend = backendOf('systemdma', { readsPercent: 0, cancelPerMillion: 1_000_000 });
    const searched = exhaust(backend, new Dpor('dpor', 'nothing', { preemptions: 0, leaps: 1 }));
    expect(searched.executions).to.be.greaterThan(100);
    expect([...searched.found]).to.deep.equal([]);
  });

  it('a completion that does not ask whether it was cancelled is found (C11); the one that asks is exhausted, nothing found', () => {
    const { defect, repaired } = gallery.find((entry) => entry.defect.name === 'cancel-against-dpc')!;
    const search = (scenario: Scenario): Searched =>
      exhaust(
        backendOf(scenario, { readsPercent: 100, cancelPerMillion: 1_000_000 }),
        new Dpor('dpor', 'nothing', { preemptions: 1, leaps: 0 }),
      );
    expect([...search(defect).found]).to.include('C11');
    expect([...search(repaired).found]).to.deep.equal([]);
  });

  it('steps that depend on each other but are said not to are missed: the counts differ', () => {
    const every = enumerate(backendOf('plx9x5x', { readsPercent: 100 }), 'nothing');
    const never = new Dpor('dpor', 'nothing', { leaps: 0 }, () => false);
    expect(exhaust(backendOf('plx9x5x', { readsPercent: 100 }), never).executions).to.be.lessThan(every.traces);
  });
});
