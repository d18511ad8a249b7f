import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Overrides } from '../../src/machine/parameters.js';
import type { FaultPlan } from '../../src/faults/index.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { controlled, onThreads, rulesOf } from '../backends/runs.js';

const scenario = (name: string): Scenario => builtInScenarios.find((known) => known.name === name)!;

/** The drivers that claim to survive cancellation in every window, power transitions and removal. */
const CANCELABLE = ['plx9x5x-cancel', 'ring', 'amcc5933-cancel'];

/** Ends of the windows in which a cancellation can come (transaction-state-machine section 8). */
const WINDOWS = ['queued', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I'];

for (const name of CANCELABLE) {
  describe(`${name} withstands`, function () {
    this.timeout(60_000);

    it('cancellation: won and lost, while it waits, while it is programmed, while the device works; nothing is lost', async () => {
      const report = await onThreads(scenario(name), { seed: 11, workload: { requests: 8000, cancelPerMillion: 300_000 } });
      expect(rulesOf(report)).to.deep.equal([]);
      expect(report.requests).to.equal(8000);
      const { requested, won, lost, byWindow } = report.cancels;
      expect(won + lost).to.equal(requested);
      expect(Object.values(byWindow).reduce((sum, count) => sum + count, 0)).to.equal(requested);
      expect(Object.keys(byWindow).filter((window) => !WINDOWS.includes(window))).to.deep.equal([]);
      for (const window of ['D', 'E', 'F']) expect(byWindow[window], `window ${window}`).to.be.greaterThan(0);
      expect(won).to.be.greaterThan(0);
      expect(lost).to.be.greaterThan(0);
    });

    for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
      it(`cancellation with preemption in the middle of callbacks, ${addressing}`, async () => {
        const overrides: Overrides = { seed: 5, machine: { addressing }, workload: { requests: 2000, cancelPerMillion: 500_000 } };
        const report = await onThreads(scenario(name), overrides, { preempt: { numerator: 1, denominator: 20 } });
        expect(rulesOf(report)).to.deep.equal([]);
        expect(report.cancels.requested).to.be.greaterThan(100);
      });
    }

    it('being sent to D3 and back under traffic', async () => {
      const report = await onThreads(scenario(name), {
        seed: 3,
        workload: { requests: 3000, powerCyclesPerMillion: 4000, cancelPerMillion: 50_000 },
      });
      expect(rulesOf(report)).to.deep.equal([]);
      expect(report.powerCycles).to.be.greaterThan(1);
      expect(report.requests).to.equal(3000);
    });

    it('being pulled out under traffic: every request that was submitted completes, the rest is never submitted', async () => {
      const report = await onThreads(scenario(name), { seed: 2, workload: { requests: 5000, unplugPerMillion: 2000 } });
      expect(rulesOf(report)).to.deep.equal([]);
      expect(report.unplugs).to.equal(scenario(name).devices.length);
      expect(report.requests).to.be.greaterThan(0).and.lessThan(5000);
    });

    it('all of it at once in many orders under control', async () => {
      for (let seed = 1; seed <= 40; seed++) {
        const outcome = await controlled(scenario(name), {
          seed,
          workload: { requests: 6, outstanding: 3, cancelPerMillion: 500_000, powerCyclesPerMillion: 200_000, unplugPerMillion: 100_000 },
        });
        expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
      }
    });
  });
}

describe('plx9x5x withstands', function () {
  this.timeout(60_000);

  it('being pulled out, though it has no callback for that: its watchdog finds nobody on the bus', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const overrides: Overrides = { seed, workload: { requests: 8, outstanding: 2, unplugPerMillion: 400_000 } };
      expect(rulesOf(await controlled(scenario('plx9x5x'), overrides)), `seed ${seed}`).to.deep.equal([]);
    }
    const report = await onThreads(scenario('plx9x5x'), { seed: 3, workload: { requests: 5000, unplugPerMillion: 5000 } });
    expect([report.findings, report.unplugs]).to.deep.equal([[], 1]);
  });
});

/** Where frames are lost, others are sent for the reads that wait. */
function expectAllCompleted({ workload }: Scenario, completed: number, asked: number): void {
  if (workload.traffic === 'loopback') expect(completed).to.be.at.least(asked);
  else expect(completed).to.equal(asked);
}

/** Drivers with a watchdog that resets the device. */
const WATCHED = builtInScenarios.filter(({ survives }) => survives.includes('hang'));

for (const watched of WATCHED) {
  describe(`${watched.name} and a device that hangs`, function () {
    this.timeout(60_000);
    // Only frames hang, and half of the requests are reads that wait for them.
    const numerator = watched.workload.traffic === 'loopback' ? 2 : 1;

    it('in many orders, with cancellation, power cycles and removal: one request is given up for a hang, the rest completes', async () => {
      const faults: FaultPlan = { hang: { numerator, denominator: 12 }, 'spurious-interrupt': { numerator: 1, denominator: 12 } };
      const isCancelable = CANCELABLE.includes(watched.name);
      let hung = 0;
      let timedOut = 0;
      for (let seed = 1; seed <= 60; seed++) {
        const workload = { requests: 20, outstanding: 4, powerCyclesPerMillion: 50_000, cancelPerMillion: isCancelable ? 200_000 : 0 };
        // Time that never leaps shows that nothing but a hang makes the driver give up.
        const outcome = await controlled(watched, { seed, faults, workload }, seed % 2 === 0);
        expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
        expectAllCompleted(watched, outcome.requests, 20);
        const { machine } = outcome.backend;
        const given = machine.devices.reduce((sum, device) => sum + device.workload!.timedOut, 0);
        hung += machine.faults.injected('hang');
        timedOut += given;
        if (seed % 2 === 1) expect(given, `seed ${seed}`).to.be.at.most(machine.faults.injected('hang'));
      }
      expect(hung).to.be.greaterThan(60);
      expect(timedOut).to.be.greaterThan(40);
    });

    it('on threads, the driver as it is: recovers, and the report says how often', async () => {
      const report = await onThreads(watched, {
        seed: 5,
        faults: { hang: { numerator, denominator: 300 } },
        workload: { requests: 400 },
      });
      expect(report.findings).to.deep.equal([]);
      expectAllCompleted(watched, report.requests, 400);
      expect(report.faults!.hang).to.be.greaterThan(0);
      expect(report.recoveredRequests).to.be.greaterThan(0).and.at.most(report.faults!.hang!);
      expect(report.failedRequests).to.equal(report.recoveredRequests);
    });
  });
}
