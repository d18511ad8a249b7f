import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend, type Execution } from '../../src/backends/controlled.js';
import {
  CONTROLLED_REQUESTS,
  DelayBounded,
  FairTail,
  RandomWalk,
  Replay,
  SCHEDULE_FORMAT,
  SCHEDULE_VERSION,
  VERIFIED_FIRST,
  controlledOverrides,
  encodeChoices,
  explore,
  flattenOverrides,
  replaySchedule,
  strategies,
  type ExploreSettings,
  type Schedule,
} from '../../src/explore/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

const scenario = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;

interface Recorded {
  readonly choices: readonly number[];
  readonly execution: Execution;
  readonly backend: ControlledBackend;
  readonly overrides: Overrides;
}

/** One execution under a random walk. */
function record(name: string, seed: number): Recorded {
  const overrides = controlledOverrides(scenario(name), { seed });
  const backend = new ControlledBackend(resolveParameters(scenario(name), overrides));
  const walk = new RandomWalk();
  walk.newExecution(seed);
  const execution = backend.execute(walk);
  return { backend, execution, overrides, choices: Array.from(execution.choices) };
}

function scheduleOf(name: string, { overrides, execution, choices }: Recorded): Schedule {
  return {
    format: SCHEDULE_FORMAT,
    version: SCHEDULE_VERSION,
    scenario: name,
    seed: overrides.seed,
    strategy: 'random',
    parameters: flattenOverrides(overrides),
    choices: encodeChoices(choices),
    eventHash: execution.eventHash,
    memoryHash: execution.memoryHash,
    finding: null,
  };
}

function settings(outDir: string, more: Partial<ExploreSettings> = {}): ExploreSettings {
  return {
    overrides: { seed: 5 },
    strategy: new RandomWalk(),
    schedules: 30,
    outDir,
    scenarioReference: 'plx9x5x',
    program: 'dmalab',
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...more,
  };
}

describe('controlled execution', () => {
  for (const name of ['plx9x5x', 'ring', 'demo']) {
    it(`${name}: the same choices give the same events and memory, other choices others`, () => {
      const { backend, choices, execution } = record(name, 3);
      const { steps, eventHash, memoryHash, bytes } = execution;
      expect(choices.length).to.be.greaterThan(20);
      const replay = new Replay(choices);
      for (let i = 0; i < 5; i++) {
        replay.newExecution();
        expect(backend.execute(replay)).to.include({ steps, eventHash, memoryHash, bytes });
        expect(replay.divergence()).to.equal(null);
      }
      const other = record(name, 4);
      expect(other.execution.eventHash).to.not.equal(eventHash);
    });
  }

  it('a reset machine is a new one: a fresh backend comes to the same hashes', () => {
    const first = record('ring', 9);
    const walk = new RandomWalk();
    for (let seed = 0; seed < 5; seed++) {
      walk.newExecution(seed);
      first.backend.execute(walk);
    }
    walk.newExecution(9);
    const again = first.backend.execute(walk);
    const fresh = record('ring', 9).execution;
    expect([again.eventHash, again.memoryHash]).to.deep.equal([fresh.eventHash, fresh.memoryHash]);
    expect([first.execution.eventHash, first.execution.memoryHash]).to.deep.equal([fresh.eventHash, fresh.memoryHash]);
  });

  it('every choice is a strand that could run, and steps count every operation', () => {
    const { choices, execution, backend } = record('demo', 2);
    const known = backend.strandNames.length;
    expect(choices.every((choice) => choice >= 0 && choice < known)).to.equal(true);
    expect(execution.steps).to.be.at.least(choices.length);
    expect(Object.keys(execution.deviceStepsByThread)).to.deep.equal(['0']);
  });

  it('random walks of different seeds see different orders', () => {
    const hashes = new Set(Array.from({ length: 20 }, (_, seed) => record('plx9x5x', seed).execution.eventHash));
    expect(hashes.size).to.equal(20);
  });
});

