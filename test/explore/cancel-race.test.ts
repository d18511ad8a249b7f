import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Strategy } from '../../src/backends/strategy.js';
import { cancelRace, Dfs, FairPct, ModelLoop, Pct, Pos, RandomWalk, SourceDpor, type StrandModel } from '../../src/explore/index.js';
import { deriveSeed, makeOp, opObject, OpKind } from '../../src/kernel/index.js';
import { recording, straightModel, traceOf } from './models.js';

/** Schedules until the planted bug is found. */
function schedulesToBug(strategy: Strategy, seed: number): number {
  const loop = new ModelLoop(cancelRace('planted'));
  for (let schedule = 1; ; schedule++) {
    strategy.newExecution(deriveSeed(seed, `schedule ${schedule - 1}`));
    if (loop.run(strategy)) return schedule;
  }
}

function medianToBug(create: () => Strategy, seeds = 1000): number {
  const counts = Array.from({ length: seeds }, (_, seed) => schedulesToBug(create(), seed)).sort((a, b) => a - b);
  return counts[seeds >> 1]!;
}

interface BruteForce {
  readonly schedules: number;
  readonly wrong: number;
  readonly traces: ReadonlySet<string>;
  readonly wrongTraces: ReadonlySet<string>;
}

/** Every schedule of a model, and the traces they are. */
function enumerate(model: StrandModel): BruteForce {
  const loop = new ModelLoop(model);
  const search = recording(new Dfs());
  const traces = new Set<string>();
  const wrongTraces = new Set<string>();
  let schedules = 0;
  let wrong = 0;
  while (search.newExecution(0)) {
    const isWrong = loop.run(search);
    const trace = traceOf(search.history);
    schedules++;
    traces.add(trace);
    if (isWrong) wrong++;
    if (isWrong) wrongTraces.add(trace);
  }
  return { schedules, wrong, traces, wrongTraces };
}

describe('cancel-race-20', function () {
  this.timeout(30_000);

  it('has three strands and at most 20 operations', () => {
    const loop = new ModelLoop(cancelRace('planted'));
    const walk = new RandomWalk();
    let longest = 0;
    for (let seed = 0; seed < 5000; seed++) {
      walk.newExecution(seed);
      loop.run(walk);
      longest = Math.max(longest, loop.steps);
    }
    expect(longest).to.be.within(17, 20);
  });

  it('PCT-3 and POS find the planted bug within 30 schedules (median of 1,000 seeds)', () => {
    expect(medianToBug(() => new Pct(3))).to.be.at.most(30);
    expect(medianToBug(() => new Pos())).to.be.at.most(30);
    expect(medianToBug(() => new FairPct(3))).to.be.at.most(40);
  });

  it('a random walk needs ten times as many', () => {
    expect(medianToBug(() => new RandomWalk(), 300)).to.be.greaterThan(200);
  });

  it('the repaired one: 83,230 schedules, none of them wrong, and DFS ends', () => {
    const { schedules, wrong } = enumerate(cancelRace('fixed'));
    expect([schedules, wrong]).to.deep.equal([83_230, 0]);
  });
});

describe('source-DPOR', function () {
  this.timeout(30_000);
  const write = (object: number): number => makeOp(object, OpKind.Write);
  const read = (object: number): number => makeOp(object, OpKind.Read);

  it('ends the repaired cancel race in 20 executions, one for each trace there is', () => {
    const { traces } = enumerate(cancelRace('fixed'));
    const result = new SourceDpor(cancelRace('fixed')).run();
    expect(result).to.deep.equal({ executions: 20, sleepSetBlocked: 0, wrong: 0 });
    expect(traces.size).to.equal(20);
  });

  it('of the planted one sees every trace and every wrong trace', () => {
    const { traces, wrongTraces } = enumerate(cancelRace('planted'));
    const { executions, wrong } = new SourceDpor(cancelRace('planted')).run();
    expect([executions, wrong]).to.deep.equal([traces.size, wrongTraces.size]);
    expect(wrong).to.be.greaterThan(0);
  });

  const litmus: readonly (readonly [name: string, model: () => StrandModel])[] = [
    ['store buffering', () => straightModel([write(1), read(2)], [write(2), read(1)])],
    ['message passing', () => straightModel([write(1), write(2)], [read(2), read(1)])],
    ['independent reads of independent writes', () => straightModel([write(1)], [write(2)], [read(1), read(2)], [read(2), read(1)])],
    ['load buffering', () => straightModel([read(1), write(2)], [read(2), write(1)])],
    ['two plus two writes', () => straightModel([write(1), write(2)], [write(2), write(1)])],
    ['one writer, three readers', () => straightModel([write(1), write(1)], [read(1)], [read(1)], [read(1)])],
    ['three writers of one word', () => straightModel([write(1), write(1)], [write(1)], [write(1)])],
    ['nothing shared', () => straightModel([write(1), write(1)], [write(2)], [read(3), write(3)])],
    ['a chain', () => straightModel([write(1), write(2)], [read(1), write(3)], [read(2), read(3)])],
  ];
  for (const [name, model] of litmus) {
    it(`${name}: as many executions as traces`, () => {
      expect(new SourceDpor(model()).run().executions).to.equal(enumerate(model()).traces.size);
    });
  }

  it('with two dependent operations called independent misses traces: the check would notice', () => {
    const requestState = 5;
    const blind = (a: number, b: number): boolean =>
      opObject(a) === opObject(b) && opObject(a) !== requestState && !((a & 15) === OpKind.Read && (b & 15) === OpKind.Read);
    const { traces, wrongTraces } = enumerate(cancelRace('planted'));
    const { executions, wrong } = new SourceDpor(cancelRace('planted'), blind).run();
    expect(executions).to.be.lessThan(traces.size);
    expect(wrong).to.be.lessThan(wrongTraces.size);
  });

  it('can be run again and comes to the same', () => {
    const search = new SourceDpor(cancelRace('planted'));
    expect(search.run()).to.deep.equal(search.run());
  });
});
