import { expect } from 'chai';
import { describe, it } from 'mocha';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findAllocationSites, measureAllocation } from '../../bench/allocation-meter.js';
import { CPeers } from '../../bench/c-peers.js';
import { suiteNames, type Effort, type SuiteName } from '../../bench/options.js';
import type { SuiteResult } from '../../bench/results.js';
import { createRingMachine, startEngine } from '../../bench/ring-machine.js';
import { runRoadReport } from '../../bench/road.js';
import { runSuite } from '../../bench/run-suite.js';

/** As little as a suite can do; what comes out is checked for being a figure, never for being a good one. */
const tiny: Effort = { rounds: 1, measureMs: 1, threadMs: 1 };

/** What a suite compares at the least, with a C compiler. */
const rowsExpected: Readonly<Record<SuiteName, number>> = { S1: 15, S2: 3, S3: 12, S6: 10, S8: 2, allocations: 0 };

function expectPositive(figure: number, what: string): void {
  expect(Number.isFinite(figure) && figure > 0, `${what} is ${figure}`).to.equal(true);
}

function checkResult(result: SuiteResult): void {
  for (const { workload, subject, ratio, ratioMin, ratioMax, subjectNs, peerNs, met, goal } of result.rows) {
    for (const figure of [ratio, ratioMin, ratioMax, subjectNs, peerNs]) expectPositive(figure, `${workload}: ${subject}`);
    expect(ratio).to.be.within(ratioMin, ratioMax);
    expect(met === null).to.equal(goal === null);
  }
  for (const { name, value } of result.figures) expect(Number.isFinite(value) && value >= 0, `${name} is ${value}`).to.equal(true);
  expectPositive(result.seconds, 'the time');
}

describe('bench: suites', function () {
  this.timeout(60_000);

  for (const suite of suiteNames) {
    it(`${suite} measures everything it names, in a process of its own`, async () => {
      const progress: string[] = [];
      const result = await runSuite(suite, tiny, (message) => progress.push(message));
      checkResult(result);
      expect(progress).to.not.be.empty;
      const peers = CPeers.open();
      peers?.dispose();
      if (peers !== null) expect(result.rows.length).to.equal(rowsExpected[suite]);
      expect(result.rows.length + result.figures.length).to.be.greaterThan(0);
    });
  }

  it('says which suite failed and why', async () => {
    let failure = '';
    await runSuite('S6', { ...tiny, rounds: 0 }, () => undefined).catch((error: Error) => (failure = error.message));
    expect(failure).to.match(/^suite S6 failed: Error: nothing was measured under the name/);
  });

  it('refuses a suite that does not exist with exit code 2 and one message', () => {
    const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url));
    const { status, stderr, stdout } = spawnSync(process.execPath, [main, '--only', 'S99'], { encoding: 'utf8', timeout: 30_000 });
    expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
    expect(stderr).to.equal("there is no suite 'S99'; --only takes S1, S2, S3, S6, S8, allocations\n");
  });
});

describe('bench: workloads', function () {
  this.timeout(60_000);

  it('the bare driver moves every payload through an engine on a worker', async () => {
    const machine = createRingMachine({ slots: 64, tags: 32, batch: 8, payloadBytes: 512 });
    const stop = startEngine(machine);
    try {
      expect(() => machine.driver.checkPayload()).to.throw('differs');
      expectPositive(machine.driver.run(1000), 'a run');
      machine.driver.checkPayload();
    } finally {
      await stop();
    }
  });

  it('the bare driver steps the engine itself and sees a completion that is wrong', () => {
    const machine = createRingMachine({ slots: 64, tags: 32, batch: 8, payloadBytes: 64 }, true);
    expectPositive(machine.driver.run(100), 'a run');
    machine.driver.checkPayload();
    machine.device.setBusMasterEnabled(false);
    expect(() => machine.driver.run(100)).to.throw('the engine has nothing to do while 32 requests are in flight');
  });

  it('the road completes what it was asked for, and compares bytes only when told to', async () => {
    const report = await runRoadReport({ payloadBytes: 64, requests: 300, outstanding: 64, verifyPayload: true });
    expect(report).to.include({ requests: 300, bytes: 300 * 64, bytesVerified: 300 * 64 });
    expect(await runRoadReport({ payloadBytes: 4096, requests: 100, outstanding: 64, verifyPayload: false })).to.include({
      bytesVerified: 0,
    });
  });
});

describe('bench: allocation meter', () => {
  let sink: object | null = null;
  const allocate = (count: number): void => {
    for (let i = 0; i < count; i++) sink = { a: i, b: i, c: i };
  };

  it('counts what was allocated, collected or not', async () => {
    allocate(1000);
    const few = await measureAllocation(() => allocate(20_000));
    const many = await measureAllocation(() => allocate(2_000_000));
    const each = (many.bytes - few.bytes) / 1_980_000;
    expect(sink).to.be.an('object');
    expect(each).to.be.within(24, 96);
    expect(many.collections).to.be.greaterThan(0);
  });

  it('names the function that allocates', async () => {
    const sites = await findAllocationSites(() => allocate(200_000));
    expect(sites[0]!.where).to.match(/^allocate \(test\/bench\/suites\.test\.js:\d+\)$/);
    expect(sites[0]!.bytes).to.be.greaterThan(200_000 * 24);
  });
});
