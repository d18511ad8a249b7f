import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { rmSync } from 'node:fs';
import { encodeChoices, decodeChoices } from '../../src/explore/index.js';
import { gallery, type GalleryEntry } from '../../src/scenarios/index.js';
import { newFolder } from '../e2e/dmalab.js';
import { findDefect, replayHere, replayInProcesses, type KeptFinding, type KeptSchedule } from './replay.js';

const NAMES = ['cancel-after-final', 'stop-issued-twice', 'enable-writes-causes'] as const;
const REPEATS = 10;
const ALL_EQUAL = { replays: REPEATS, different: 0, difference: null };

const pairOf = (name: string): GalleryEntry => gallery.find(({ defect }) => defect.name === name)!;

describe('gate: findings of the gallery replay (`npm run gates -- replay` takes all, a hundred times)', function () {
  this.timeout(60_000);
  let folder: string;
  const found: KeptFinding[] = [];

  before(async () => {
    folder = newFolder();
    for (const name of NAMES) {
      const finding = await findDefect(pairOf(name), folder);
      if (typeof finding === 'string') expect.fail(`${name}: ${finding}`);
      found.push(finding);
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const backend of ['controlled', 'lockstep'] as const) {
    it(`as found and shrunk, ${REPEATS} times in one process on ${backend}: the same rule, events and memory`, async () => {
      for (const { scenario, full, shrunk } of found)
        for (const kept of [full, shrunk]) expect(await replayHere(scenario, kept, backend, REPEATS), kept.file).to.deep.equal(ALL_EQUAL);
    });
  }

  it('in a process of its own, the shrunk one with its device steps on worker threads', async () => {
    const [{ full, shrunk }] = found as [KeptFinding];
    for (const [kept, backend] of [
      [full, 'controlled'],
      [shrunk, 'lockstep'],
    ] as const)
      expect(await replayInProcesses(kept, backend, 1, folder)).to.deep.equal({ replays: 1, different: 0, difference: null });
  });

  it('sees another rule, other events, other memory and another choice', async () => {
    const [{ scenario, shrunk }] = found as [KeptFinding];
    const { schedule, file } = shrunk;
    const choices = decodeChoices(schedule.choices, file);
    const changes: readonly Partial<KeptSchedule['schedule']>[] = [
      { finding: { rule: 'C08', message: '' } },
      { eventHash: '0'.repeat(schedule.eventHash.length) },
      { memoryHash: '0'.repeat(schedule.memoryHash.length) },
      { choices: encodeChoices(choices.map((choice, i) => (i === 0 ? choice + 1 : choice))) },
    ];
    for (const change of changes) {
      const changed = { file, schedule: { ...schedule, ...change } };
      const { different, difference } = await replayHere(scenario, changed, 'controlled', 2);
      expect(different, JSON.stringify(change)).to.equal(2);
      expect(difference).to.be.a('string');
    }
  });

  it('says so when nothing is found: a repaired twin has no finding to replay', async () => {
    const { repaired, ...pair } = pairOf('second-reservation-waits');
    const entry = { ...pair, defect: { ...repaired, workload: { ...repaired.workload, requests: 1 } }, repaired };
    expect(await findDefect(entry, folder, 20)).to.equal('nothing found within 20 schedules');
  });
});