describe('replaying a schedule', () => {
  for (const name of ['plx9x5x', 'ring']) {
    it(`${name}: a clean one runs to its end, ok, with the hashes of the file`, async () => {
      const recorded = record(name, 8);
      const schedule = scheduleOf(name, recorded);
      const report = await replaySchedule(scenario(name), schedule, 'file.json', 'dmalab');
      expect(report).to.include({
        verdict: 'ok',
        eventHash: schedule.eventHash,
        memoryHash: schedule.memoryHash,
        seed: 8,
        divergence: null,
        findingsTotal: 0,
      });
      expect(report.steps).to.equal(recorded.execution.steps);
    });
  }

  it('one choice that cannot be followed diverges at exactly that choice', async () => {
    const recorded = record('plx9x5x', 8);
    for (const at of [0, 1, 17, recorded.choices.length - 1]) {
      const choices = recorded.choices.map((choice, i) => (i === at ? 4000 : choice));
      const schedule = { ...scheduleOf('plx9x5x', recorded), choices: encodeChoices(choices) };
      const report = await replaySchedule(scenario('plx9x5x'), schedule, 'file.json', 'dmalab');
      expect(report.verdict).to.equal('diverged');
      expect(report.divergence!.step).to.equal(at);
      expect(report.divergence!.expected).to.contain('strand 4000');
      expect(report.divergence!.found).to.match(/strands? \d/);
    }
  });

  it('flipping any one choice is noticed: it diverges', async () => {
    const recorded = record('plx9x5x', 8);
    const { choices } = recorded;
    const others = [...new Set(choices)];
    for (let at = 0; at < choices.length; at += Math.ceil(choices.length / 25)) {
      for (const other of others.filter((strand) => strand !== choices[at])) {
        const flipped = choices.map((choice, i) => (i === at ? other : choice));
        const report = await replaySchedule(
          scenario('plx9x5x'),
          { ...scheduleOf('plx9x5x', recorded), choices: encodeChoices(flipped) },
          'f',
          'dmalab',
        );
        expect(report.verdict, `choice ${at} is ${other}`).to.equal('diverged');
        expect(report.divergence!.step).to.be.at.least(at);
        expect(report.divergence!.expected).to.not.equal(report.divergence!.found);
      }
    }
  });

  it('a schedule that is too short or too long diverges at its end', async () => {
    const recorded = record('ring', 6);
    const count = recorded.choices.length;
    const short = { ...scheduleOf('ring', recorded), choices: encodeChoices(recorded.choices.slice(0, -3)) };
    const shortReport = await replaySchedule(scenario('ring'), short, 'f', 'dmalab');
    expect(shortReport).to.include({ verdict: 'diverged' });
    expect(shortReport.divergence).to.deep.include({ step: count - 3, expected: 'the end of the schedule' });
    const long = { ...scheduleOf('ring', recorded), choices: encodeChoices([...recorded.choices, 0]) };
    const longReport = await replaySchedule(scenario('ring'), long, 'f', 'dmalab');
    expect(longReport.divergence).to.deep.include({ step: count, found: 'the end of the execution' });
  });

  it('another seed, scenario parameter or hash diverges', async () => {
    const recorded = record('ring', 6);
    const schedule = scheduleOf('ring', recorded);
    const changed: readonly Schedule[] = [
      { ...schedule, seed: 7 },
      { ...schedule, parameters: { ...schedule.parameters, 'machine.addressing': 'iommu' } },
      { ...schedule, eventHash: '0000000000000000' },
      { ...schedule, memoryHash: '0000000000000000' },
    ];
    for (const each of changed) {
      const report = await replaySchedule(scenario('ring'), each, 'f', 'dmalab');
      expect(report.verdict).to.equal('diverged');
      expect(report.divergence).to.not.equal(null);
    }
  });
});

