import { expect } from 'chai';
import { describe, it } from 'mocha';
import { ControlledBackend } from '../../src/backends/index.js';
import { RandomWalk, controlledOverrides } from '../../src/explore/index.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

const scenario = builtInScenarios.find(({ name }) => name === 'plx9x5x-cancel')!;

/** Steps and leaps of time of some random executions. */
function leaps(leapDistance: number): { steps: number; leaps: number }[] {
  const backend = new ControlledBackend(resolveParameters(scenario, controlledOverrides(scenario, { seed: 3, leapDistance })));
  const walk = new RandomWalk();
  return Array.from({ length: 20 }, (_, seed) => {
    walk.newExecution(seed);
    const { steps } = backend.execute(walk);
    return { steps, leaps: backend.machine.kernel.timeLeaps };
  });
}

describe('leaps of time', () => {
  it('come at most once in so many operations', () => {
    for (const { steps, leaps: count } of leaps(32)) expect(count).to.be.within(1, Math.ceil(steps / 32));
  });

  it('come at any operation when nobody keeps them apart', () => {
    expect(leaps(1).some(({ steps, leaps: count }) => count > Math.ceil(steps / 32))).to.equal(true);
  });
});
