import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DRIVER_VERIFIER_DMA_VIOLATION, InternalError, WDF_VIOLATION, WdfViolation } from '../../src/nt/index.js';
import { explore, parseScheduleJson, replaySchedule, RandomWalk } from '../../src/explore/index.js';
import { defineScenario, type MachineConfig, type Scenario } from '../../src/machine/scenario.js';
import type { DriverConfig } from '../../src/wdf/driver.js';
import type { WorkloadConfig } from '../../src/workload/config.js';
import { controlled, onThreads, rulesOf, type Outcome } from '../backends/runs.js';
import * as faulty from './faults/drivers.js';
import { SmallDriver } from './faults/small-driver.js';

interface Traffic {
  readonly model?: string;
  readonly workload?: Partial<WorkloadConfig>;
  readonly machine?: Partial<MachineConfig>;
}

function scenarioOf(driver: DriverConfig, { model = 'sgring', workload = {}, machine = {} }: Traffic = {}): Scenario {
  return defineScenario({
    name: 'planted-fault',
    title: 'a driver or device with one fault',
    devices: [{ name: 'board', model, driver }],
    workload: { requests: 20, outstanding: 4, applications: 1, maxMdls: 1, ...workload },
    machine,
  });
}

const SEED = 21;
const ONCE = { seed: SEED };

interface Backend {
  readonly name: string;
  readonly run: (scenario: Scenario, seed?: number) => Promise<Outcome>;
}
const backends: readonly Backend[] = [
  { name: 'threads', run: (scenario, seed = SEED) => onThreads(scenario, { seed }, { stallMs: 300 }) },
  { name: 'controlled', run: (scenario, seed = SEED) => controlled(scenario, { seed }) },
];

describe('the small driver without a fault', () => {
  for (const { name, run } of backends) {
    it(`is right on ${name}, however memory is seen`, async () => {
      for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
        const outcome = await run(scenarioOf(new SmallDriver(), { machine: { addressing } }));
        expect(outcome.findings).to.deep.equal([]);
        expect([outcome.requests, outcome.bytesVerified]).to.deep.equal([20, outcome.bytes]);
      }
    });
  }

  it('is right under many schedules', async () => {
    const outDir = mkdtempSync(join(tmpdir(), 'dmalab-right-'));
    const report = await explore(scenarioOf(new SmallDriver()), exploreSettings(outDir, 150));
    rmSync(outDir, { recursive: true });
    expect([report.verdict, report.schedules, report.verifiedTwice]).to.deep.equal(['ok', 150, 150]);
  });
});

