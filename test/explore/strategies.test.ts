import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  DelayBounded,
  Dfs,
  FairTail,
  GuidedRun,
  ModelLoop,
  Pct,
  Pos,
  PreemptionBounded,
  RandomWalk,
  strategies,
  Surw,
  cancelRace,
} from '../../src/explore/index.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { deriveSeed, makeOp, OpKind } from '../../src/kernel/index.js';
import { pollingModel, recording, straightModel } from './models.js';

const write = (object: number): number => makeOp(object, OpKind.Write);
const writes = (object: number, count: number): number[] => Array<number>(count).fill(write(object));

/** Orders of strands that a strategy makes of a model, one a seed. */
function ordersOf(strategy: Strategy, model = cancelRace('planted'), seeds = 50): string[] {
  const loop = new ModelLoop(model);
  const recorder = recording(strategy);
  const orders: string[] = [];
  for (let seed = 0; seed < seeds && recorder.newExecution(deriveSeed(seed, 'schedule')); seed++) {
    loop.run(recorder);
    orders.push(recorder.history.strands.join(''));
  }
  return orders;
}

describe('strategies', () => {
  for (const each of strategies) {
    const { name } = each;
    const create = (): Strategy => each.create();
    it(`${name}: equal seeds make equal searches, and orders are many`, () => {
      const first = ordersOf(create());
      expect(ordersOf(create())).to.deep.equal(first);
      expect(new Set(first).size).to.be.greaterThan(8);
    });

    it(`${name}: polling ends, because the tail is fair`, () => {
      const loop = new ModelLoop(pollingModel(300));
      const strategy = create();
      for (let seed = 0; seed < 20 && strategy.newExecution(seed); seed++) {
        loop.run(strategy);
        expect(loop.steps).to.be.at.most(20_000 + 2 * 301 + 2);
      }
    });
  }

  it('without a fair tail a poller with the highest priority would never end; with one it ends soon after', () => {
    const always = { name: 'first', newExecution: () => true, pick: () => 0, executed: () => undefined, finished: () => undefined };
    const loop = new ModelLoop(pollingModel(10));
    for (const after of [0, 100, 5000]) {
      const fair = new FairTail(always, after);
      fair.newExecution(1);
      loop.run(fair);
      expect(loop.steps).to.be.within(after, after + 2 * 11 + 2);
      expect(fair.leftOut).to.equal(true);
    }
  });

  it('a tail nobody reached leaves nothing out', () => {
    const fair = new FairTail(new RandomWalk());
    fair.newExecution(1);
    new ModelLoop(cancelRace('fixed')).run(fair);
    expect(fair.leftOut).to.equal(false);
  });
});

describe('pct', () => {
  it('of depth 1 never preempts: whoever is highest runs to its end', () => {
    const orders = ordersOf(new Pct(1), straightModel(writes(1, 4), writes(1, 4), writes(1, 4)), 200);
    expect(new Set(orders).size).to.equal(6);
    expect(orders.every((order) => /^(0000|1111|2222)+$/.test(order))).to.equal(true);
  });

  it('of depth d switches at most d - 1 times more than strands end', () => {
    for (const depth of [2, 3, 4]) {
      const orders = ordersOf(new Pct(depth), straightModel(writes(1, 6), writes(1, 6), writes(1, 6)), 300);
      const switches = orders.map((order) => [...order].filter((strand, i) => i > 0 && strand !== order[i - 1]).length);
      expect(Math.max(...switches)).to.equal(2 + depth - 1);
    }
  });
});

describe('pos', () => {
  it('samples the two orders of one conflict evenly, however much independent work stands before one of them', () => {
    const model = straightModel([...writes(1, 20), write(9)], [write(9)]);
    const counts = (strategy: Strategy): number => ordersOf(strategy, model, 2000).filter((order) => order.endsWith('1')).length;
    // A walk gets to the second strand long before the first is through; POS tosses a coin when both stand there.
    expect(counts(new RandomWalk())).to.be.lessThan(10);
    expect(counts(new Pos())).to.be.greaterThan(60);
  });
});

describe('surw', () => {
  it('samples the orders at one object evenly, where a walk does not', () => {
    const model = straightModel(writes(1, 2), writes(1, 6));
    const spread = (strategy: Strategy): number => {
      const counts = new Map<string, number>();
      for (const order of ordersOf(strategy, model, 5600)) counts.set(order, (counts.get(order) ?? 0) + 1);
      expect(counts.size).to.equal(28);
      return Math.max(...counts.values()) / Math.min(...counts.values());
    };
    expect(spread(new Surw())).to.be.lessThan(2);
    expect(spread(new RandomWalk())).to.be.greaterThan(4);
  });
});

describe('systematic search', () => {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  for (const lengths of [[3, 3], [2, 2, 2], [1, 4, 2], [5]]) {
    it(`dfs of strands of ${lengths.join(', ')} operations makes every order once`, () => {
      const total = lengths.reduce((sum, length) => sum + length, 0);
      const expected = lengths.reduce((product, length) => product / factorial(length), factorial(total));
      const orders = ordersOf(new Dfs(), straightModel(...lengths.map((length) => writes(1, length))), 1_000_000);
      expect(orders).to.have.length(expected);
      expect(new Set(orders).size).to.equal(expected);
    });
  }

  const model = straightModel(writes(1, 3), writes(1, 3), writes(1, 2));
  const all = new Set(ordersOf(new Dfs(), model, 1_000_000));

  it('with a bound makes exactly the orders within it, cheapest first, and says what it left out', () => {
    const preemptionsOf = new Map<string, number>();
    const guide = new GuidedRun();
    const loop = new ModelLoop(model);
    for (const order of all) {
      guide.follow([...order].map((strand) => ({ strand: Number(strand), length: 1 })));
      loop.run(guide);
      preemptionsOf.set(order, guide.preemptions);
    }
    for (const bound of [0, 1, 2, 3]) {
      const search = new PreemptionBounded(bound);
      const orders = ordersOf(search, model, 1_000_000);
      const within = [...all].filter((order) => preemptionsOf.get(order)! <= bound);
      expect([...new Set(orders)].sort()).to.deep.equal(within.sort());
      expect(preemptionsOf.get(orders[0]!)).to.equal(0);
      expect(search.leftOut).to.equal(within.length < all.size);
    }
  });

  for (const [name, search] of [
    ['preemptions', new PreemptionBounded(50)],
    ['delays', new DelayBounded(50)],
  ] as const) {
    it(`with room for all ${name} is complete, and ends`, () => {
      expect(new Set(ordersOf(search, model, 1_000_000))).to.deep.equal(all);
      expect(search.leftOut).to.equal(false);
      expect(search.newExecution(0)).to.equal(false);
    });
  }

  it('a delay is at least as dear as a preemption: fewer orders within the same bound', () => {
    for (const bound of [1, 2]) {
      const delays = new Set(ordersOf(new DelayBounded(bound), model, 1_000_000));
      const preemptions = new Set(ordersOf(new PreemptionBounded(bound), model, 1_000_000));
      expect(delays.size).to.be.lessThan(preemptions.size);
      for (const order of delays) expect(preemptions.has(order)).to.equal(true);
    }
  });
});
