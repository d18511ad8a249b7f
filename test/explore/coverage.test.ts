import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import type { Strategy } from '../../src/backends/strategy.js';
import {
  Behaviour,
  cancelRace,
  Dfs,
  explore,
  ModelLoop,
  OBSERVED_FIRST,
  PairCounts,
  strategyNamed,
  type StrandModel,
} from '../../src/explore/index.js';
import { makeOp, OpKind } from '../../src/kernel/index.js';
import type { ExploreReport } from '../../src/machine/report.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { recording, straightModel, traceOf } from './models.js';

const read = (object: number): number => makeOp(object, OpKind.Read);
const write = (object: number): number => makeOp(object, OpKind.Write);

interface Classes {
  readonly schedules: number;
  readonly traces: Set<string>;
  readonly orders: Set<string>;
  /** Trace and order of each schedule: as many as traces and as orders when the classes are the same. */
  readonly pairs: Set<string>;
  readonly sets: Set<string>;
}

/** Every schedule of a model by its trace, as computed without hashes, and by its behaviour. */
function classesOf(model: StrandModel): Classes {
  const behaviour = new Behaviour();
  const loop = new ModelLoop(model);
  const search = recording(new Dfs());
  const watched: Strategy = {
    name: 'watched',
    newExecution: () => true,
    pick: (enabled, count, current, ops) => search.pick(enabled, count, current, ops),
    executed(strand, op) {
      search.executed(strand, op);
      behaviour.performed(strand, op);
    },
    finished: () => undefined,
  };
  const classes = { schedules: 0, traces: new Set<string>(), orders: new Set<string>(), pairs: new Set<string>(), sets: new Set<string>() };
  for (; search.newExecution(0); classes.schedules++) {
    behaviour.begin(classes.schedules);
    loop.run(watched);
    const words: number[] = [];
    behaviour.end(words);
    const [trace, order] = [traceOf(search.history), words.slice(0, 2).join()];
    classes.traces.add(trace);
    classes.orders.add(order);
    classes.pairs.add(`${trace} ${order}`);
    classes.sets.add(words.slice(2).join());
  }
  return classes;
}

describe('classes of behaviour', function () {
  this.timeout(30_000);

  it('the orders of the repaired cancel race are its 20 traces, among 83,230 schedules', () => {
    const { schedules, traces, orders, pairs } = classesOf(cancelRace('fixed'));
    expect([schedules, traces.size, orders.size, pairs.size]).to.deep.equal([83_230, 20, 20, 20]);
  });

  it('orders are traces in models of any kind; sets of pairs are fewer', () => {
    const op = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()).map(([object, isRead]) => (isRead ? read(object) : write(object)));
    const strand = fc.array(op, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(strand, { minLength: 2, maxLength: 3 }), (strands) => {
        const { traces, orders, pairs, sets } = classesOf(straightModel(...strands));
        expect([orders.size, pairs.size]).to.deep.equal([traces.size, traces.size]);
        expect(sets.size).to.be.at.most(orders.size);
      }),
      { numRuns: 60 },
    );
  });

  it('who read from whom is a pair; the same pair again in one schedule counts once', () => {
    const behaviour = new Behaviour();
    const schedule = (index: number, ops: readonly (readonly [strand: number, op: number])[]): void => {
      behaviour.begin(index);
      for (const [strand, each] of ops) behaviour.performed(strand, each);
      behaviour.end([]);
    };
    schedule(0, [
      [0, write(1)],
      [1, read(1)],
      [1, read(1)],
    ]);
    schedule(1, [
      [1, read(1)],
      [0, write(1)],
    ]);
    schedule(2, [
      [1, read(1)],
      [0, write(1)],
    ]);
    // nobody -> write, write -> read, nobody -> read
    expect([behaviour.pairs.distinct, behaviour.pairs.single]).to.deep.equal([3, 1]);
    expect([1, 2, 3].map((schedules) => behaviour.pairs.seenWithin(schedules))).to.deep.equal([2, 3, 3]);
  });

  it('objects and strands beyond all bounds do not enter and break nothing', () => {
    const behaviour = new Behaviour();
    behaviour.begin(0);
    for (const object of [5, 5000, 65_535, 65_536, 100_000_000]) behaviour.performed(0, write(object));
    behaviour.performed(5000, write(5));
    behaviour.performed(0, -1);
    expect(behaviour.pairs.distinct).to.equal(3);
  });
});

