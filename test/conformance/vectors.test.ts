import { expect } from 'chai';
import { describe, it } from 'mocha';
import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { runVector, type Vector } from '../../src/conformance/index.js';

const folder = new URL('../../../test/conformance/vectors/', import.meta.url);
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => ({ name, vectors: parse(readFileSync(new URL(name, folder), 'utf8')) }));

function parse(text: string): Vector[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Vector);
}

const isWithinContract = (vector: Vector): boolean => vector.beyondContract !== true;

/** The first place where a run left the expectation; null when it never did. */
function firstDifference(vector: Vector, found: readonly unknown[]): string | null {
  if (isDeepStrictEqual(found, vector.expect)) return null;
  let at = 0;
  while (at < found.length && isDeepStrictEqual(found[at], vector.expect[at])) at++;
  return `${vector.name}, event ${at}: expected ${JSON.stringify(vector.expect[at])}, found ${JSON.stringify(found[at])}`;
}

function failures(vectors: readonly Vector[], options?: { suspendEverywhere: boolean }): string[] {
  return vectors.map((vector) => firstDifference(vector, runVector(vector, options).events)).filter((difference) => difference !== null);
}

describe('conformance vectors', () => {
  it('are all there', () => {
    expect(files.map(({ name, vectors }) => `${name} ${vectors.length}`)).to.deep.equal(['designed.jsonl 220', 'random-a.jsonl 1005']);
  });

  for (const { name, vectors } of files) {
    for (const profile of ['Packet', 'ScatterGather', 'System']) {
      const within = vectors.filter((vector) => isWithinContract(vector) && vector.enabler.profile.startsWith(profile));
      it(`${name}: ${within.length} ${profile} vectors within the contract`, () => {
        expect(within).to.not.be.empty;
        expect(failures(within)).to.deep.equal([]);
      });
    }
  }

  const beyond = files.flatMap(({ vectors }) => vectors).filter((vector) => !isWithinContract(vector));
  it(`${beyond.length} vectors beyond the contract, bug for bug`, () => {
    expect(beyond).to.have.length(11);
    expect(failures(beyond)).to.deep.equal([]);
  });

  it('make the same calls on the HAL', () => {
    const traced = files.flatMap(({ vectors }) => vectors).filter((vector) => vector.hal !== undefined);
    expect(traced).to.have.length(220);
    const different = traced.filter((vector) => !isDeepStrictEqual(runVector(vector).hal, vector.hal));
    expect(different.map((vector) => vector.name)).to.deep.equal([]);
  });

  it('do not change when the script is suspended at every scheduling point', () => {
    expect(
      failures(
        files.flatMap(({ vectors }) => vectors),
        { suspendEverywhere: true },
      ),
    ).to.deep.equal([]);
  });

  it('fail when the expectation is changed', () => {
    const vector = files[0]!.vectors.find(({ name }) => name === 'packet-contiguous-runs')!;
    const changed: Vector = { ...vector, expect: JSON.parse(JSON.stringify(vector.expect).replace('7680', '7681')) as unknown[] };
    expect(failures([changed])).to.deep.equal([
      'packet-contiguous-runs, event 4: expected ["cb","EvtProgramDma","t0","Write",[["0xa200",7681]]], found ["cb","EvtProgramDma","t0","Write",[["0xa200",7680]]]',
    ]);
  });
});
