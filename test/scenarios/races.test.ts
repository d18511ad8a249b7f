import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { controlledOverrides, explore, parseScheduleJson, Pos, replaySchedule } from '../../src/explore/index.js';
import { defineScenario, type DriverConfig, type Interrupt, type Suspending } from '../../src/index.js';
import { deriveSeed, type RecordedViolation } from '../../src/kernel/index.js';
import { resolveParameters, type Overrides } from '../../src/machine/parameters.js';
import type { Scenario } from '../../src/machine/scenario.js';
import { builtInScenarios, gallery } from '../../src/scenarios/index.js';
import { driverOf } from '../../src/scenarios/gallery/kit/driver-of.js';
import { RingDriver } from '../../src/scenarios/gallery/kit/ring-driver.js';
import {
  COMPLETION_BYTES,
  COMPLETION_SEQUENCE,
  COMPLETION_STATUS,
  COMPLETION_TAG,
  CQ_HEAD,
  PHASE,
} from '../../src/scenarios/samples/ring-registers.js';
import { RingChannel } from '../../src/scenarios/samples/ring-channel.js';

const sample = (name: string): Scenario => builtInScenarios.find((scenario) => scenario.name === name)!;
const pair = gallery.find(({ defect }) => defect.name === 'intcsr-without-lock')!;

/** Findings of the first of `schedules` schedules that has some of which `isWanted`. */
function search(
  scenario: Scenario,
  schedules: number,
  overrides: Overrides,
  isWanted: (finding: RecordedViolation) => boolean = () => true,
): readonly RecordedViolation[] {
  const backend = new ControlledBackend(resolveParameters(scenario, controlledOverrides(scenario, overrides)));
  const strategy = new Pos();
  for (let n = 0; n < schedules; n++) {
    strategy.newExecution(deriveSeed(overrides.seed, `schedule ${n}`));
    const findings = backend.execute(strategy, false).findings.filter(isWanted);
    if (findings.length > 0) return findings;
  }
  return [];
}

/** What the channel of the ring driver keeps to itself. */
interface RingInside {
  savedCauses: number;
  orders: number;
}
type Ring = { -readonly [K in 'service' | 'submit']: RingChannel[K] };
const ring = RingChannel.prototype as Ring;
const right = { service: ring.service, submit: ring.submit };

/** The DPC counts the saved causes before it takes the interrupt lock. */
function* serviceWithoutLock(this: RingChannel, interrupt: Interrupt): Suspending<void> {
  const inside = this as unknown as RingInside;
  inside.savedCauses = inside.savedCauses | 0;
  yield* right.service.call(this, interrupt);
}

/** A transfer is numbered before the channel's lock is taken. */
function* submitWithoutLock(this: RingChannel, ...parameters: Parameters<RingChannel['submit']>): Suspending<void> {
  (this as unknown as RingInside).orders++;
  yield* right.submit.apply(this, parameters);
}

/** Looks for a completion without observing its sequence word. */
class UnobservedCompletions extends RingDriver {
  protected override hasCompletion(): boolean {
    const at = (this.reaped & (this.entries - 1)) * COMPLETION_BYTES;
    const expectedPhase = (this.reaped & this.entries) === 0 ? PHASE : 0;
    return (this.completion.read32(at + COMPLETION_SEQUENCE) & PHASE) === expectedPhase;
  }
}

/** Polls status and sequence of a completion as one field of 64 bits, and writes it back when it has taken what else is there. */
class WideCompletions extends RingDriver {
  protected override *reap(): Suspending<void> {
    for (let isNew = true; isNew;) {
      yield* this.lock.acquire();
      const at = (this.reaped & (this.entries - 1)) * COMPLETION_BYTES;
      const expectedPhase = (this.reaped & this.entries) === 0 ? PHASE : 0;
      this.beforeLook(at);
      const field = yield* this.completion.read64(at + COMPLETION_STATUS);
      isNew = (Number(field >> 32n) & PHASE) === expectedPhase;
      const transfer = isNew ? this.takeCompletion() : null;
      if (isNew) yield* this.completion.write64(at + COMPLETION_STATUS, field);
      if (isNew) yield* this.write(CQ_HEAD, this.reaped);
      yield* this.lock.release();
      if (transfer !== null) yield* this.transferDone(transfer);
    }
  }

  protected beforeLook(_at: number): void {}
}

/** Reads the tag before it knows that there is one. */
class EarlyTag extends WideCompletions {
  protected override beforeLook(at: number): void {
    this.completion.read32(at + COMPLETION_TAG);
  }
}

