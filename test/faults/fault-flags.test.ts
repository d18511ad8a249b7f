import { expect } from 'chai';
import { describe, it } from 'mocha';
import { UsageError } from '../../src/nt/index.js';
import { FAULT_KINDS, plannedKinds } from '../../src/faults/index.js';
import { flattenOverrides, parseOverrides } from '../../src/explore/index.js';
import { faultPlan, faultSpec } from '../../src/cli/fault-spec.js';
import { FakeLab, fakeScenario } from '../cli/support/fake-lab.js';
import { invoke } from '../cli/support/invoke.js';
import { ring } from '../../src/scenarios/samples/ring.js';

const problemOf = (text: string): UsageError => {
  try {
    faultSpec(text);
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error(`${text} was accepted`);
};

describe('--faults', () => {
  it('knows none, survived, all, and lists of kinds with ratios', () => {
    expect(faultPlan(faultSpec('none'), ring)).to.deep.equal({});
    expect(plannedKinds(faultPlan(faultSpec('all'), ring))).to.deep.equal([...FAULT_KINDS]);
    expect(new Set(plannedKinds(faultPlan(faultSpec('survived'), ring)))).to.deep.equal(new Set(ring.survives));
    expect(faultPlan(faultSpec('hang=1/500,stall=2/3'), ring)).to.deep.equal({
      hang: { numerator: 1, denominator: 500 },
      stall: { numerator: 2, denominator: 3 },
    });
  });

  const wrong: readonly [text: string, message: RegExp, expected: RegExp][] = [
    ['hung=1/5', /no fault kind 'hung'/, /did you mean 'hang'/],
    ['frobnicate', /no fault kind 'frobnicate'/, /kinds: partial-count, /],
    ['hang', /hang has the ratio ''/, /such as hang=1\/50/],
    ['hang=2/1', /hang has the ratio '2\/1'/, /0 <= N <= D/],
    ['hang=1/2,hang=1/3', /names hang twice/, /once/],
    ['', /no fault kind ''/, /none, survived, all/],
  ];
  for (const [text, message, expected] of wrong) {
    it(`refuses '${text}'`, () => {
      const problem = problemOf(text);
      expect(problem.code).to.equal('USAGE_BAD_FAULTS');
      expect(problem.message).to.match(message);
      expect(problem.details.expected).to.match(expected);
    });
  }

  it('survived needs a scenario that claims something', () => {
    expect(() => faultPlan('survived', fakeScenario('modest'))).to.throw(UsageError, /claims to survive no fault/);
  });

  it('reach the laboratory; --fail-nth takes no other faults', async () => {
    const lab = new FakeLab();
    expect((await invoke(['run', 'demo', '--faults', 'stall=1/9'], lab)).code).to.equal(0);
    expect(lab.runOptions.faults).to.deep.equal({ stall: { numerator: 1, denominator: 9 } });
    const nth = await invoke(['run', 'demo', '--fail-nth', '--json'], lab);
    expect(lab.calls.map(({ command }) => command)).to.deep.equal(['run', 'failNth']);
    expect(JSON.parse(nth.stdout)).to.deep.include({ verdict: 'ok', failNth: { calls: 0, clean: 0, findings: 0, series: [] } });
    const both = await invoke(['run', 'demo', '--fail-nth', '--faults', 'all'], lab);
    expect([both.code, lab.calls.length]).to.deep.equal([2, 2]);
  });
});

describe('faults in schedule files', () => {
  it('are written and read back', () => {
    const overrides = { seed: 4, machine: {}, workload: {}, faults: { hang: { numerator: 1, denominator: 7 } }, failCall: 3 };
    const flat = flattenOverrides(overrides);
    expect(flat).to.deep.equal({ 'faults.hang': '1/7', failCall: 3 });
    expect(parseOverrides(4, flat, 'file')).to.deep.equal(overrides);
    expect(() => parseOverrides(4, { 'faults.hang': '8/7' }, 'file')).to.throw(UsageError);
    expect(() => parseOverrides(4, { 'faults.hung': '1/7' }, 'file')).to.throw(UsageError);
  });
});
