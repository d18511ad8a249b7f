import { expect } from 'chai';
import { describe, it } from 'mocha';
import { STATUS_SUCCESS } from '../../src/nt/index.js';
import { DmaEnabler, DmaTransaction, IoQueue, type DriverConfig, type Request } from '../../src/wdf/index.js';
import type { Suspending } from '../../src/kernel/index.js';
import { planOf, type FaultKind, type FaultPlan } from '../../src/faults/index.js';
import { failNth } from '../../src/explore/index.js';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { RandomWalk } from '../../src/explore/strategies/random-walk.js';
import { amcc5933 } from '../../src/scenarios/samples/amcc5933.js';
import { plx9x5xCancel } from '../../src/scenarios/samples/plx9x5x-cancel.js';
import { plx9x5x } from '../../src/scenarios/samples/plx9x5x.js';
import { ring } from '../../src/scenarios/samples/ring.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { onThreads, rulesOf } from '../backends/runs.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';

const SEED = 7;
const often = (kinds: readonly FaultKind[]): FaultPlan =>
  Object.fromEntries(kinds.map((kind) => [kind, { numerator: 1, denominator: 15 }]));

interface Controlled {
  readonly rules: readonly string[];
  readonly messages: readonly string[];
  readonly injected: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly failed: number;
  readonly hashes: string;
}

function controlledRun(scenario: Scenario, faults: FaultPlan, requests = 60, seed = SEED): Controlled {
  const workload = { requests, ...(statesOutstanding(scenario) ? {} : { outstanding: 4 }) };
  const backend = new ControlledBackend(resolveParameters(scenario, { seed, faults, workload }));
  const strategy = new RandomWalk();
  strategy.newExecution(seed);
  const execution = backend.execute(strategy);
  const { machine } = backend;
  return {
    rules: rulesOf(execution),
    messages: execution.findings.map(({ message }) => message),
    injected: machine.faults.report(),
    requests: execution.requests,
    failed: machine.devices.reduce((sum, { workload }) => sum + (workload?.failed ?? 0), 0),
    hashes: `${execution.eventHash} ${execution.memoryHash}`,
  };
}

/** Its devices' own numbers in flight belong to what the scenario shows, and to the sizes of its requests. */
const statesOutstanding = ({ devices }: Scenario): boolean => devices.some(({ workload }) => workload?.outstanding !== undefined);

/** All that were asked for; a network sends another frame for each that is lost. */
function expectRequests({ workload }: Scenario, completed: number, asked: number): void {
  if (workload.traffic === 'loopback') expect(completed).to.be.at.least(asked);
  else expect(completed).to.equal(asked);
}

/** short-map needs a packet enabler: a scatter/gather list is always built whole. */
const drawn = ({ name, survives }: Scenario): readonly FaultKind[] =>
  survives.filter((kind) => kind !== 'short-map' || name.startsWith('amcc5933'));

/** With a watchdog of 60 ms: on threads time is real, and every hang takes it. */
const impatient = (scenario: Scenario): Scenario =>
  defineScenario({ ...scenario, devices: scenario.devices.map((device) => ({ ...device, driverParams: { timeoutMs: 60 } })) });

