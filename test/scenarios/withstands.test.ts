import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Overrides } from '../../src/machine/parameters.js';
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

describe('plx9x5x, the sample as published', function () {
  this.timeout(60_000);

  it('does not survive being pulled out: the power transition hangs, B01, bug check 0x9F', async () => {
    const outcome = await controlled(scenario('plx9x5x'), {
      seed: 4,
      workload: { requests: 8, outstanding: 2, unplugPerMillion: 400_000 },
    });
    expect(rulesOf(outcome)).to.deep.equal(['B01']);
    expect(outcome.findings[0]!.bugCheck?.code).to.equal(0x9f);
  });
});
