import { expect } from 'chai';
import { after, before, describe, it } from 'mocha';
import { InstrumentedLab, type Audited } from './accesses/audit.js';

describe('the relation of dpor, held against every access of the machine’s code', function () {
  this.timeout(60_000);

  let lab: InstrumentedLab;
  before(async () => {
    lab = await InstrumentedLab.create();
  });
  after(() => {
    lab.close();
  });

  const pattern: Audited = {
    scenario: 'systemdma-cancel',
    overrides: { seed: 1, races: true },
    bounds: { leaps: 1 },
    executionsMax: 60,
  };

  it('orders all accesses of two strands to one place, objects told apart', () => {
    const { executions, pairs, unordered } = lab.audit(pattern);
    expect([executions, [...unordered]]).to.deep.equal([60, []]);
    expect(pairs).to.be.greaterThan(10_000);
  });

  it('orders them as well where all processors depend on each other', () => {
    const { unordered } = lab.audit({ ...pattern, overrides: { seed: 1 }, bounds: { preemptions: 1, leaps: 1 } });
    expect([...unordered]).to.deep.equal([]);
  });

  it('sees steps that depend on each other and are said not to', () => {
    const { unordered } = lab.audit({ ...pattern, dependent: (a, b) => (a.strands & b.strands) !== 0 });
    expect(unordered.size).to.be.greaterThan(10);
  });
});
