import { expect } from 'chai';
import { describe, it } from 'mocha';
import { readdirSync, readFileSync } from 'node:fs';
import { UsageError } from '../../src/nt/index.js';
import { decodeChoices, parseScheduleJson, replaySchedule } from '../../src/explore/index.js';
import { galleryScenarios } from '../../src/scenarios/index.js';

/** Files that released versions wrote; they are never written again. */
const folder = new URL('../../../test/explore/golden/', import.meta.url);
const files = readdirSync(folder);
const jsonOf = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

describe('golden schedule files', () => {
  for (const file of files.filter((name) => name.startsWith('v1-'))) {
    it(`${file} is read, and replays or says where it diverged`, async () => {
      const schedule = parseScheduleJson(jsonOf(file), file);
      expect(decodeChoices(schedule.choices, file).length).to.be.greaterThan(0);
      const scenario = galleryScenarios.find(({ name }) => name === schedule.scenario)!;
      const report = await replaySchedule(scenario, schedule, file, 'dmalab');
      expect(report.verdict).to.be.oneOf(['finding', 'diverged']);
      if (report.verdict === 'diverged') expect(report.divergence!.expected).to.not.equal(report.divergence!.found);
      else expect(report.findings[0]!.rule).to.equal(schedule.finding!.rule);
    });
  }

  it('a version that is not known is refused by its number', () => {
    const read = (): unknown => parseScheduleJson(jsonOf('v2-unknown.json'), 'v2-unknown.json');
    expect(read).to.throw(UsageError, 'version 2 is not known');
    expect(files.some((name) => name.startsWith('v1-'))).to.equal(true);
  });
});
