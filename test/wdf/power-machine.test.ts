import { expect } from 'chai';
import { describe, it } from 'mocha';
import { BugCheck, DRIVER_POWER_STATE_FAILURE, STATUS_DEVICE_REMOVED, type NtStatus, type Violation } from '../../src/nt/index.js';
import { EventRing, VirtualClock, type Suspending } from '../../src/kernel/index.js';
import { ControlledScheduler } from '../../src/backends/controlled-scheduler.js';
import { RandomWalk } from '../../src/explore/strategies/random-walk.js';
import { Machine } from '../../src/machine/machine.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { createStrands } from '../../src/machine/strands.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { IoQueue, type Device, type DeviceInit, type DriverConfig, type Request } from '../../src/wdf/index.js';
import { plx9x5x } from '../../src/scenarios/samples/plx9x5x.js';
import { ring } from '../../src/scenarios/samples/ring.js';

/** Traffic of a sample on its device model, with `actor` on a virtual CPU beside it, in the order a seed draws. */
function underTraffic(scenario: Scenario, seed: number, actor: (device: Device) => Suspending<void>): Machine {
  const clock = new VirtualClock();
  const parameters = resolveParameters(scenario, { seed, workload: { requests: 12, outstanding: 4, maxBytes: 4096 } });
  const machine = new Machine(parameters, { hosts: 0, clock, events: new EventRing(4096) });
  const strategy = new RandomWalk();
  strategy.newExecution(seed);
  machine.prologue();
  const scheduler = new ControlledScheduler(machine.kernel, createStrands(machine, clock), strategy);
  machine.kernel.gate = scheduler;
  const cpu = machine.kernel.vcpus[1]!;
  cpu.queueThread('power', cpu.objectId, actor(machine.devices[0]!.device!));
  scheduler.run();
  // Nothing can run: if somebody waits for what will not come, time passes until his watchdog notices.
  while (machine.kernel.expireWatchdog()) scheduler.run();
  return machine;
}

describe('power under traffic on the device models', () => {
  for (const scenario of [ring, plx9x5x]) {
    it(`${scenario.name}: D0 to D3 and back three times; every request completes once with the right bytes`, () => {
      for (let seed = 1; seed <= 15; seed++) {
        let cycles = 0;
        const machine = underTraffic(scenario, seed, function* (device): Suspending<void> {
          for (; cycles < 3; cycles++) {
            yield* device.powerDown();
            expect(device.pnpState).to.equal('Dx');
            yield* device.powerUp();
          }
        });
        expect([cycles, machine.isDone, machine.kernel.findings.kept.map(({ message }) => message)]).to.deep.equal([3, true, []]);
        machine.epilogue();
        expect(machine.kernel.findings.total).to.equal(0);
      }
    });
  }
});

/** A driver that only keeps requests; with a `status`, it lets go of them in EvtIoStop. */
function keeper(held: Set<Request>, status: NtStatus | null): DriverConfig {
  return {
    name: 'keeper',
    *evtDriverDeviceAdd(init: DeviceInit): Suspending<NtStatus> {
      const created = init.create();
      if (!created.ok) return created.status;
      const queue = IoQueue.create(created.object, {
        dispatchType: 'parallel',
        evtIoDefault: (_queue, request) => void held.add(request),
        ...(status === null
          ? {}
          : {
              *evtIoStop(_queue: IoQueue, request: Request): Suspending<void> {
                held.delete(request);
                yield* request.complete(status);
              },
            }),
      });
      if (queue.ok) created.object.setDefaultQueue(queue.object);
      return queue.status;
    },
  };
}

describe('surprise removal on the device models', () => {
  it('§10 a driver that waits for hardware that is gone hangs the power thread: B01 names its requests', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const held = new Set<Request>();
      const device = { ...ring.devices[0]!, driver: keeper(held, null) };
      const outcome = crashed({ ...ring, devices: [device] }, seed, function* (each): Suspending<void> {
        while (held.size < 4) yield* each.queues[0]!.findRequest();
        yield* each.surpriseRemove();
      });
      expect(outcome).to.include({ rule: 'B01', severity: 'crash' });
      expect(outcome!.bugCheck!.code).to.equal(DRIVER_POWER_STATE_FAILURE);
      expect(outcome!.message).to.contain('surpriseRemove of ring').and.contain('4 requests of IoQueue#');
    }
  });

  it('§10 the ring driver finishes its transfers without the device, whenever it is pulled', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const machine = underTraffic(ring, seed, (device) => device.surpriseRemove());
      expect([machine.isDone, machine.devices[0]!.device!.pnpState]).to.deep.equal([true, 'SurpriseRemoved']);
      machine.epilogue();
      expect(machine.kernel.findings.kept.filter(({ rule }) => rule !== 'L-REQUEST-FAILED')).to.deep.equal([]);
    }
  });

  it('§10 a driver that finishes its requests in EvtIoStop goes through: the engine stands still, later requests are refused', () => {
    const held = new Set<Request>();
    const device = { ...ring.devices[0]!, driver: keeper(held, STATUS_DEVICE_REMOVED) };
    for (let seed = 1; seed <= 10; seed++) {
      const machine = underTraffic({ ...ring, devices: [device] }, seed, (each) => each.surpriseRemove());
      const view = machine.views[0]!;
      expect([held.size, machine.devices[0]!.device!.pnpState, view.isPresent, machine.isDone]).to.deep.equal([
        0,
        'SurpriseRemoved',
        false,
        true,
      ]);
      expect(view.readRegister(0, 4)).to.equal(0xffff_ffff);
      expect(new Set(machine.kernel.findings.kept.map(({ rule }) => rule)), 'the traffic sees its requests fail').to.deep.equal(
        new Set(['L-REQUEST-FAILED']),
      );
    }
  });
});

/** The violation the machine died of; null when it lives. */
function crashed(scenario: Scenario, seed: number, actor: (device: Device) => Suspending<void>): Violation | null {
  try {
    underTraffic(scenario, seed, actor);
  } catch (error) {
    if (error instanceof BugCheck) return error.violation;
    throw error;
  }
  return null;
}