for (const scenario of builtInScenarios.filter(({ survives }) => survives.length > 0)) {
  describe(`${scenario.name} survives what it claims to`, function () {
    this.timeout(60_000);
    for (const kind of drawn(scenario)) {
      it(`${kind}, under control and on threads`, async () => {
        // Allocations fail during start-up, too: then the driver refuses, which is its right, and nothing is left to see.
        // A hang takes its time.
        const isRare = kind === 'allocation-failure' || kind === 'hang';
        const ratio: FaultPlan = isRare ? { [kind]: { numerator: 1, denominator: 40 } } : often([kind]);
        let injected = 0;
        for (let seed = SEED; seed < SEED + 4; seed++) {
          const outcome = controlledRun(scenario, ratio, 60, seed);
          expect(outcome.messages).to.deep.equal([]);
          injected += outcome.injected[kind]!;
        }
        expect(injected, 'injected under control').to.be.greaterThan(0);
        const runs = kind === 'hang' ? impatient(scenario) : scenario;
        // A driver with a common buffer for each frame would hardly ever come up.
        const isRarer = kind === 'allocation-failure' && scenario.workload.traffic === 'loopback';
        const faults = isRarer ? { [kind]: { numerator: 1, denominator: 150 } } : ratio;
        const report = await onThreads(runs, { seed: SEED, faults, workload: { requests: 400 } });
        expect(report.findings).to.deep.equal([]);
        expect(report.faults![kind], 'injected on threads').to.be.greaterThan(0);
        expectRequests(scenario, report.requests, 400);
        if (kind === 'hang') expect(report.recoveredRequests, 'recovered').to.be.greaterThan(0);
      });
    }

    it('all of them at once', async () => {
      const faults = {
        ...planOf(drawn(scenario)),
        ...(scenario.survives.includes('hang') ? { hang: { numerator: 1, denominator: 300 } } : {}),
      };
      const report = await onThreads(impatient(scenario), { seed: SEED, faults, workload: { requests: 1500 } });
      expect(report.findings).to.deep.equal([]);
      expectRequests(scenario, report.requests, 1500);
      expect(
        Object.values(report.faults!).every((count) => count > 0),
        JSON.stringify(report.faults),
      ).to.equal(true);
    });
  });
}

/** Without a watchdog. */
const small = defineScenario({
  name: 'small',
  title: 'the shortest driver for the ring engine',
  devices: [{ name: 'board', model: 'sgring', driver: new SmallDriver() }],
  workload: { maxMdls: 1 },
});

describe('a fault that a driver does not survive has its own finding', () => {
  const cases: readonly [scenario: Scenario, kind: FaultKind, rule: string, message: RegExp][] = [
    [small, 'hang', 'L-QUIESCENCE', /registers of board: .*CTRL\d=0x1.* channel\d\.Next\.Hung/],
    [amcc5933, 'hang', 'L-QUIESCENCE', /registers of amcc: .*INTCSR=0x.* (write|read)\.Phase\.Hung/],
    [plx9x5x, 'error-completion', 'L-DATA', /write of \d+ bytes on plx completed with success, but byte \d+ in device memory/],
    [plx9x5x, 'abort-completion', 'L-DATA', /write of \d+ bytes on plx completed with success/],
  ];
  for (const [scenario, kind, rule, message] of cases) {
    it(`${scenario.name}, ${kind}: ${rule}`, () => {
      expect(scenario.survives).not.to.include(kind);
      let found: Controlled | null = null;
      for (let seed = SEED; seed < SEED + 20 && found === null; seed++) {
        const outcome = controlledRun(scenario, often([kind]), 60, seed);
        if (outcome.rules.length > 0) found = outcome;
      }
      expect(found?.rules[0]).to.equal(rule);
      expect(found!.injected[kind]).to.be.greaterThan(0);
      expect(found!.messages[0]).to.match(message);
    });
  }

  it('one error completion explains one failed request; without a plan the report has no faults', async () => {
    const failing = controlledRun(ring, { 'error-completion': { numerator: 1, denominator: 15 } });
    expect(failing.failed).to.equal(failing.injected['error-completion']);
    expect(failing.rules).to.deep.equal([]);
    const report = await onThreads(plx9x5x, { seed: SEED, workload: { requests: 50 } });
    expect(report).not.to.have.property('faults');
  });
});

describe('faults by seed', () => {
  const plan = planOf(ring.survives);

  it('the same seed gives the same execution, faults and all; another seed another', () => {
    const first = controlledRun(ring, plan);
    expect(Object.values(first.injected).reduce((sum, count) => sum + count, 0)).to.be.greaterThan(3);
    expect(controlledRun(ring, plan)).to.deep.equal(first);
    expect(controlledRun(ring, plan, 60, SEED + 1).hashes).not.to.equal(first.hashes);
  });

  it('a machine used again draws the same faults', () => {
    const backend = new ControlledBackend(
      resolveParameters(ring, { seed: SEED, faults: plan, workload: { requests: 40, outstanding: 4 } }),
    );
    const once = (): string => {
      const strategy = new RandomWalk();
      strategy.newExecution(SEED);
      const { eventHash, memoryHash } = backend.execute(strategy);
      return `${eventHash} ${memoryHash} ${JSON.stringify(backend.machine.faults.report())}`;
    };
    const first = once();
    expect(once()).to.equal(first);
  });
});

