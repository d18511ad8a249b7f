import { expect } from 'chai';
import { describe, it } from 'mocha';
import { soak } from './soak.js';

describe('a short soak', function () {
  this.timeout(120_000);

  it('finds nothing in any scenario, and does what it says: cancels, power cycles', async () => {
    const rounds: number[] = [];
    const result = await soak({ seconds: 0, seed: 7, requestsPerRun: 1500, onRound: ({ round }) => rounds.push(round) });
    expect(result.findings.map(({ rule, message }) => `${rule} ${message}`)).to.deep.equal([]);
    expect(rounds).to.deep.equal([0]);
    const [first] = result.rounds;
    expect(first!.requests).to.be.greaterThan(3000);
    expect(first!.cancelled + first!.powerCycles).to.be.greaterThan(0);
  });
});
