import { expect } from 'chai';
import { describe, it } from 'mocha';
import { EventKind, hostTurn } from '../../src/kernel/index.js';
import type { Overrides } from '../../src/machine/parameters.js';
import type { MachineConfig, Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { controlled, onThreads, type Outcome } from './runs.js';

/** One suite, two backends: what must hold of every run, however its order came about. */

const scenario = (name: string): Scenario => builtInScenarios.find((each) => each.name === name)!;
const scenarios = ['plx9x5x', 'ring', 'amcc5933', 'demo'].map(scenario);
const addressings: readonly MachineConfig['addressing'][] = ['direct', 'bounce32', 'iommu'];

interface Backend {
  readonly name: string;
  readonly requests: number;
  readonly run: (scenario: Scenario, overrides: Overrides) => Promise<Outcome>;
}
const preempt = { numerator: 1, denominator: 20 };
const backends: readonly Backend[] = [
  { name: 'threads', requests: 800, run: (each, overrides) => onThreads(each, overrides) },
  { name: 'threads with preemption', requests: 800, run: (each, overrides) => onThreads(each, overrides, { preempt }) },
  { name: 'threads on the event loop', requests: 200, run: (each, overrides) => onThreads(each, overrides, { blocking: false }) },
  { name: 'controlled', requests: 60, run: controlled },
];

/** Everything that was asked for happened, once, right, and left nothing. */
function expectClean(outcome: Outcome, requests: number): void {
  expect(outcome.findings.map(({ rule, message }) => `${rule}: ${message}`)).to.deep.equal([]);
  expect(outcome.requests).to.equal(requests);
  expect(outcome.bytes).to.be.greaterThan(requests * 63);
  expect(outcome.bytesVerified).to.equal(outcome.bytes);
  expect(outcome.perDevice.reduce((sum, device) => sum + device.requests, 0)).to.equal(requests);
  expect(outcome.perDevice.reduce((sum, device) => sum + device.bytes, 0)).to.equal(outcome.bytes);
}

for (const { name, requests, run } of backends) {
  describe(`behaviour on ${name}`, function () {
    this.timeout(60_000);
    for (const each of scenarios) {
      for (const addressing of addressings) {
        it(`${each.name}, ${addressing}: every request completes once with the right bytes, and nothing is left`, async () => {
          const outcome = await run(each, { seed: 11, machine: { addressing }, workload: { requests } });
          expectClean(outcome, requests);
        });
      }
    }

    for (const addressing of addressings) {
      it(`pcidrv, ${addressing}: frames that a slow device lost are sent again, all that were asked for complete, and nothing is left`, async () => {
        const {
          findings,
          requests: completed,
          bytes,
        } = await run(scenario('pcidrv'), { seed: 11, machine: { addressing }, workload: { requests } });
        expect(findings.map(({ rule, message }) => `${rule}: ${message}`)).to.deep.equal([]);
        expect(completed).to.be.at.least(requests);
        expect(bytes).to.be.greaterThan(requests * 30);
      });
    }

    it('reads only and writes only', async () => {
      for (const readsPercent of [0, 100])
        expectClean(await run(scenario('ring'), { seed: 3, workload: { requests: 40, readsPercent } }), 40);
    });

    it('few map registers: transfers wait for them and are split, nobody starves', async () => {
      for (const each of scenarios) {
        for (const [mapRegisters, addressing] of [
          [2, 'direct'],
          [3, 'iommu'],
          [16, 'bounce32'],
        ] as const) {
          expectClean(await run(each, { seed: 4, machine: { addressing, mapRegisters }, workload: { requests: 30 } }), 30);
        }
      }
    });

    it('many devices of a kind', async () => {
      const outcome = await run(scenario('demo'), { seed: 5, instances: 3, workload: { requests: 60 } });
      expectClean(outcome, 60);
      expect(outcome.perDevice).to.have.length(6);
      expect(outcome.perDevice.map((device) => device.requests)).to.deep.equal([10, 10, 10, 10, 10, 10]);
    });

    it('one request, and the smallest', async () => {
      for (const each of scenarios)
        expectClean(await run(each, { seed: 6, workload: { requests: 1, outstanding: 1, minBytes: 64, maxBytes: 64 } }), 1);
    });
  });
}

describe('a seed fixes the traffic', function () {
  this.timeout(30_000);
  for (const each of scenarios) {
    it(`${each.name}: the same requests and bytes per device on both backends and under every order`, async () => {
      const overrides: Overrides = { seed: 77, workload: { requests: 50 } };
      const outcomes = [
        await onThreads(each, overrides),
        await onThreads(each, overrides, { preempt }),
        await controlled(each, overrides),
        await controlled(each, { ...overrides, machine: { addressing: 'iommu', vcpus: 1 } }),
      ];
      const traffic = outcomes.map(({ perDevice }) => perDevice.map(({ device, requests, bytes }) => ({ device, requests, bytes })));
      for (const other of traffic.slice(1)) expect(other).to.deep.equal(traffic[0]);
      const otherSeed = await controlled(each, { ...overrides, seed: 78 });
      expect(otherSeed.bytes).to.not.equal(outcomes[0]!.bytes);
    });
  }
});

describe('stress interrupts drivers in the middle', function () {
  this.timeout(30_000);
  for (const each of scenarios) {
    it(`${each.name}: ISRs run nested in driver code on threads`, async () => {
      // Where other programs keep the engines from a processor, interrupts may all come while the driver waits for them.
      let nested = 0;
      for (let seed = 2; nested === 0 && seed < 8; seed++) {
        const { nestedInterrupts, interrupts } = await onThreads(each, { seed, workload: { requests: 1500 } }, { preempt });
        expect(interrupts).to.be.at.least(nestedInterrupts);
        nested = nestedInterrupts;
      }
      expect(nested).to.be.greaterThan(0);
    });
  }

  it('controlled executions nest them, too', async () => {
    expect((await controlled(scenario('plx9x5x'), { seed: 2, workload: { requests: 60 } })).nestedInterrupts).to.be.greaterThan(0);
  });
});

describe('what a controlled execution leaves', () => {
  it('is an empty machine: no request, map register, open page or device', async () => {
    for (const each of scenarios) {
      for (const addressing of addressings) {
        const { backend } = await controlled(each, { seed: 8, machine: { addressing }, workload: { requests: 20 } });
        const { machine } = backend;
        expect(machine.platform.pool.free).to.equal(machine.platform.pool.total);
        expect(machine.platform.adapters).to.deep.equal([]);
        for (const { device, workload, view } of machine.devices) {
          expect([workload!.outstanding, workload!.failed]).to.deep.equal([0, 0]);
          expect([view.iommu.openPages(), view.busMasterEnabled, device!.isDestroyed]).to.deep.equal([0, false, true]);
        }
      }
    }
  });

  it('shows each request submitted and completed in turn, never twice', async () => {
    const { backend } = await controlled(scenario('ring'), { seed: 9, workload: { requests: 40, outstanding: 4 } });
    const inFlight = new Set<number>();
    let completed = 0;
    for (const { kind, object } of backend.events.newest()) {
      if (kind === EventKind.RequestSubmit) {
        expect(inFlight.has(object)).to.equal(false);
        inFlight.add(object);
      } else if (kind === EventKind.RequestComplete) {
        expect(inFlight.delete(object)).to.equal(true);
        completed++;
      }
    }
    expect([completed, inFlight.size]).to.deep.equal([40, 0]);
  });

  it('steps devices on the calling thread only', async () => {
    const { backend } = await controlled(scenario('demo'), { seed: 1, workload: { requests: 4 } });
    const threads = new Set([...backend.events.newest()].filter(({ kind }) => kind === EventKind.DeviceStep).map(({ thread }) => thread));
    expect([...threads]).to.deep.equal([0]);
  });
});

describe('a run on threads', function () {
  this.timeout(20_000);

  it('uses a thread of its own for every device host, never the main thread', async () => {
    const { engines } = await onThreads(scenario('demo'), { seed: 1, workload: { requests: 200 } });
    expect(engines.map(({ devices }) => devices)).to.deep.equal([['plx'], ['ring']]);
    const threadIds = engines.map(({ threadId }) => threadId);
    expect(new Set(threadIds).size).to.equal(2);
    expect(Math.min(...threadIds)).to.be.greaterThan(0);
    for (const { steps } of engines) expect(steps).to.be.greaterThan(0);
  });

  it('ends at its duration when only time bounds it', async () => {
    const report = await onThreads(scenario('ring'), { seed: 1 }, { durationSeconds: 0.3 });
    expect(report.verdict).to.equal('ok');
    expect(report.requests).to.be.greaterThan(0);
    expect(report.bytesVerified).to.equal(report.bytes);
  });

  it('ends when it is interrupted, with whole results', async () => {
    for (const blocking of [true, false]) {
      const abort = new AbortController();
      const stop = (): void => abort.abort();
      const report = await onThreads(
        scenario('demo'),
        { seed: 1 },
        { signal: abort.signal, blocking, onProgress: ({ requests }) => void (requests > 100 && stop()) },
      );
      expect(report.verdict).to.equal('interrupted');
      expect(report.requests).to.be.greaterThan(100);
      expect(report.bytesVerified).to.equal(report.bytes);
      expect(report.findings).to.deep.equal([]);
    }
  });

  it('gives the event loop turns while it blocks', async () => {
    let turns = 0;
    let isOver = false;
    const counting = (async (): Promise<void> => {
      while (!isOver) {
        await hostTurn();
        turns++;
      }
    })();
    await onThreads(scenario('ring'), { seed: 1 }, { durationSeconds: 0.5 });
    isOver = true;
    await counting;
    expect(turns).to.be.greaterThan(2);
  });

  it('an open loop submits at its rate and completes everything', async () => {
    const report = await onThreads(scenario('ring'), { seed: 1, workload: { requests: 50, ratePerSecond: 1000 } });
    expect([report.verdict, report.requests]).to.deep.equal(['ok', 50]);
    // The fiftieth request is due 49 ms after the first.
    expect(report.seconds).to.be.at.least(0.049);
  });
});
