import { expect } from 'chai';
import fc from 'fast-check';
import { after, before, describe, it } from 'mocha';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../src/nt/index.js';
import {
  decodeChoices,
  encodeChoices,
  flattenOverrides,
  parseOverrides,
  parseScheduleJson,
  writeSchedule,
  type Schedule,
} from '../../src/explore/index.js';
import { sampleSchedule } from './sample-schedule.js';
import type { Overrides } from '../../src/machine/parameters.js';

function usageErrorOf(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('nothing was thrown');
}

describe('schedule file: choices', () => {
  it('round trip through their text, whatever they are', () => {
    const runs = fc.array(fc.tuple(fc.nat(9999), fc.integer({ min: 1, max: 300 })), { maxLength: 60 });
    fc.assert(
      fc.property(runs, (parts) => {
        const choices = parts.flatMap(([strand, count]) => Array<number>(count).fill(strand));
        expect(decodeChoices(encodeChoices(choices), 'x')).to.deep.equal(choices);
        expect(decodeChoices(encodeChoices(Int32Array.from(choices)), 'x')).to.deep.equal(choices);
      }),
    );
  });

  it('are short, and each list has one text', () => {
    expect(encodeChoices([0, 0, 0, 3, 0, 0])).to.equal('0x3 3 0x2');
    expect(encodeChoices([])).to.equal('');
    expect(encodeChoices(Array<number>(1000).fill(2))).to.equal('2x1000');
    expect(decodeChoices('', 'x')).to.deep.equal([]);
  });

  it('a text is a list of choices or a usage error, never anything else', () => {
    const pieces = fc.array(fc.constantFrom('0', '1', '12', 'x', ' ', '-', '.', 'e', '0x', 'x3', '99999', '\n'), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.oneof(
          pieces.map((list) => list.join('')),
          fc.string(),
        ),
        (text) => {
          let choices: number[];
          try {
            choices = decodeChoices(text, 'file.json');
          } catch (error) {
            expect(error).to.be.instanceOf(UsageError).and.include({ code: 'USAGE_BAD_SCHEDULE' });
            return;
          }
          expect(choices.every((choice) => Number.isInteger(choice) && choice >= 0)).to.equal(true);
          expect(decodeChoices(encodeChoices(choices), 'x')).to.deep.equal(choices);
        },
      ),
    );
  });

  it('say what is wrong with them and where', () => {
    for (const text of ['0x12 a', '-1', '1.5', '0x', 'x3', '0x-2', '1,2', '0X3', '12345', '0x123456789']) {
      const error = usageErrorOf(() => decodeChoices(text, 'my.json'));
      expect(error.code).to.equal('USAGE_BAD_SCHEDULE');
      expect(error.details.where).to.equal('my.json');
      expect(error.message).to.contain('the schedule file is broken');
    }
  });

  it('have a bound, found before memory is used up', () => {
    expect(usageErrorOf(() => decodeChoices('0x99999999', 'x')).message).to.contain('too long');
    expect(usageErrorOf(() => decodeChoices(Array<string>(20).fill('0x1000000').join(' '), 'x')).message).to.contain('too long');
  });
});

