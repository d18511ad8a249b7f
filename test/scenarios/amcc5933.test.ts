import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DRIVER_VERIFIER_DMA_VIOLATION, WDF_VIOLATION } from '../../src/nt/index.js';
import type { FaultPlan } from '../../src/faults/index.js';
import type { Overrides } from '../../src/machine/parameters.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { amcc5933 } from '../../src/scenarios/samples/amcc5933.js';
import { amcc5933Cancel } from '../../src/scenarios/samples/amcc5933-cancel.js';
import { Amcc5933Driver } from '../../src/scenarios/samples/amcc5933-driver.js';
import { controlled, onThreads, rulesOf, type Outcome } from '../backends/runs.js';
import * as faulty from './faults/amcc5933-drivers.js';

const cancelPerMillion = 500_000;
const often = { numerator: 1, denominator: 4 };

function scenarioOf(driver: Amcc5933Driver): Scenario {
  return defineScenario({
    name: 'amcc5933-defect',
    title: 'the AMCC5933 driver with one defect of the sample',
    devices: [{ name: 'amcc', model: 's5933', params: { burstBytes: 256 }, driver }],
    workload: { outstanding: 4, minBytes: 64, maxBytes: 4096, maxMdls: 1 },
  });
}

describe('amcc5933', function () {
  this.timeout(60_000);

  it('polls for cancellation: queued requests are cancelled at once, one in work after its transfer, or it wins', async () => {
    const report = await onThreads(amcc5933, { seed: 5, workload: { requests: 3000, cancelPerMillion } });
    expect(rulesOf(report)).to.deep.equal([]);
    const { requested, won, lost, byWindow } = report.cancels;
    expect(won + lost).to.equal(requested);
    expect(byWindow['queued']).to.be.greaterThan(0);
    // Never marked: whatever the driver has is in window A.
    expect(Object.keys(byWindow).filter((window) => !['queued', 'A', 'I'].includes(window))).to.deep.equal([]);
    expect(byWindow['A']).to.be.greaterThan(0);
  });

  for (const [what, workload] of [
    ['power cycles', { powerCyclesPerMillion: 5000 }],
    ['being pulled out', { unplugPerMillion: 2000 }],
  ] as const) {
    it(`survives ${what} on threads with preemption, cancellation and faults, and under control`, async () => {
      const faults: FaultPlan = Object.fromEntries(amcc5933.survives.map((kind) => [kind, { numerator: 1, denominator: 50 }]));
      const busy: Overrides = { seed: 9, faults, workload: { requests: 3000, cancelPerMillion: 100_000, ...workload } };
      const report = await onThreads(amcc5933, busy, { preempt: { numerator: 1, denominator: 20 } });
      expect(rulesOf(report)).to.deep.equal([]);
      expect(report.powerCycles + report.unplugs).to.be.greaterThan(0);
      for (let seed = 1; seed <= 40; seed++) {
        const traffic = { requests: 6, outstanding: 3, cancelPerMillion, powerCyclesPerMillion: 200_000, unplugPerMillion: 100_000 };
        const outcome = await controlled(amcc5933, { seed, faults, workload: traffic });
        expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
      }
    });
  }

  it('splits what the profile cannot do at once: chains are refused with version 2 and taken with version 3', async () => {
    const chains: Overrides = { seed: 2, workload: { requests: 60, maxMdls: 3 } };
    const refused = await onThreads(amcc5933, chains);
    expect(rulesOf(refused)).to.deep.equal(['L-REQUEST-FAILED']);
    expect(refused.findings[0]!.message).to.contain('STATUS_INVALID_PARAMETER');
    const taken = await onThreads(amcc5933Cancel, chains);
    expect([rulesOf(taken), taken.requests]).to.deep.equal([[], 60]);
  });
});

/** Runs seeds under control until one shows something. */
async function firstFound(driver: Amcc5933Driver, overrides: Omit<Overrides, 'seed'>): Promise<Outcome> {
  for (let seed = 1; seed <= 60; seed++) {
    const outcome = await controlled(scenarioOf(driver), { ...overrides, seed, workload: { requests: 20, ...overrides.workload } });
    if (outcome.findings.length > 0) return outcome;
  }
  throw new Error(`nothing found in 60 executions of ${driver.name}`);
}

describe('defects of the AMCC5933 sample: each gives its own finding', function () {
  this.timeout(60_000);
  const cancel = { workload: { cancelPerMillion } };
  const cases: readonly [
    what: string,
    driver: Amcc5933Driver,
    trouble: Omit<Overrides, 'seed'>,
    rule: string,
    message: RegExp,
    bugCheck?: number,
  ][] = [
    [
      'a cancelled transaction is deleted in Transfer',
      new faulty.DeletesInTransfer(),
      cancel,
      'B18',
      /WdfObjectDelete is called on DmaTransaction#\d+ in state Transfer/,
      WDF_VIOLATION,
    ],
    [
      'a cancelled request is completed before its transaction',
      new faulty.CompletesInTransfer(),
      cancel,
      'B03',
      /still in Transfer/,
      WDF_VIOLATION,
    ],
    [
      'an abort passes for success',
      new faulty.IgnoresCauses(),
      { faults: { 'error-completion': often } },
      'L-DATA',
      /completed with success, but byte \d+/,
    ],
    [
      'INTCSR is written back with a latched cause in it',
      new faulty.WritesBackIntcsr(),
      {},
      'L-QUIESCENCE',
      /registers of amcc: .*INTCSR=0x[48]000 MCSR=/,
    ],
    [
      'every interrupt is taken for the end of a transfer',
      new faulty.TakesEveryInterrupt(),
      { faults: { 'spurious-interrupt': often } },
      'L-DATA',
      /completed with success, but byte \d+/,
    ],
    [
      'the transaction of a failed Execute is kept',
      new faulty.KeepsStaleTransaction(),
      {
        faults: { 'allocation-failure': often, 'duplicate-interrupt': { numerator: 1, denominator: 1 } },
        workload: { outstanding: 1 },
      },
      'B05',
      /DmaTransaction#\d+, which was (deleted|destroyed)/,
      WDF_VIOLATION,
    ],
  ];
  for (const [what, driver, trouble, rule, message, bugCheck] of cases) {
    it(`${what}: ${rule}`, async () => {
      const outcome = await firstFound(driver, trouble);
      expect(rulesOf(outcome)[0]).to.equal(rule);
      expect(outcome.findings[0]!.message).to.match(message);
      expect(outcome.findings[0]!.bugCheck?.code).to.equal(bugCheck);
      // The same trouble, the repaired driver.
      for (let seed = 1; seed <= 20; seed++) {
        const workload = { requests: 20, ...trouble.workload };
        const repaired = await controlled(scenarioOf(new Amcc5933Driver()), { ...trouble, seed, workload });
        expect(repaired.findings, `seed ${seed}`).to.deep.equal([]);
      }
    });
  }

  it('a device that takes every interrupt for the end loses its mapping on threads, too', async () => {
    const report = await onThreads(
      scenarioOf(new faulty.TakesEveryInterrupt()),
      { seed: 3, faults: { 'spurious-interrupt': often }, workload: { requests: 400 } },
      { stallMs: 300 },
    );
    expect(['L-DATA', 'A36', 'B11']).to.include(report.findings[0]?.rule);
    expect([undefined, DRIVER_VERIFIER_DMA_VIOLATION, WDF_VIOLATION]).to.include(report.findings[0]!.bugCheck?.code);
  });
});