describe('fail-nth', () => {
  const settings = { overrides: { seed: SEED }, again: 'again', signal: new AbortController().signal, onProgress: () => undefined };

  const lists = ['a DMA adapter', 'a transaction', 'a scatter/gather list'];
  for (const [scenario, calls, ofStart, kinds] of [
    [ring, 6, 3, lists],
    [plx9x5x, 6, 3, lists],
    [plx9x5xCancel, 6, 3, lists],
    // The transaction is made for the request.
    [amcc5933, 3, 1, ['a DMA adapter', 'a transaction', 'map registers']],
  ] as const) {
    it(`${scenario.name}: every fallible call of a request each way failed once, each a clean end`, async () => {
      const report = await failNth(scenario, settings);
      expect(report.findings).to.deep.equal([]);
      const { calls: made, clean, findings, series } = report.failNth;
      expect([report.verdict, clean, findings]).to.deep.equal(['ok', made, 0]);
      expect(series.map(({ direction }) => direction)).to.deep.equal(['read', 'write']);
      for (const one of series) {
        expect(one.calls).to.be.at.least(calls);
        expect(one.refusedStarts, 'start-up').to.be.at.least(ofStart);
        expect(one.failedRequests, 'the request').to.be.at.least(1);
        expect(one.refusedStarts + one.failedRequests + one.survived).to.equal(one.calls);
        expect(Object.values(one.failed).reduce((sum, count) => sum + count, 0)).to.equal(one.calls);
        expect(one.failed).to.include.keys(...kinds);
      }
    });
  }

  it('a driver that forgets its request where it should have failed it is found, with the failed call named', async () => {
    const scenario = defineScenario({
      name: 'forgetful',
      title: 'forgets a request when it gets no transaction',
      devices: [{ name: 'board', model: 'sgring', driver: forgetful }],
      workload: { verifyPayload: false },
    });
    const { verdict, findings, failNth: counts } = await failNth(scenario, settings);
    expect(verdict).to.equal('finding');
    // An adapter and a transaction, in each direction; without the adapter the driver refuses to start.
    expect([counts.calls, counts.clean, counts.findings]).to.deep.equal([4, 2, 2]);
    expect(findings.map(({ rule }) => rule)).to.deep.equal(['L-QUIESCENCE', 'L-QUIESCENCE']);
    for (const { message } of findings) expect(message).to.match(/^with fallible call 2 \(a transaction\) failing: .*outstanding/);
  });
});

/** Moves nothing; what it gets wrong is the path on which it gets no transaction. */
const forgetful: DriverConfig = {
  name: 'forgetful',
  *evtDriverDeviceAdd(deviceInit) {
    const created = deviceInit.create();
    if (!created.ok) return created.status;
    const device = created.object;
    const enabler = yield* DmaEnabler.create(device, { profile: 'ScatterGather64', maximumLengthBytes: 4096 });
    if (!enabler.ok) return enabler.status;
    const dma = enabler.object;
    function* evtIo(_queue: IoQueue, request: Request, lengthBytes: number): Suspending<void> {
      const transaction = yield* DmaTransaction.create(dma);
      if (!transaction.ok) return;
      yield* transaction.object.delete();
      yield* request.completeWithInformation(STATUS_SUCCESS, lengthBytes);
    }
    const queue = IoQueue.create(device, { dispatchType: 'parallel', evtIoRead: evtIo, evtIoWrite: evtIo });
    if (queue.ok) device.setDefaultQueue(queue.object);
    return queue.status;
  },
};