describe('schedule file: contents', () => {
  it('a whole one parses to itself', () => {
    expect(parseScheduleJson(JSON.parse(JSON.stringify(sampleSchedule)), 'x')).to.deep.equal(sampleSchedule);
    const failing = { ...sampleSchedule, finding: { rule: 'C08', message: 'twice' } };
    expect(parseScheduleJson(failing, 'x')).to.deep.equal(failing);
  });

  for (const field of Object.keys(sampleSchedule) as (keyof Schedule)[]) {
    it(`without ${field} it is broken, and the message names the field`, () => {
      const rest: Record<string, unknown> = { ...sampleSchedule };
      delete rest[field];
      const error = usageErrorOf(() => parseScheduleJson(rest, 'my.json'));
      expect(error).to.include({ code: 'USAGE_BAD_SCHEDULE' });
      expect(error.message).to.contain(field);
      expect(error.details.where).to.equal('my.json');
    });
  }

  const broken: readonly (readonly [what: string, json: unknown, names: string])[] = [
    ['another format', { ...sampleSchedule, format: 'other' }, 'format'],
    ['another version', { ...sampleSchedule, version: 99 }, 'version'],
    ['a seed that is no whole number', { ...sampleSchedule, seed: 1.5 }, 'seed'],
    ['an empty scenario', { ...sampleSchedule, scenario: '' }, 'scenario'],
    ['a parameter of another type', { ...sampleSchedule, parameters: { a: [] } }, 'parameters.a'],
    ['an unknown key', { ...sampleSchedule, extra: 1 }, 'extra'],
    ['a finding without a rule', { ...sampleSchedule, finding: { message: 'x' } }, 'finding.rule'],
    ['nothing', null, 'the file'],
    ['a list', [], 'the file'],
    ['a number', 3, 'the file'],
  ];
  for (const [what, json, names] of broken) {
    it(`${what} is refused by name`, () => {
      const error = usageErrorOf(() => parseScheduleJson(json, 'x'));
      expect(error.code).to.equal('USAGE_BAD_SCHEDULE');
      expect(error.message).to.contain(names);
    });
  }

  it('anything at all is a schedule or a usage error', () => {
    fc.assert(
      fc.property(fc.anything(), (json) => {
        expect(usageErrorOf(() => parseScheduleJson(json, 'x')).code).to.equal('USAGE_BAD_SCHEDULE');
      }),
    );
  });
});

describe('schedule file: parameters', () => {
  const workload = fc.record(
    {
      requests: fc.integer({ min: 1, max: 1000 }),
      outstanding: fc.integer({ min: 1, max: 64 }),
      readsPercent: fc.integer({ min: 0, max: 100 }),
      verifyPayload: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const machine = fc.record(
    {
      vcpus: fc.integer({ min: 1, max: 8 }),
      mapRegisters: fc.integer({ min: 2, max: 1024 }),
      addressing: fc.constantFrom('direct', 'bounce32', 'iommu'),
    },
    { requiredKeys: [] },
  );

  it('round trip: what shaped the machine shapes it again', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0 }),
        workload,
        machine,
        fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined }),
        (seed, w, m, instances, stepsMax) => {
          const more = { ...(instances === undefined ? {} : { instances }), ...(stepsMax === undefined ? {} : { stepsMax }) };
          const overrides = { seed, workload: w, machine: m, ...more } as Overrides;
          const parsed = parseOverrides(seed, flattenOverrides(overrides), 'x');
          expect(parsed).to.deep.equal(overrides);
        },
      ),
    );
  });

  it('a parameter nobody knows, or of the wrong type, is refused by name', () => {
    const flats = [
      { 'workload.speed': 3 },
      { speed: 3 },
      { 'machine.vcpus': '2' },
      { instances: 'two' },
      { stepsMax: 0 },
      { stepsMax: 1.5 },
      { devices: 3 },
      { devices: '' },
      { 'faultsLeftOut.board': -1 },
      { 'workload.requests': true },
      { 'other.vcpus': 1 },
    ];
    for (const flat of flats) {
      const error = usageErrorOf(() => parseOverrides(1, flat, 'my.json'));
      expect(error).to.include({ code: 'USAGE_BAD_SCHEDULE' });
      expect(error.message).to.contain(Object.keys(flat)[0]);
      expect(error.details.where).to.equal('my.json');
    }
  });
});

describe('schedule file: on disk', () => {
  let directory: string;
  before(() => (directory = mkdtempSync(join(tmpdir(), 'dmalab-schedule-'))));
  after(() => rmSync(directory, { recursive: true }));

  it('is written into folders that are made for it', () => {
    const path = join(directory, 'a', 'b', 'schedule.json');
    writeSchedule(path, sampleSchedule);
    expect(parseScheduleJson(JSON.parse(readFileSync(path, 'utf8')), path)).to.deep.equal(sampleSchedule);
  });

  it('that cannot be written is a usage error, not a crash', () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const error = usageErrorOf(() => writeSchedule(join(file, 'schedule.json'), sampleSchedule));
    expect(error.code).to.equal('USAGE_CANNOT_WRITE');
    chmodSync(file, 0o600);
    expect(existsSync(join(file, 'schedule.json'))).to.equal(false);
  });
});