describe('counts of pairs', () => {
  it('are the same whether one table counts or several are added up', () => {
    const seen = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 40 }), fc.nat(30));
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 2500 }), fc.nat(30), (events, cut) => {
        const ordered = [...events].sort((a, b) => a[2] - b[2]);
        const [whole, low, high, sum] = [new PairCounts(), new PairCounts(), new PairCounts(), new PairCounts()];
        for (const [a, b, schedule] of ordered) {
          const isFirst = whole.note(a, b, schedule);
          expect((schedule < cut ? low : high).note(a, b, schedule)).to.equal(isFirst);
        }
        sum.add(high.take());
        sum.add(low.take());
        expect([low.distinct, high.distinct]).to.deep.equal([0, 0]);
        for (const of of ['distinct', 'single'] as const) expect(sum[of], of).to.equal(whole[of]);
        for (const schedules of [1, 7, 31]) expect(sum.seenWithin(schedules)).to.equal(whole.seenWithin(schedules));
      }),
      { numRuns: 30 },
    );
  });
});

describe('coverage of a search', function () {
  this.timeout(30_000);
  const search = (strategy: string, schedules: number, scenario = 'amcc5933', requests = 2): Promise<ExploreReport> =>
    explore(
      builtInScenarios.find(({ name }) => name === scenario)!,
      {
        overrides: { seed: 3, workload: { requests } },
        strategy: strategyNamed(strategy)!.create(),
        schedules,
        outDir: '/nowhere',
        scenarioReference: scenario,
        program: 'dmalab',
        signal: new AbortController().signal,
        onProgress: () => undefined,
      },
    );

  it('grows along the curve, and what is left unseen falls', async () => {
    const [short, long] = [await search('pos', 30), await search('pos', 600)];
    const { curve, pairs, orders, readsFrom, schedules, isPartial } = long.coverage;
    expect([schedules, isPartial]).to.deep.equal([600, false]);
    expect(curve.map((mark) => mark.schedules)).to.deep.equal([1, 10, 100, 600]);
    const seen = curve.map((mark) => mark.pairs);
    expect(seen).to.deep.equal([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).to.equal(pairs.distinct).and.be.greaterThan(seen[0]!);
    expect(readsFrom.distinct).to.be.lessThan(orders.distinct);
    expect(orders.unseen).to.equal(orders.once / 600);
    expect(orders.unseen).to.be.lessThan(short.coverage.orders.unseen!);
    expect(readsFrom.unseen).to.be.lessThan(orders.unseen!);
    expect(pairs.newPerSchedule).to.be.at.most(short.coverage.pairs.newPerSchedule!);
  });

  it('the estimate holds: of the next schedules about so many show a new order', async () => {
    const [first, both] = [await search('random', 250, 'plx9x5x'), await search('random', 500, 'plx9x5x')];
    const expected = first.coverage.orders.unseen! * 250;
    const seenNew = both.coverage.orders.distinct - first.coverage.orders.distinct;
    expect(expected).to.be.greaterThan(20);
    // The chance falls while new ones are found, so the estimate is from above; the margin is three deviations of a count.
    expect(seenNew).to.be.within(expected / 2, expected + 3 * Math.sqrt(expected));
  });

  it('nothing is estimated where schedules are not drawn at random', async () => {
    const { coverage } = await search('dfs', 20);
    expect([coverage.orders.unseen, coverage.readsFrom.unseen, coverage.pairs.newPerSchedule]).to.deep.equal([null, null, null]);
    expect(coverage.orders.distinct).to.be.greaterThan(0);
  });

  it('of a long search a part of the schedules is looked at', async () => {
    const report = await search('pos', OBSERVED_FIRST + 100);
    expect([report.schedules, report.coverage.schedules]).to.deep.equal([1100, 1013]);
  });
});
