import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend, RecordedBackend, type Execution, type Ratio, type Recording } from '../../src/backends/index.js';
import { FollowOrder, Replay } from '../../src/explore/index.js';
import { EventKind, type Suspending } from '../../src/kernel/index.js';
import { loadDeviceModules } from '../../src/machine/device-modules.js';
import { resolveParameters, type MachineParameters, type Overrides } from '../../src/machine/parameters.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import * as faulty from '../scenarios/faults/drivers.js';
import type { Device } from '../../src/wdf/index.js';
import { SmallDriver, smallContext } from '../scenarios/faults/small-driver.js';

const builtIn = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;

const small = (driver: SmallDriver, model = 'sgring', requests = 12): Scenario =>
  defineScenario({
    name: 'small',
    title: 'a small driver',
    devices: [{ name: 'board', model, driver }],
    workload: { requests, outstanding: 4, maxMdls: 1 },
  });

const deviceUrl = (name: string): string => new URL(`../scenarios/faults/${name}.js`, import.meta.url).href;

/** EvtIo reads a register until it holds what it never will. */
class PollsForEver extends SmallDriver {
  override *evtIo(device: Device): Suspending<void> {
    while ((yield* smallContext(device).registers.read32(0)) !== 0x1234_5678);
  }
}

/** A recording backend with started threads, and the parameters for a controlled one beside it. */
async function recording(
  scenario: Scenario,
  overrides: Overrides,
  body: (backend: RecordedBackend, parameters: MachineParameters) => void,
  preempt: Ratio | null = null,
): Promise<void> {
  await loadDeviceModules(scenario);
  const parameters = resolveParameters(scenario, overrides);
  const backend = new RecordedBackend(parameters, preempt);
  try {
    await backend.start();
    body(backend, parameters);
  } finally {
    await backend.stop();
  }
}

/** All that two executions must have in common. */
const facts = ({ steps, eventHash, memoryHash, findings, requests, bytes }: Omit<Execution, 'choices'>): unknown => ({
  steps,
  eventHash,
  memoryHash,
  findings,
  requests,
  bytes,
});

/** Follows a recording under control and expects the same, to the hashes. */
function expectExact(backend: ControlledBackend, { execution, order, isExact }: Recording, what: string): Execution {
  expect(isExact).to.equal(true);
  const follow = new FollowOrder(order);
  follow.newExecution();
  const followed = backend.execute(follow);
  expect(follow.divergence(), what).to.equal(null);
  expect(facts(followed), what).to.deep.equal(facts(execution));
  return followed;
}

