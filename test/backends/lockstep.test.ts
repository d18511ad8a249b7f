import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend, LockstepBackend, type Execution } from '../../src/backends/index.js';
import { replaySchedule, RandomWalk, Replay, scheduleOf } from '../../src/explore/index.js';
import { EventKind } from '../../src/kernel/index.js';
import { loadDeviceModules } from '../../src/machine/device-modules.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import * as faulty from '../scenarios/faults/drivers.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';

const builtIn = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;

const small = (driver: SmallDriver, model = 'sgring'): Scenario =>
  defineScenario({
    name: 'small',
    title: 'a small driver',
    devices: [{ name: 'board', model, driver }],
    workload: { requests: 12, outstanding: 4, maxMdls: 1 },
  });

const deviceUrl = (name: string): string => new URL(`../scenarios/faults/${name}.js`, import.meta.url).href;

/** Runs `body` with started worker threads and ends them. */
async function inLockstep<T>(scenario: Scenario, overrides: Overrides, body: (backend: LockstepBackend) => T): Promise<T> {
  await loadDeviceModules(scenario);
  const backend = new LockstepBackend(resolveParameters(scenario, overrides));
  await backend.start();
  try {
    return body(backend);
  } finally {
    await backend.stop();
  }
}

interface Golden {
  readonly execution: Execution;
  readonly choices: readonly number[];
}

/** A controlled execution under a random walk, and what it chose. */
function golden(backend: ControlledBackend, seed: number): Golden {
  const walk = new RandomWalk();
  walk.newExecution(seed);
  const execution = backend.execute(walk);
  return { execution, choices: [...execution.choices] };
}

/** The same choices again, followed to the letter. */
function follow(backend: LockstepBackend, { choices }: Golden): Execution {
  const replay = new Replay(choices);
  replay.newExecution();
  const execution = backend.execute(replay);
  expect(replay.divergence()).to.equal(null);
  return execution;
}

const facts = ({ steps, eventHash, memoryHash, findings, requests, bytes }: Execution): unknown => ({
  steps,
  eventHash,
  memoryHash,
  findings,
  requests,
  bytes,
});

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);

describe('lockstep: a schedule of the controlled backend on worker threads', function () {
  this.timeout(60_000);

  const golds: readonly (readonly [string, number, Overrides])[] = [
    ['plx9x5x', 15, { seed: 5, workload: { requests: 4, outstanding: 2 } }],
    ['ring', 15, { seed: 6, workload: { requests: 4, outstanding: 2 }, machine: { addressing: 'bounce32' } }],
    ['plx9x5x-cancel', 20, { seed: 7, workload: { requests: 4, outstanding: 2, cancelPerMillion: 300_000 } }],
    ['demo', 6, { seed: 8, workload: { requests: 4, outstanding: 2 }, machine: { addressing: 'iommu' } }],
    ['systemdma', 3, { seed: 9, workload: { requests: 3, outstanding: 2 } }],
  ];
  for (const [name, seeds, overrides] of golds) {
    it(`${name}: the same hashes, findings and steps for ${seeds} seeds, every device step on a worker`, async () => {
      const scenario = builtIn(name);
      const controlled = new ControlledBackend(resolveParameters(scenario, overrides));
      await inLockstep(scenario, overrides, (lockstep) => {
        for (let seed = 0; seed < seeds; seed++) {
          const gold = golden(controlled, seed);
          const execution = follow(lockstep, gold);
          expect(facts(execution), `seed ${seed}`).to.deep.equal(facts(gold.execution));
          expect(sum(execution.deviceStepsByThread)).to.equal(sum(gold.execution.deviceStepsByThread)).and.greaterThan(0);
          expect(Object.keys(execution.deviceStepsByThread)).to.not.include('0');
        }
      });
    });
  }

  it('the trace names the thread of every device step, one a host', async () => {
    await inLockstep(builtIn('demo'), { seed: 1, workload: { requests: 4 } }, (lockstep) => {
      const walk = new RandomWalk();
      walk.newExecution(1);
      const { deviceStepsByThread } = lockstep.execute(walk);
      const counts: Record<string, number> = {};
      for (const { kind, thread } of lockstep.controlled.events.newest())
        if (kind === EventKind.DeviceStep) counts[thread] = (counts[thread] ?? 0) + 1;
      expect(counts).to.deep.equal(deviceStepsByThread);
      expect(Object.keys(counts)).to.have.length(2);
    });
  });

  const faults: readonly (readonly [string, SmallDriver])[] = [
    ['L-DEADLOCK', new faulty.LocksInOppositeOrder('opposite order')],
    ['A36', new faulty.PointsPastMapping('past')],
  ];
  for (const [rule, driver] of faults) {
    it(`${rule}: a failing schedule fails alike, to the message and the hash`, async () => {
      const scenario = small(driver);
      const overrides: Overrides = { seed: 21 };
      const controlled = new ControlledBackend(resolveParameters(scenario, overrides));
      let failing: Golden | null = null;
      for (let seed = 0; seed < 2000 && failing === null; seed++) {
        const gold = golden(controlled, seed);
        if (gold.execution.findings[0]?.rule === rule) failing = gold;
      }
      expect(failing).to.not.equal(null);
      const schedule = scheduleOf({ reference: 'small', strategy: 'random', overrides, ...failing! });
      const report = await replaySchedule(scenario, schedule, 'f.json', 'dmalab', 'lockstep');
      expect(report).to.include({ verdict: 'finding', backend: 'lockstep', divergence: null, memoryHash: schedule.memoryHash });
      expect(report.findings.map(({ rule: found, message }) => [found, message])).to.deep.equal(
        failing!.execution.findings.map((finding) => [finding.rule, finding.message]),
      );
      expect(report.findings[0]!.replay).to.equal('dmalab replay f.json --backend lockstep');
    });
  }

  it('a changed choice diverges', async () => {
    const overrides: Overrides = { seed: 3, workload: { requests: 2 } };
    const controlled = new ControlledBackend(resolveParameters(builtIn('ring'), overrides));
    const gold = golden(controlled, 4);
    const choices = gold.choices.map((choice, i) => (i === 9 ? 4000 : choice));
    const schedule = scheduleOf({ reference: 'ring', strategy: 'random', overrides, execution: gold.execution, choices });
    const report = await replaySchedule(builtIn('ring'), schedule, 'f.json', 'dmalab', 'lockstep');
    expect(report.verdict).to.equal('diverged');
    expect(report.divergence!.step).to.equal(9);
  });

  for (const [model, words] of [
    ['throwing-device', 'the gearbox is out of gears'],
    ['hanging-device', 'no sign of life'],
    ['exiting-device', 'no sign of life'],
  ] as const) {
    it(`${model}: a worker that does not answer its grant is L-ENGINE-LOST, not a hang`, async () => {
      const execution = await inLockstep(small(new SmallDriver(), deviceUrl(model)), { seed: 2 }, (lockstep) => {
        const walk = new RandomWalk();
        walk.newExecution(1);
        return lockstep.execute(walk);
      });
      expect(execution.findings.map(({ rule }) => rule)).to.deep.equal(['L-ENGINE-LOST']);
      expect(execution.findings[0]!.message).to.contain(words);
    });
  }
});
