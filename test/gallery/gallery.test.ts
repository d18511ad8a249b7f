import { expect } from 'chai';
import { describe, it } from 'mocha';
import { readFileSync, readdirSync } from 'node:fs';
import { GuidedRun, Pos, RandomWalk } from '../../src/explore/index.js';
import { builtInScenarios, gallery } from '../../src/scenarios/index.js';
import { rules } from '../../src/verifier/index.js';
import { Searcher } from './search.js';

/** Lines in which two texts differ: those of the longer one that no common sequence of lines holds. */
function differingLines(a: string, b: string): number {
  const [first, second] = [a, b].map((text) => text.split('\n').map((line) => line.trim())) as [string[], string[]];
  let row = new Array<number>(second.length + 1).fill(0);
  for (const line of first) {
    const next = [0];
    second.forEach((other, j) => next.push(line === other ? row[j]! + 1 : Math.max(row[j + 1]!, next[j]!)));
    row = next;
  }
  return Math.max(first.length, second.length) - row[second.length]!;
}

const folder = new URL('../../../src/scenarios/gallery/', import.meta.url);
const source = (name: string, file: string): string => readFileSync(new URL(`${name}/${file}.ts`, folder), 'utf8');

describe('gallery', () => {
  it('has a folder for every defect and a defect for every folder, with names nobody else has', () => {
    const names = gallery.map(({ defect }) => defect.name);
    const folders = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && entry.name !== 'kit' ? [entry.name] : [],
    );
    expect([...names].sort()).to.deep.equal(folders.sort());
    const all = [...builtInScenarios, ...gallery.flatMap(({ defect, repaired }) => [defect, repaired])].map(({ name }) => name);
    expect(new Set(all).size).to.equal(all.length);
  });

  it('no driver and no scenario of it names a rule or knows which twin it is', () => {
    const ids = rules.map(({ id }) => id).join('|');
    const telling = new RegExp(`\\b(${ids})\\b|bug|defect|wrong|fault|buggy|repair`, 'i');
    const shared = readdirSync(new URL('kit/', folder)).map((file) => source('kit', file.replace(/\.ts$/, '')));
    const drivers = gallery.flatMap(({ defect }) => [source(defect.name, 'defect'), source(defect.name, 'repaired')]);
    for (const text of [...drivers, ...shared]) expect(telling.exec(text.replace(/StateMachine|default/gi, ''))?.[0]).to.equal(undefined);
    for (const { defect, repaired } of gallery)
      expect({ ...defect, name: '', devices: [] }).to.deep.equal({ ...repaired, name: '', devices: [] });
  });

  for (const { defect, repaired, expects, easyBecause } of gallery) {
    describe(defect.name, function () {
      this.timeout(60_000);

      it('differs from its repaired twin in at most ten lines of the driver, and in nothing else', () => {
        const lines = differingLines(source(defect.name, 'defect'), source(defect.name, 'repaired'));
        expect(lines).to.be.within(1, 10);
        const devices = (scenario: typeof defect): unknown => scenario.devices.map((device) => ({ ...device, driver: device.driver.name }));
        expect(devices(defect)).to.deep.equal(devices(repaired));
      });

      it('passes in first-in first-out order without preemption', () => {
        expect(new Searcher(defect).search(new GuidedRun(), 1, 1)).to.deep.equal({ schedules: null, rules: [] });
      });

      it(`is found by the default strategy: ${expects}`, () => {
        const { schedules, rules: found } = new Searcher(defect).search(new Pos(), 1, 10_000);
        expect(schedules, 'schedules').to.not.equal(null);
        expect(found[0]).to.equal(expects);
      });

      it(easyBecause === undefined ? 'takes a random walk more than 20 schedules on the median' : `is easy: ${easyBecause}`, () => {
        const median = new Searcher(defect).median(() => new RandomWalk(), 9, easyBecause === undefined ? 21 : 2000);
        if (easyBecause === undefined) expect(median).to.be.greaterThan(20);
        else expect(median).to.be.at.most(20);
      });

      if ((defect.machine.ordering ?? []).length > 0) {
        it('shows nothing on a machine that leaves no order open', () => {
          for (const twin of [defect, repaired])
            expect(new Searcher(twin, { ordering: [] }).search(new Pos(), 3, 400)).to.deep.equal({ schedules: null, rules: [] });
        });
      }

      it('is clean when it is repaired', () => {
        expect(new Searcher(repaired).search(new Pos(), 7, 400)).to.deep.equal({ schedules: null, rules: [] });
      });
    });
  }
});