describe('recorded: what happens on real threads happens again under control', function () {
  this.timeout(90_000);

  const preempt = { numerator: 1, denominator: 20 };
  const rows: readonly (readonly [string, number, Overrides, Ratio | null])[] = [
    ['plx9x5x', 150, { seed: 1, workload: { requests: 4, outstanding: 2 } }, preempt],
    ['ring', 120, { seed: 2, workload: { requests: 4, outstanding: 2 }, machine: { addressing: 'iommu' } }, preempt],
    ['plx9x5x-cancel', 120, { seed: 3, workload: { requests: 4, outstanding: 2, cancelPerMillion: 300_000 } }, null],
    ['demo', 60, { seed: 4, workload: { requests: 6, outstanding: 2 }, machine: { addressing: 'bounce32' } }, preempt],
    ['systemdma', 40, { seed: 5, workload: { requests: 3, outstanding: 2, cancelPerMillion: 200_000 } }, null],
    ['ring', 10, { seed: 6, workload: { requests: 12, outstanding: 4, powerCyclesPerMillion: 200_000 } }, preempt],
    ['ring', 10, { seed: 7, workload: { requests: 12, outstanding: 4, unplugPerMillion: 100_000 } }, null],
  ];
  for (const [name, count, overrides, rate] of rows) {
    it(`${name}: ${count} recordings come to the same events, memory and findings (${JSON.stringify(overrides.workload)})`, async () => {
      await recording(
        builtIn(name),
        overrides,
        (recorded, parameters) => {
          const controlled = new ControlledBackend(parameters);
          const orders = new Set<string>();
          for (let i = 0; i < count; i++) {
            const made = recorded.execute();
            expectExact(controlled, made, `recording ${i}`);
            orders.add(made.execution.eventHash);
            expect(Object.keys(made.execution.deviceStepsByThread)).to.not.include('0');
          }
          // The operating system does decide something.
          expect(orders.size).to.be.greaterThan(1);
        },
        rate,
      );
    });
  }

  it('the trace names the worker of every device step', async () => {
    await recording(builtIn('demo'), { seed: 1, workload: { requests: 4 } }, (recorded) => {
      const { execution } = recorded.execute();
      const counts: Record<string, number> = {};
      for (const { kind, thread } of recorded.events.newest())
        if (kind === EventKind.DeviceStep) counts[thread] = (counts[thread] ?? 0) + 1;
      expect(counts).to.deep.equal(execution.deviceStepsByThread);
      expect(Object.keys(counts)).to.have.length(2);
    });
  });

  it('one changed operation is noticed: it cannot be followed, or the events are others', async () => {
    await recording(builtIn('plx9x5x'), { seed: 8, workload: { requests: 8, outstanding: 4 } }, (recorded, parameters) => {
      const controlled = new ControlledBackend(parameters);
      const made = recorded.execute();
      const { choices } = expectExact(controlled, made, 'as recorded');
      const recordedChoices = [...choices];
      const strands = [...new Set(recordedChoices)];
      let changes = 0;
      for (let at = 0; at < recordedChoices.length; at++) {
        for (const other of strands.filter((strand) => strand !== recordedChoices[at])) {
          const replay = new Replay(recordedChoices.map((choice, i) => (i === at ? other : choice)));
          replay.newExecution();
          const { eventHash } = controlled.execute(replay);
          expect(replay.divergence() !== null || eventHash !== made.execution.eventHash, `choice ${at} is ${other}`).to.equal(true);
          changes++;
        }
      }
      expect(changes).to.be.greaterThan(30);
    });
  });

  for (const [rule, driver] of [
    ['A36', new faulty.PointsPastMapping('past')],
    ['L-QUIESCENCE', new faulty.LosesRequest('loses')],
    ['L-DEADLOCK', new faulty.LocksInOppositeOrder('opposite order')],
  ] as const) {
    it(`${rule}: a failure on threads fails under control alike, to the message and the hash`, async () => {
      await recording(
        small(driver),
        { seed: 21 },
        (recorded, parameters) => {
          const controlled = new ControlledBackend(parameters);
          let failures = 0;
          for (let i = 0; i < 400 && failures < 3; i++) {
            const made = recorded.execute();
            expectExact(controlled, made, `recording ${i}`);
            if (made.execution.findings[0]?.rule === rule) failures++;
          }
          expect(failures).to.equal(3);
        },
        { numerator: 1, denominator: 4 },
      );
    });
  }

  it('a driver that polls for ever is L-STEP-BOUND at the same operation', async () => {
    await recording(small(new PollsForEver('polls')), { seed: 5, livelocks: false }, (recorded, parameters) => {
      const made = recorded.execute();
      expect(made.execution.findings.map(({ rule }) => rule)).to.deep.equal(['L-STEP-BOUND']);
      expectExact(new ControlledBackend(parameters), made, 'the bound');
    });
  });

  it('code that draws lots is not exact, and that is seen', async () => {
    await recording(small(new faulty.ThrowsDice('dice')), { seed: 5 }, (recorded, parameters) => {
      const controlled = new ControlledBackend(parameters);
      let differences = 0;
      for (let i = 0; i < 40; i++) {
        const { execution, order } = recorded.execute();
        const follow = new FollowOrder(order);
        follow.newExecution();
        const followed = controlled.execute(follow);
        if (follow.divergence() !== null || followed.memoryHash !== execution.memoryHash || followed.eventHash !== execution.eventHash)
          differences++;
      }
      expect(differences).to.be.greaterThan(0);
    });
  });

  for (const [model, words] of [
    ['throwing-device', 'the gearbox is out of gears'],
    ['hanging-device', 'no sign of life'],
    ['sleeping-device', 'no sign of life'],
    ['exiting-device', 'no sign of life'],
  ] as const) {
    it(`${model}: a worker that dies with the order lock in hand blocks nobody, and the recording is not exact`, async () => {
      await recording(small(new SmallDriver(), deviceUrl(model), 30), { seed: 2 }, (recorded) => {
        const { execution, isExact } = recorded.execute();
        expect(execution.findings.map(({ rule }) => rule)).to.deep.equal(['L-ENGINE-LOST']);
        expect(execution.findings[0]!.message).to.contain(words);
        expect(isExact).to.equal(false);
      });
    });
  }
});