describe('explore', () => {
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-explore-'))));
  after(() => rmSync(outDir, { recursive: true }));

  it('executes what it was asked for, each schedule twice, and leaves no file when nothing is found', async () => {
    const report = await explore(scenario('plx9x5x'), settings(outDir));
    expect(report).to.include({
      verdict: 'ok',
      schedules: 30,
      verifiedTwice: 30,
      strategy: 'random',
      seed: 5,
      exhausted: false,
      findingsTotal: 0,
    });
    expect(report.distinctHashes).to.equal(30);
    expect(report.steps).to.be.greaterThan(30 * CONTROLLED_REQUESTS);
    expect(Object.keys(report.deviceStepsByThread)).to.deep.equal(['0']);
    expect(readdirSync(outDir)).to.deep.equal([]);
  });

  it('of a long search executes the first thousand schedules and a sample of the others twice', async () => {
    const overrides = { seed: 5, workload: { requests: 1 } };
    const report = await explore(scenario('plx9x5x'), { ...settings(outDir), overrides, schedules: VERIFIED_FIRST + 100 });
    // 1024 and 1088 are multiples of 64.
    expect([report.verdict, report.schedules, report.verifiedTwice]).to.deep.equal(['ok', 1100, 1002]);
  }).timeout(20_000);

  it('is the same search for the same seed, and another for another', async () => {
    const search = async (seed: number): Promise<readonly unknown[]> => {
      const { steps, distinctHashes, deviceStepsByThread } = await explore(
        scenario('ring'),
        settings(outDir, { overrides: { seed }, schedules: 10 }),
      );
      return [steps, distinctHashes, deviceStepsByThread];
    };
    expect(await search(1)).to.deep.equal(await search(1));
    expect(await search(1)).to.not.deep.equal(await search(2));
  });

  it('ends when it is interrupted, with what it has', async () => {
    const abort = new AbortController();
    const onProgress = (): void => abort.abort();
    const report = await explore(scenario('demo'), settings(outDir, { schedules: 1_000_000, signal: abort.signal, onProgress }));
    expect(report.verdict).to.equal('interrupted');
    expect(report.schedules).to.be.greaterThan(0).and.lessThan(1_000_000);
  });

  it('stops when its strategy has nothing left', async () => {
    let left = 3;
    const once = { ...strategyOf(), newExecution: () => left-- > 0 };
    const report = await explore(scenario('plx9x5x'), settings(outDir, { strategy: once }));
    expect([report.schedules, report.exhausted, report.verdict]).to.deep.equal([3, true, 'ok']);
  });

  it('does not call a search exhausted that a bound ended', async () => {
    const noDelay = new FairTail(new DelayBounded(0));
    const report = await explore(scenario('plx9x5x'), settings(outDir, { strategy: noDelay }));
    expect([report.schedules, report.exhausted, report.verdict]).to.deep.equal([1, false, 'ok']);
  });

  it('every strategy orders a whole driver, each schedule the same twice', async () => {
    for (const each of strategies) {
      const { name } = each;
      const report = await explore(scenario('plx9x5x-cancel'), settings(outDir, { strategy: each.create(), schedules: 12 }));
      expect([report.strategy, report.verdict, report.verifiedTwice]).to.deep.equal([name, 'ok', 12]);
      expect(report.distinctHashes, name).to.be.greaterThan(6);
    }
  });

  function strategyOf(): ExploreSettings['strategy'] {
    return { name: 'first', newExecution: () => true, pick: () => 0, executed: () => undefined, finished: () => undefined };
  }

  it('has strategies by name, each a new one every time', () => {
    expect(strategies.map(({ name }) => name)).to.include('random');
    for (const strategy of strategies) {
      expect(strategy.create().name).to.equal(strategy.name);
      expect(strategy.create()).to.not.equal(strategy.create());
      expect(strategy.title).to.not.equal('');
    }
  });
});
