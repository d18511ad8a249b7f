import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { EvenShare } from '../../src/workload/index.js';

const picks = (share: number, whole: number, count: number): number[] => {
  const even = new EvenShare(share, whole);
  return Array.from({ length: count }, () => (even.next() ? 1 : 0));
};

describe('even share', () => {
  it('picks the first one, and then every so many', () => {
    expect(picks(50, 100, 6)).to.deep.equal([1, 0, 1, 0, 1, 0]);
    expect(picks(300_000, 1_000_000, 7)).to.deep.equal([1, 0, 0, 1, 0, 0, 1]);
    expect(picks(0, 100, 3)).to.deep.equal([0, 0, 0]);
    expect(picks(100, 100, 3)).to.deep.equal([1, 1, 1]);
  });

  it('any whole number of rounds has exactly the share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 1, max: 4 }), (share, rounds) => {
        const total = picks(share, 100, 100 * rounds).reduce((sum, pick) => sum + pick, 0);
        expect(total).to.equal(share * rounds);
      }),
    );
  });
});
