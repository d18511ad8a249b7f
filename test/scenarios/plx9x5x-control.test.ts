import { expect } from 'chai';
import { describe, it } from 'mocha';
import { defineScenario } from '../../src/index.js';
import { controlled, onThreads, rulesOf, type Outcome } from '../backends/runs.js';
import { IOCTL_TOGGLE_SINGLE_TRANSFER, plx9x5xDriver } from '../../src/scenarios/samples/plx9x5x-driver.js';
import { MAXIMUM_TRANSFER_BYTES } from '../../src/scenarios/samples/plx9x5x-channel.js';

const scenario = defineScenario({
  name: 'plx9x5x-control',
  title: 'the single-transfer requirement goes on and off under traffic',
  devices: [{ name: 'plx', model: 'plx9656', driver: plx9x5xDriver }],
  workload: {
    outstanding: 8,
    minBytes: 64,
    maxBytes: MAXIMUM_TRANSFER_BYTES,
    maxMdls: 1,
    controlPercent: 20,
    controlCode: IOCTL_TOGGLE_SINGLE_TRANSFER,
  },
});

/** A run whose every request succeeded, of which some, not all, were control requests. */
function expectRight({ findings, requests, bytes, bytesVerified }: Outcome, asked: number): void {
  expect(findings).to.deep.equal([]);
  expect([requests, bytesVerified]).to.deep.equal([asked, bytes]);
  expect(bytes).to.be.greaterThan(0);
}

describe("plx9x5x: the sample's control request", function () {
  this.timeout(30_000);

  it('toggles the single-transfer requirement under traffic: requests of one transfer all succeed (threads)', async () => {
    const report = await onThreads(scenario, { seed: 5, workload: { requests: 800 } }, { preempt: { numerator: 1, denominator: 20 } });
    expectRight(report, 800);
  });

  it('the same, controlled, in many orders', async () => {
    for (let seed = 1; seed <= 5; seed++) expectRight(await controlled(scenario, { seed, workload: { requests: 40 } }), 40);
  });

  const longer = { requests: 40, minBytes: 16384, maxBytes: 16384 };

  for (const [backend, run] of [
    ['threads', onThreads],
    ['controlled', controlled],
  ] as const) {
    it(`makes the longer requests that follow fail to initialise, and only those (${backend})`, async () => {
      const outcome = await run(scenario, { seed: 2, workload: longer });
      expect(rulesOf(outcome)).to.deep.equal(['L-REQUEST-FAILED']);
      // WDF_TOO_MANY_TRANSFERS, as the framework shows it to callers.
      for (const { message } of outcome.findings)
        expect(message).to.contain('of 16384 bytes on plx completed with STATUS_INVALID_DEVICE_REQUEST');
      expect(outcome.requests).to.equal(40);
      // Off again: those that came then were moved whole.
      expect(outcome.bytes).to.be.greaterThan(0);
      expect(outcome.bytes % 16384).to.equal(0);
    });
  }

  it('answers any other control code with INVALID_DEVICE_REQUEST', async () => {
    const { findings } = await controlled(scenario, { seed: 1, workload: { requests: 4, controlPercent: 100, controlCode: 4 } });
    expect(findings).to.have.length.greaterThan(0);
    for (const { message } of findings) expect(message).to.contain('control request on plx completed with STATUS_INVALID_DEVICE_REQUEST');
  });
});
