import { expect } from 'chai';
import { describe, it } from 'mocha';
import { recordings } from './recordings.js';

describe('gate: recordings on real threads replay', function () {
  this.timeout(120_000);

  it('500 of 500 to the same events and memory; a flipped choice is always noticed (`npm run gates` makes 100,000)', async () => {
    const { exact, distinctOrders, flips, flipsNoticed, findings } = await recordings(500);
    expect([exact, flips, flipsNoticed, findings]).to.deep.equal([500, 5, 5, 0]);
    expect(distinctOrders).to.be.greaterThan(10);
  });
});