function exploreSettings(outDir: string, schedules: number): Parameters<typeof explore>[1] {
  return {
    overrides: { seed: SEED },
    strategy: new RandomWalk(),
    schedules,
    outDir,
    scenarioReference: 'planted-fault',
    program: 'dmalab',
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
}

const deviceUrl = (name: string): string => new URL(`./faults/${name}.js`, import.meta.url).href;

for (const { name, run } of backends) {
  describe(`planted faults on ${name}: each gives its own finding`, function () {
    this.timeout(20_000);
    const only = async (scenario: Scenario, rule: string): Promise<Outcome['findings'][number]> => {
      const outcome = await run(scenario);
      expect(rulesOf(outcome)).to.deep.equal([rule]);
      return outcome.findings[0]!;
    };

    it('the device corrupts one byte of a transfer: L-DATA, once, with the byte', async () => {
      const traffic = { model: deviceUrl('corrupting-device'), workload: { readsPercent: 0 } };
      const outcome = await run(scenarioOf(new SmallDriver(), traffic));
      expect(rulesOf(outcome)).to.deep.equal(['L-DATA']);
      expect(outcome.findings).to.have.length(1);
      expect(outcome.findings[0]!.message).to.match(/write of \d+ bytes on board .* byte \d+ in device memory at 0x[0-9a-f]+/);
      expect(outcome.requests).to.equal(20);
    });

    it('a request is completed twice: C08, bug check 0x10D/5', async () => {
      const finding = await only(scenarioOf(new faulty.CompletesTwice('twice')), 'C08');
      expect(finding.severity).to.equal('crash');
      expect(finding.object).to.match(/^Request#\d+$/);
      expect(finding.bugCheck!.code).to.equal(WDF_VIOLATION);
      expect(finding.bugCheck!.parameters[0]).to.equal(WdfViolation.INVALID_HANDLE);
    });

    const leaks: readonly [what: string, driver: SmallDriver, rule: string, code: number, count: number][] = [
      ['a map register', new faulty.LeaksMapRegisters('leaks registers'), 'A11', 0x09, 2],
      ['a scatter/gather list', new faulty.LeaksList('leaks a list'), 'A12', 0x0a, 1],
      ['a common buffer', new faulty.LeaksCommonBuffer('leaks a common buffer'), 'A09', 0x07, 1],
    ];
    for (const [what, driver, rule, code, count] of leaks) {
      it(`${what} leaks: ${rule}, bug check 0xE6/${code.toString(16)}, at removal`, async () => {
        const outcome = await run(scenarioOf(driver));
        expect(outcome.findings[0]!.rule).to.equal(rule);
        expect(outcome.requests, 'everything else went well').to.equal(20);
        expect(outcome.findings[0]!.bugCheck).to.include({ code: DRIVER_VERIFIER_DMA_VIOLATION });
        expect(outcome.findings[0]!.bugCheck!.parameters).to.deep.include(code).and.to.include(count);
      });
    }

    it('a descriptor reaches past its mapping: A36, bug check 0xE6/26, with the address', async () => {
      const scenario = scenarioOf(new faulty.PointsPastMapping('too long'), {
        machine: { addressing: 'iommu' },
        workload: { outstanding: 1 },
      });
      const finding = await only(scenario, 'A36');
      expect(finding.severity).to.equal('crash');
      const [code, , address] = finding.bugCheck!.parameters;
      expect([finding.bugCheck!.code, code]).to.deep.equal([DRIVER_VERIFIER_DMA_VIOLATION, 0x26]);
      // Logical addresses of sgring lie beyond 2^32.
      expect(address).to.match(/^0x12[0-9a-f]{8}$/);
      expect(finding.message).to.contain(address).and.contain('not mapped');
    });

    it("a descriptor holds a physical address: A36, outside the device's address space", async () => {
      const finding = await only(scenarioOf(new faulty.UsesPhysicalAddress('physical')), 'A36');
      expect(finding.message).to.contain('no page of its address space');
    });

    it('EvtProgramDma returns with the interrupt lock: B22, bug check 0x10D/E', async () => {
      const finding = await only(scenarioOf(new faulty.KeepsInterruptLock('keeps the interrupt lock')), 'B22');
      expect(finding.message).to.contain('EvtProgramDma').and.contain('DISPATCH_LEVEL').and.contain('DIRQL');
      expect(finding.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [WdfViolation.VERIFIER_IRQL_MISMATCH, 2, 3] });
    });

    it('EvtIo returns with a spin lock: B22', async () => {
      const finding = await only(scenarioOf(new faulty.KeepsSpinLock('keeps a spin lock')), 'B22');
      expect(finding.message).to.contain('EvtIo').and.contain('PASSIVE_LEVEL').and.contain('DISPATCH_LEVEL');
    });

    it('a request is completed as done although its transaction failed: D25 (and C02 for the length that made it fail)', async () => {
      const outcome = await run(
        scenarioOf(new faulty.IgnoresTransactionStatus('ignores the status'), { machine: { addressing: 'direct' } }),
      );
      expect([...new Set(rulesOf(outcome))].sort()).to.deep.equal(['C02', 'D25']);
      expect(outcome.findings.find(({ rule }) => rule === 'D25')!.message).to.contain('STATUS_INVALID_PARAMETER');
    });

    it('an operation on NULL instead of a DMA adapter: A25, bug check 0xE6/19 (and C03 for how it came by it)', async () => {
      const outcome = await run(scenarioOf(new faulty.UsesNullAdapter('uses null')));
      expect(rulesOf(outcome)).to.deep.equal(['C03', 'A25']);
      expect(outcome.findings[1]!.message).to.contain('allocateCommonBuffer').and.contain('drivers');
      expect(outcome.findings[1]!.bugCheck).to.deep.equal({ code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [0x19] });
    });

    it('an unknown version of DEVICE_DESCRIPTION: A35, bug check 0xE6/25', async () => {
      const finding = await only(scenarioOf(new faulty.AsksForUnknownVersion('version 4')), 'A35');
      expect(finding.bugCheck).to.deep.equal({ code: DRIVER_VERIFIER_DMA_VIOLATION, parameters: [0x25, 4] });
    });

    it('a request is lost: L-QUIESCENCE, naming who waits', async () => {
      const outcome = await run(scenarioOf(new faulty.LosesRequest('loses one')));
      expect(rulesOf(outcome)).to.deep.equal(['L-QUIESCENCE']);
      expect(outcome.findings[0]!.message).to.match(/outstanding.* board: (read|write) of \d+ bytes \(Request#\d+\)/);
      expect(outcome.requests).to.equal(2);
    });

    const lost: readonly [driver: SmallDriver, message: RegExp][] = [
      [new faulty.DropsDpc('a DPC is dropped'), /1 completions of channel 0 lie in its ring and were not taken.*wait for ever: board: /],
      [new faulty.LeavesMasked('a cause stays masked'), /interrupt causes 0x1 of channel 0 are set and masked.*wait for ever: board: /],
    ];
    for (const [driver, message] of lost) {
      it(`${driver.name}: L-LOST-WAKE-UP says what was lost and who waits`, async () => {
        const finding = await only(scenarioOf(driver), 'L-LOST-WAKE-UP');
        expect(finding.message).to.match(message);
      });
    }

    /** The transition must come while a request is the driver's: not in every order. */
    const inSomeOrder = async (scenario: Scenario, rule: string): Promise<Outcome> => {
      for (let seed = 1; seed < 40; seed++) {
        const outcome = await run(scenario, seed);
        if (rulesOf(outcome).includes(rule)) return outcome;
      }
      throw new Error(`${rule} was not found`);
    };

    it('EvtIoStop leaves a request alone: C15 names it, before the bug check 0x9F', async () => {
      const scenario = scenarioOf(new faulty.IgnoresStop('ignores'), { workload: { powerCyclesPerMillion: 300_000 } });
      const outcome = await inSomeOrder(scenario, 'C15');
      expect(rulesOf(outcome)).to.deep.equal(['C15', 'B01']);
      expect(outcome.findings[0]!.object).to.match(/^Request#/);
    });

    it('the hardware is pulled and its requests are kept: D46, before the bug check 0x9F', async () => {
      const scenario = scenarioOf(new faulty.IgnoresStop('keeps'), { workload: { unplugPerMillion: 300_000 } });
      const outcome = await inSomeOrder(scenario, 'D46');
      expect(rulesOf(outcome)).to.deep.equal(['C15', 'D46', 'B01']);
      expect(outcome.findings.find(({ rule }) => rule === 'D46')!.message).to.match(/the driver still keeps \d+ requests/);
    });

    it('a driver reports fewer bytes than moved: L-SHORT-TRANSFER, for every request', async () => {
      const outcome = await run(scenarioOf(new faulty.ReportsShort('short'), { workload: { requests: 5 } }));
      expect(outcome.findings.map(({ rule }) => rule)).to.deep.equal(Array(5).fill('L-SHORT-TRANSFER'));
      expect([outcome.requests, outcome.bytesVerified]).to.deep.equal([5, 0]);
    });

    it('a driver does not start its device: L-START, and nothing hangs', async () => {
      const outcome = await run(scenarioOf(new faulty.RefusesToStart('refuses')));
      expect(rulesOf(outcome)).to.deep.equal(['L-START']);
      expect(outcome.findings[0]!.message).to.contain('STATUS_UNSUCCESSFUL');
      expect(outcome.requests).to.equal(0);
    });

    it('a driver creates no device: L-START says that', async () => {
      const outcome = await run(scenarioOf(faulty.createsNoDevice));
      expect(rulesOf(outcome)).to.deep.equal(['L-START']);
      expect(outcome.findings[0]!.message).to.contain('without creating the device');
    });

    it('a driver keeps its device object alive: L-LEAK after removal', async () => {
      const outcome = await run(scenarioOf(new faulty.KeepsDeviceAlive('keeps a reference')));
      expect(rulesOf(outcome)).to.deep.equal(['L-LEAK']);
      expect(outcome.findings[0]!.message).to.contain('1 reference');
      expect(outcome.requests).to.equal(20);
    });

    for (const kind of faulty.LAB_ERRORS) {
      it(`a driver throws ${kind} of its own: L-DRIVER-THREW, no error of the caller or of the lab`, async () => {
        const finding = await only(scenarioOf(new faulty.ThrowsLabError(kind)), 'L-DRIVER-THREW');
        expect(finding.message)
          .to.contain(`${kind}: `)
          .and.match(/drivers\.[jt]s:\d+/);
      });
    }

    it('a device model throws: L-ENGINE-LOST with its words and the registers', async () => {
      const finding = await only(scenarioOf(new SmallDriver(), { model: deviceUrl('throwing-device') }), 'L-ENGINE-LOST');
      expect([finding.severity, finding.object]).to.deep.equal(['crash', 'board']);
      expect(finding.message)
        .to.contain('the gearbox is out of gears')
        .and.match(/registers: board: .*=0x/);
    });

    it('a register access that hits no register: L-REGISTER, with the offset', async () => {
      const finding = await only(scenarioOf(new faulty.ReadsAcrossRegisters('across')), 'L-REGISTER');
      expect(finding.severity).to.equal('crash');
      expect(finding.message).to.contain('0x2');
    });
  });
}

describe('an engine is lost', function () {
  this.timeout(20_000);

  it('because its model throws: L-ENGINE-LOST with the reason, the thread and the registers', async () => {
    const report = await onThreads(scenarioOf(new SmallDriver(), { model: deviceUrl('throwing-device') }), ONCE);
    expect(rulesOf(report)).to.deep.equal(['L-ENGINE-LOST']);
    const { message, severity, object } = report.findings[0]!;
    expect([report.verdict, severity, object]).to.deep.equal(['finding', 'crash', 'board']);
    expect(message)
      .to.contain('the gearbox is out of gears')
      .and.match(/engine thread \d+/)
      .and.match(/SQ_TAIL|0x/);
  });

  it('because a step never ends: L-ENGINE-LOST, and its thread is killed', async () => {
    const report = await onThreads(scenarioOf(new SmallDriver(), { model: deviceUrl('hanging-device') }), ONCE);
    expect(rulesOf(report)).to.deep.equal(['L-ENGINE-LOST']);
    expect(report.findings[0]!.message).to.contain('no sign of life');
    // The root hook fails the suite if the thread is still there.
  });

  it('because a step sleeps for ever: L-ENGINE-LOST, and its thread is killed', async () => {
    const report = await onThreads(scenarioOf(new SmallDriver(), { model: deviceUrl('sleeping-device') }), ONCE);
    expect(rulesOf(report)).to.deep.equal(['L-ENGINE-LOST']);
    expect(report.findings[0]!.message).to.contain('no sign of life');
  });

  it('because its thread is gone (process.exit): L-ENGINE-LOST, with what was done until then', async () => {
    const report = await onThreads(scenarioOf(new SmallDriver(), { model: deviceUrl('exiting-device') }), ONCE);
    expect(rulesOf(report)).to.deep.equal(['L-ENGINE-LOST']);
    expect(report.verdict).to.equal('finding');
    expect(report.engines).to.have.lengthOf(1);
  });
});

describe('an engine does not start', function () {
  this.timeout(20_000);

  it('because its module does not load in a worker: an error with the reason, and no thread is left', async () => {
    let thrown: unknown = null;
    try {
      await onThreads(scenarioOf(new SmallDriver(), { model: deviceUrl('unloadable-device') }), ONCE);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).to.be.instanceOf(InternalError).and.include({ code: 'ENGINE_START' });
    expect((thrown as InternalError).message).to.contain('no windows in this room');
  });
});

describe('races that only some schedules show', function () {
  this.timeout(40_000);
  let outDir: string;
  before(() => (outDir = mkdtempSync(join(tmpdir(), 'dmalab-races-'))));
  after(() => rmSync(outDir, { recursive: true }));

  it('two locks in opposite order: a random walk finds L-DEADLOCK, and its file replays to it a hundred times', async () => {
    const scenario = scenarioOf(new faulty.LocksInOppositeOrder('opposite order'));
    const report = await explore(scenario, exploreSettings(outDir, 2000));
    expect(report.verdict).to.equal('finding');
    const [finding] = report.findings;
    expect(finding!.rule).to.equal('L-DEADLOCK');
    expect(finding!.message)
      .to.match(/vCPU 0 .* waits for SpinLock#\d+, held by vCPU 1/)
      .and.match(/vCPU 1 .* waits for SpinLock#\d+, held by vCPU 0/);
    expect(report.schedules, 'not in every schedule').to.be.greaterThan(1);

    const schedule = parseScheduleJson(JSON.parse(readFileSync(finding!.schedule!, 'utf8')), finding!.schedule!);
    expect(schedule.finding!.rule).to.equal('L-DEADLOCK');
    for (let i = 0; i < 100; i++) {
      const replayed = await replaySchedule(scenario, schedule, finding!.schedule!, 'dmalab');
      expect(replayed.divergence).to.equal(null);
      expect([replayed.verdict, replayed.eventHash, replayed.memoryHash]).to.deep.equal([
        'finding',
        schedule.eventHash,
        schedule.memoryHash,
      ]);
      expect(replayed.findings.map(({ rule, message }) => [rule, message])).to.deep.equal([[finding!.rule, finding!.message]]);
    }
  });

  it('chance from outside the machine: L-NONDETERMINISM', async () => {
    const report = await explore(scenarioOf(new faulty.ThrowsDice('dice')), exploreSettings(outDir, 200));
    expect(report.findings[0]!.rule).to.equal('L-NONDETERMINISM');
    expect(report.findings[0]!.message).to.contain('executed twice');
  });
});
