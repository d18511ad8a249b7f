import { expect } from 'chai';
import { describe, it } from 'mocha';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explore, RandomWalk } from '../../src/explore/index.js';
import type { Overrides } from '../../src/machine/parameters.js';
import type { ExploreReport, Finding } from '../../src/machine/report.js';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios } from '../../src/scenarios/index.js';
import { dmalab, jsonOf, moduleText, newFolder } from '../e2e/dmalab.js';
import { SmallDriver } from '../scenarios/faults/small-driver.js';

const run = (scenario: Scenario, overrides: Partial<Overrides>, schedules = 20): Promise<ExploreReport> =>
  explore(scenario, {
    overrides: { seed: 1, ...overrides },
    strategy: new RandomWalk(),
    schedules,
    outDir: join(tmpdir(), 'dmalab-strict'),
    scenarioReference: scenario.name,
    program: 'dmalab',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });

/** Made before any execution. */
const promiseOfBefore = Promise.resolve();

describe('strict mode', function () {
  this.timeout(60_000);
  const host = globalThis as unknown as Record<string, (...args: unknown[]) => unknown>;
  const globals = (): unknown[] => [Date, Reflect.get(Math, 'random'), host['setTimeout'], Reflect.get(Promise.prototype, 'then')];
  const calls: Readonly<Record<string, () => unknown>> = {
    'Date.now': () => Date.now(),
    'new Date': () => new Date(),
    'Math.random': () => Math.random(),
    'performance.now': () => performance.now(),
    'process.hrtime': () => process.hrtime.bigint(),
    setTimeout: () => host['setTimeout']!(() => undefined, 0),
    queueMicrotask: () => host['queueMicrotask']!(() => undefined),
    'Promise.prototype.then': () => promiseOfBefore.then(() => undefined),
    'process.uptime': () => process.uptime(),
    'Intl.DateTimeFormat.format': () => new Intl.DateTimeFormat('en').format(),
    'crypto.getRandomValues': () => crypto.getRandomValues(new Uint8Array(1)),
    'new WeakRef': () => new WeakRef({}),
  };
  const scenarioOf = (call: () => unknown): Scenario => {
    class Asks extends SmallDriver {
      override *evtIo(...args: Parameters<SmallDriver['evtIo']>): ReturnType<SmallDriver['evtIo']> {
        call();
        yield* super.evtIo(...args);
      }
    }
    return defineScenario({ name: 'strict', title: 'asks', devices: [{ name: 'ring', model: 'sgring', driver: new Asks() }] });
  };

  for (const [name, call] of Object.entries(calls)) {
    it(`${name} in a callback is a finding that names both, and is put back`, async () => {
      const before = globals();
      const report = await run(scenarioOf(call), { strict: true });
      expect(report.findings[0]).to.include({ rule: 'L-NONDETERMINISM', object: 'EvtIo' });
      expect(report.findings[0]!.message).to.contain(`${name} is called while EvtIo runs`);
      globals().forEach((value, i) => expect(value).to.equal(before[i]));
    });
  }

  for (const [name, call] of Object.entries({
    await: async (): Promise<number> => await Promise.resolve(1),
    'an async function': async (): Promise<void> => Promise.resolve(),
    'Promise.resolve': () => Promise.resolve(),
    'import()': () => import('node:path'),
  })) {
    it(`${name} makes a promise, which is a finding`, async () => {
      const report = await run(scenarioOf(call), { strict: true });
      expect(report.findings[0]).to.include({ rule: 'L-NONDETERMINISM', object: 'EvtIo' });
      expect(report.findings[0]!.message).to.match(/^a promise \(async, await, import\) is made while EvtIo runs/);
      expect((await run(scenarioOf(call), {}, 2)).verdict).to.equal('ok');
    });
  }

  it('on the command line what a module kept under a name of its own is seen as well, and its schedule finds it again', async () => {
    const folder = newFolder();
    const captured = 'const { random } = Math;';
    const asks = 'class Asks extends SmallDriver { *evtIo(...args) { random(); yield* super.evtIo(...args); } }';
    const text = moduleText('SmallDriver').replace('export default', `${captured}\n${asks}\nexport default`);
    writeFileSync(join(folder, 'mine.mjs'), text.replace("new SmallDriver('SmallDriver')", "new Asks('asks')"));
    for (const command of [
      ['explore', './mine.mjs', '--schedules', '2'],
      ['sweep', './mine.mjs', '--unplug'],
    ]) {
      const found = await dmalab([...command, '--strict', '--json'], folder);
      const [finding] = jsonOf(found)['findings'] as readonly Finding[];
      expect([found.code, finding?.rule]).to.deep.equal([1, 'L-NONDETERMINISM']);
      expect(finding!.message).to.contain('Math.random is called while EvtIo runs');
      const again = await dmalab(['replay', finding!.schedule!, '--json'], folder);
      expect([again.code, jsonOf(again)['verdict']]).to.deep.equal([1, 'finding']);
    }
    rmSync(folder, { recursive: true });
  });

  it('the same driver without --strict, and a date of given parts with it, are no finding', async () => {
    expect((await run(scenarioOf(calls['Date.now']!), {})).verdict).to.equal('ok');
    expect(
      (
        await run(
          scenarioOf(() => new Date(0).getTime()),
          { strict: true },
        )
      ).verdict,
    ).to.equal('ok');
  });

  for (const scenario of builtInScenarios.filter(({ kind }) => kind === 'sample'))
    it(`${scenario.name} asks for nothing of the kind`, async () => {
      expect((await run(scenario, { strict: true }, 3)).verdict).to.equal('ok');
    });
});
