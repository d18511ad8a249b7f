import { expect } from 'chai';
import { describe, it } from 'mocha';
import { BugCheck, UsageError } from '../../src/nt/index.js';
import { ControlledBackend } from '../../src/backends/controlled.js';
import { flattenOverrides, parseOverrides } from '../../src/explore/overrides-text.js';
import { ORDERINGS, orderingsText, parseOrderings, requireFreeRunning } from '../../src/machine/ordering.js';
import { resolveParameters } from '../../src/machine/parameters.js';
import { builtInScenarios } from '../../src/scenarios/index.js';

function usageErrorOf(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('nothing was thrown');
}

describe('--ordering', () => {
  it('takes none, all, and names in any order', () => {
    expect(parseOrderings('none')).to.deep.equal([]);
    expect(parseOrderings('all')).to.deep.equal(ORDERINGS);
    for (const name of ORDERINGS) expect(parseOrderings(name)).to.deep.equal([name]);
    expect(parseOrderings([...ORDERINGS].reverse().join(','))).to.deep.equal(ORDERINGS);
  });

  it('names what is wrong and what is near', () => {
    const wrong = usageErrorOf(() => parseOrderings('postd-writes'));
    expect([wrong.code, wrong.details.where]).to.deep.equal(['USAGE_BAD_ORDERING', '--ordering']);
    expect(wrong.message).to.contain("'postd-writes'");
    expect(wrong.details.expected).to.contain("did you mean 'posted-writes'?");
    expect(usageErrorOf(() => parseOrderings('zebra')).details.expected).to.contain(ORDERINGS.join(', '));
    expect(usageErrorOf(() => parseOrderings('posted-writes,posted-writes')).message).to.contain('twice');
    expect(usageErrorOf(() => parseOrderings('none,posted-writes')).message).to.contain("'none'");
  });

  it('travels through a schedule file, the empty list too', () => {
    for (const ordering of [[], [ORDERINGS[0]], ORDERINGS]) {
      const flat = flattenOverrides({ seed: 1, machine: { ordering } });
      expect(flat['machine.ordering']).to.equal(orderingsText(ordering));
      expect(parseOverrides(1, flat, 'file').machine!.ordering).to.deep.equal(ordering);
    }
    expect(parseOverrides(1, flattenOverrides({ seed: 1 }), 'file').machine).to.not.have.property('ordering');
    for (const broken of ['zebra', 'posted-writes,zebra', '', 4])
      expect(usageErrorOf(() => parseOverrides(1, { 'machine.ordering': broken }, 'file')).code).to.equal('USAGE_BAD_SCHEDULE');
  });

  it('refuses free-running threads what only a schedule can choose', () => {
    const refused = usageErrorOf(() => requireFreeRunning(parseOrderings('posted-writes')));
    expect([refused.code, refused.details.expected]).to.deep.equal(['USAGE_BAD_ORDERING', "'dmalab explore', or --ordering none"]);
    requireFreeRunning([]);
  });

  it('a posted write is looked at only where somebody answers: to a device that is gone any offset vanishes', () => {
    const ring = builtInScenarios.find(({ name }) => name === 'ring')!;
    const { machine } = new ControlledBackend(resolveParameters(ring, { seed: 1, machine: { ordering: ['posted-writes'] } }));
    const { registers, view } = machine.devices[0]!;
    view.setPresent(false);
    registers.writeRegister(0x2, 4, 1);
    expect([machine.kernel.findings.total, registers.posted!.count]).to.deep.equal([0, 1]);
    registers.settle();
    view.setPresent(true);
    expect(() => registers.writeRegister(0x2, 4, 1)).to.throw(BugCheck, /offset|register/i);
  });
});
