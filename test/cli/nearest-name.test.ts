import { expect } from 'chai';
import fc from 'fast-check';
import { nearestName } from '../../src/machine/nearest-name.js';

const flags = ['--requests', '--duration', '--seed', '--outstanding', '--rate'];

describe('nearest name', () => {
  it('finds what a slip of the finger meant', () => {
    expect(nearestName('--requets', flags)).to.equal('--requests');
    expect(nearestName('--sede', flags)).to.equal('--seed');
    expect(nearestName('--DURATION', flags)).to.equal('--duration');
    expect(nearestName('--out', flags)).to.equal('--outstanding');
  });

  it('says nothing when nothing is near', () => {
    expect(nearestName('--frobnicate', flags)).to.equal(null);
    expect(nearestName('', flags)).to.equal(null);
    expect(nearestName('x', [])).to.equal(null);
    expect(nearestName('x'.repeat(100_000), flags)).to.equal(null);
    expect(nearestName('ab', ['cd'])).to.equal(null);
  });

  it('is always a known name, and the name itself when that is known', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string({ minLength: 1 })), (name, known) => {
        const nearest = nearestName(name, known);
        if (nearest !== null) expect(known).to.include(nearest);
        if (name.length > 0 && name.length <= 64) expect(nearestName(name, [...known, name])?.toLowerCase()).to.equal(name.toLowerCase());
      }),
    );
  });
});
