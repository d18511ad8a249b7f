import { expect } from 'chai';
import { describe, it } from 'mocha';
import { readdirSync, readFileSync } from 'node:fs';
import { UsageError } from '../../src/nt/index.js';
import { decodeChoices, parseScheduleJson, parseScheduleToken, replaySchedule, type Schedule } from '../../src/explore/index.js';
import { galleryScenarios } from '../../src/scenarios/index.js';

/** Files that released versions wrote; they are never written again. */
const folder = new URL('../../../test/explore/golden/', import.meta.url);
const files = readdirSync(folder);
const released = files.filter((name) => /^v1-.*\.json$/.test(name));
const tokens = files.filter((name) => /^v1-token-.*\.txt$/.test(name));
const jsonOf = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

async function requireReplay(schedule: Schedule, file: string): Promise<void> {
  expect(decodeChoices(schedule.choices, file).length).to.be.greaterThan(0);
  const scenario = galleryScenarios.find(({ name }) => name === schedule.scenario)!;
  const report = await replaySchedule(scenario, schedule, file, 'dmalab');
  expect(report.verdict).to.be.oneOf(['finding', 'diverged']);
  if (report.verdict === 'diverged') expect(report.divergence!.expected).to.not.equal(report.divergence!.found);
  else expect(report.findings[0]!.rule).to.equal(schedule.finding!.rule);
}

describe('golden schedule files', () => {
  for (const file of released)
    it(`${file} is read, and replays or says where it diverged`, () => requireReplay(parseScheduleJson(jsonOf(file), file), file));

  for (const file of tokens)
    it(`${file}, a token, is read as well`, () =>
      requireReplay(parseScheduleToken(readFileSync(new URL(file, folder), 'utf8').trim()), file));

  it('a version that is not known is refused by its number', () => {
    const read = (): unknown => parseScheduleJson(jsonOf('v2-unknown.json'), 'v2-unknown.json');
    expect(read).to.throw(UsageError, 'version 2 is not known');
    expect(released).to.not.be.empty;
    expect(tokens).to.not.be.empty;
  });
});