/** One channel of the ring engine. */
const completions = (driver: DriverConfig): Scenario =>
  defineScenario({
    name: 'completions',
    title: 'completions of one channel',
    devices: [{ name: 'board', model: 'sgring', params: { channels: 1 }, driver }],
    workload: { requests: 3, outstanding: 2, maxBytes: 512, maxMdls: 1 },
  });

describe('data races', function () {
  this.timeout(120_000);
  afterEach(() => Object.assign(ring, right));

  it('plx: a channel that is started without the interrupt lock races with the ISR, both sites named (D17)', () => {
    const [finding] = search(pair.defect, 200, { seed: 1, races: true }, ({ rule }) => rule === 'D17');
    expect(finding).to.include({ severity: 'error' });
    expect(finding!.object).to.match(/channel\.is(Running|Done)$|channel\.starts$/);
    expect(finding!.message).to.contain('EvtProgramDma (').and.to.contain('without a lock');
    expect(finding!.message).to.match(/EvtProgramDma \([^)]*\) must hold Interrupt#\d+ lock$/);
    expect(finding!.message).to.match(/holding Interrupt#\d+ lock/);
  });

  it('plx: two updates of INTCSR that nothing orders, though the device takes no harm from either write', () => {
    const [finding] = search(pair.defect, 10, { seed: 1, races: true });
    expect(finding).to.include({ rule: 'L-DATA-RACE', object: 'INTCSR of board' });
    expect(finding!.message).to.match(
      /^EvtProgramDma \([^)]*\) has read and writes back INTCSR of board without a lock; EvtProgramDma \([^)]*\) had read and written back it without a lock/,
    );
    expect(finding!.message).to.match(/both need one lock$/);
  });

  it('plx: its repaired twin has none', () => {
    expect(search(pair.repaired, 100, { seed: 1, races: true })).to.deep.equal([]);
  });

  for (const name of ['ring', 'plx9x5x-cancel', 'pcidrv', 'amcc5933'])
    it(`${name}: none where register writes are posted: what was written before a doorbell is ordered when that has arrived`, () => {
      const workload = { requests: 4, outstanding: 2 };
      expect(search(sample(name), 40, { seed: 2, races: true, workload, machine: { ordering: ['posted-writes'] } })).to.deep.equal([]);
    });

  it('ring: causes that the DPC touches without the interrupt lock (D17)', () => {
    ring.service = serviceWithoutLock;
    const [finding] = search(sample('ring'), 100, { seed: 1, races: true });
    expect(finding).to.include({ rule: 'D17' });
    expect(finding!.object).to.match(/^ring channel \d\.savedCauses$/);
    expect(finding!.message).to.match(/EvtInterruptDpc \([^)]*\) must hold Interrupt#\d+ lock$/);
    expect(search(sample('ring'), 20, { seed: 1 })).to.deep.equal([]);
  });

  it('ring: a counter of two callbacks without the channel lock (L-DATA-RACE)', () => {
    ring.submit = submitWithoutLock;
    const workload = { requests: 16, outstanding: 8 };
    const [finding] = search(sample('ring'), 100, { seed: 1, races: true, workload });
    expect(finding).to.include({ rule: 'L-DATA-RACE' });
    expect(finding!.object).to.match(/^ring channel \d\.orders$/);
    expect(finding!.message).to.match(/EvtProgramDma \(.*EvtProgramDma \(/);
  });

  for (const [name, what] of [
    ['tail-beyond-neighbour', /^device board reads CommonBuffer#\d+ at offset \d+; EvtProgramDma \([^)]*\) wrote it without a lock/],
    [
      'cancel-without-confirmation',
      /^EvtProgramDma \(cancel\) writes CommonBuffer#\d+ at offset \d+ holding [^;]*; device board (wrote|read) it,/,
    ],
  ] as const) {
    it(`${name}: a descriptor that is written while the device fetches it (L-DATA-RACE); its twin has none`, () => {
      const { defect, repaired } = gallery.find((entry) => entry.defect.name === name)!;
      const [finding] = search(defect, 50, { seed: 1, races: true });
      expect(finding).to.include({ rule: 'L-DATA-RACE', severity: 'error' });
      expect(finding!.message).to.match(what);
      expect(finding!.message).to.match(
        /no register written before the step, and no word observed, register read or interrupt taken behind it$/,
      );
      expect(search(repaired, 50, { seed: 1, races: true })).to.deep.equal([]);
    });
  }

  it('a completion that is read by a plain load races with the device that stores it', () => {
    const [finding] = search(completions(driverOf('unobserved', UnobservedCompletions)), 20, { seed: 1, races: true });
    expect(finding).to.include({ rule: 'L-DATA-RACE' });
    expect(finding!.message).to.match(
      /EvtInterruptDpc \([^)]*\) reads CommonBuffer#\d+ at offset \d+ holding SpinLock#\d+; device board wrote it/,
    );
    expect(search(completions(driverOf('observed', RingDriver)), 60, { seed: 1, races: true })).to.deep.equal([]);
  });

  for (const ordering of [[], ['torn-fields']] as const)
    it(`a load of 64 bits orders what follows it, not what comes before (${ordering[0] ?? 'one access'})`, () => {
      const overrides = { seed: 1, races: true, machine: { ordering } };
      expect(search(completions(driverOf('wide', WideCompletions)), 60, overrides)).to.deep.equal([]);
      const [finding] = search(completions(driverOf('early', EarlyTag)), 60, overrides);
      expect(finding).to.include({ rule: 'L-DATA-RACE' });
      expect(finding!.message).to.match(/EvtInterruptDpc \([^)]*\) read/);
    });

  it('a 64-bit field that says who owns an entry does not race: the repaired twin of entry-in-two-loads', () => {
    const { repaired } = gallery.find(({ defect }) => defect.name === 'entry-in-two-loads')!;
    for (const ordering of [[], ['torn-fields']] as const)
      expect(search(repaired, 100, { seed: 1, races: true, machine: { ordering } })).to.deep.equal([]);
  });

  it('power cycles, cancellations and removals: the samples have none', () => {
    for (const workload of [{ powerCyclesPerMillion: 500_000 }, { unplugPerMillion: 500_000 }, { cancelPerMillion: 500_000 }])
      for (const name of ['ring', 'plx9x5x-cancel', 'amcc5933-cancel', 'pcidrv'])
        expect(search(sample(name), 12, { seed: 2, races: true, workload }), name).to.deep.equal([]);
  });

  for (const name of ['plx9x5x', 'plx9x5x-cancel', 'ring']) {
    it(`${name}: the sample has none, cancelled or not`, () => {
      expect(search(sample(name), 60, { seed: 3, races: true })).to.deep.equal([]);
      const cancelPerMillion = name === 'plx9x5x' ? 0 : 500_000;
      expect(search(sample(name), 60, { seed: 4, races: true, workload: { cancelPerMillion } })).to.deep.equal([]);
    });
  }

  for (const name of ['systemdma', 'systemdma-loop', 'amcc5933-cancel', 'reserve-contention']) {
    it(`${name}: a request comes after the one before it, also when its queue was dispatching already and presents it on another processor`, () => {
      expect(search(sample(name), 40, { seed: 1, races: true })).to.deep.equal([]);
    });
  }

  it('adds no scheduling points: the same seeds come to the same events and memory', () => {
    const hashes = (races: boolean): string[] => {
      const parameters = resolveParameters(sample('plx9x5x'), controlledOverrides(sample('plx9x5x'), { seed: 5, races }));
      const backend = new ControlledBackend(parameters);
      const strategy = new Pos();
      return Array.from({ length: 10 }, (_, n) => {
        strategy.newExecution(n);
        const { eventHash, memoryHash } = backend.execute(strategy);
        return `${eventHash} ${memoryHash}`;
      });
    };
    expect(hashes(true)).to.deep.equal(hashes(false));
  });

  it('explore shrinks and keeps the race, and its schedule finds it again', async () => {
    const outDir = mkdtempSync(join(tmpdir(), 'dmalab-races-'));
    try {
      const report = await explore(pair.defect, {
        overrides: { seed: 1, races: true },
        strategy: new Pos(),
        schedules: 200,
        outDir,
        scenarioReference: pair.defect.name,
        program: 'dmalab',
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
      expect([report.verdict, report.races, report.findings[0]?.rule]).to.deep.equal(['finding', true, 'L-DATA-RACE']);
      const path = report.findings[0]!.schedule!;
      const schedule = parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path);
      expect(schedule.parameters).to.include({ races: true });
      const again = await replaySchedule(pair.defect, schedule, path, 'dmalab');
      expect([again.verdict, again.findings[0]?.rule, again.findings[0]?.message]).to.deep.equal([
        'finding',
        'L-DATA-RACE',
        report.findings[0]!.message,
      ]);
    } finally {
      rmSync(outDir, { recursive: true });
    }
  });
});
