import { expect } from 'chai';
import { describe, it } from 'mocha';
import fc from 'fast-check';
import { interleave, median, ratioOf, rotate, type Contestant } from '../../bench/rounds.js';
import { isMet, rowOf } from '../../bench/results.js';

/** A contestant that logs its turns and answers from a list. */
function scripted(name: string, log: string[], figures: readonly number[]): Contestant {
  let turn = 0;
  return {
    name,
    measure() {
      log.push(name);
      return figures[turn++]!;
    },
  };
}

describe('bench: interleaved rounds', () => {
  it('throws the first round away and rotates who is first', async () => {
    const log: string[] = [];
    const series = await interleave(
      [scripted('a', log, [100, 1, 2, 3]), scripted('b', log, [100, 4, 5, 6]), scripted('c', log, [100, 7, 8, 9])],
      3,
    );
    expect(log.join('')).to.equal('abc' + 'bca' + 'cab' + 'abc');
    expect([...series]).to.deep.equal([
      ['a', [1, 2, 3]],
      ['b', [4, 5, 6]],
      ['c', [7, 8, 9]],
    ]);
  });

  it('takes the ratio inside a round, so that drift of the machine cancels', async () => {
    const series = await interleave([scripted('a', [], [1, 10, 20, 80]), scripted('b', [], [1, 5, 10, 40])], 3);
    expect(ratioOf(series, 'a', 'b')).to.deep.equal({ median: 2, min: 2, max: 2 });
  });

  for (const figure of [0, -1, NaN, Infinity]) {
    it(`refuses a measurement of ${figure}`, async () => {
      let refusal = '';
      await interleave([{ name: 'broken', measure: () => figure }], 1).catch((error: Error) => (refusal = error.message));
      expect(refusal).to.match(/^broken measured .* the benchmark is wrong$/);
    });
  }

  it('rotates to every order of turns', () => {
    expect(rotate([1, 2, 3], 4)).to.deep.equal([2, 3, 1]);
    expect(rotate([], 4)).to.deep.equal([]);
  });

  it('has as many figures below the median as above', () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(() => median([])).to.throw('the median of nothing');
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (figures) => {
        const middle = median(figures);
        const below = figures.filter((figure) => figure < middle).length;
        const above = figures.filter((figure) => figure > middle).length;
        expect(below).to.be.at.most(figures.length / 2);
        expect(above).to.be.at.most(figures.length / 2);
      }),
    );
  });
});

describe('bench: rows', () => {
  const series = new Map([
    ['ours', [10, 30, 20]],
    ['theirs', [100, 300, 400]],
  ]);
  const plan = { suite: 'S3', workload: '64 B', subject: 'ours', peer: 'theirs' } as const;

  it('divides by the peer where small is good', () => {
    const row = rowOf(series, { ...plan, goal: { atMost: 0.1 } });
    expect(row).to.include({ kind: 'cost', ratio: 0.1, ratioMin: 0.05, ratioMax: 0.1, met: true, subjectNs: 20, peerNs: 300 });
  });

  it('divides the peer by the subject where large is good', () => {
    const row = rowOf(series, { ...plan, goal: { atLeast: 40 } });
    expect(row).to.include({ kind: 'gain', ratio: 10, ratioMin: 10, ratioMax: 20, met: false });
  });

  it('judges nothing that has no goal', () => {
    expect(rowOf(series, plan)).to.include({ goal: null, met: null, kind: 'cost' });
  });

  it('counts a goal reached exactly as met', () => {
    expect(isMet({ atMost: 2 }, 2)).to.equal(true);
    expect(isMet({ atMost: 2 }, 2.01)).to.equal(false);
    expect(isMet({ atLeast: 40 }, 40)).to.equal(true);
    expect(isMet({ atLeast: 40 }, 39.9)).to.equal(false);
  });
});
