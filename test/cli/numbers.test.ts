import { expect } from 'chai';
import fc from 'fast-check';
import { UsageError } from '../../src/nt/index.js';
import { chance, count, rate, ratio, seconds, seed, SEED_MAX, wholeNumber } from '../../src/cli/numbers.js';

const thrownBy = (body: () => unknown): UsageError => {
  try {
    body();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('numbers of the command line', () => {
  it('take every whole number in range back as it was printed', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (n) => count('--requests')(String(n)) === n));
    fc.assert(fc.property(fc.integer({ min: 0, max: SEED_MAX }), (n) => seed('--seed')(String(n)) === n));
  });

  it('accept nothing that is not plain digits', () => {
    const notDigits = fc.string().filter((text) => !/^\d+$/.test(text));
    fc.assert(
      fc.property(notDigits, (text) => {
        const error = thrownBy(() => count('--requests')(text));
        expect(error.code).to.equal('USAGE_BAD_NUMBER');
        expect(error.details).to.deep.equal({ where: '--requests', expected: 'a whole number, 1 or more' });
      }),
    );
  });

  const bad: [name: string, parse: (text: string) => unknown, text: string, problem: string][] = [
    ['a fraction of a request', count('--requests'), '1.5', 'is not a whole number'],
    ['no request', count('--requests'), '0', 'is too small'],
    ['more requests than a number can count', count('--requests'), '9007199254740993', 'is too large'],
    ['a negative count', count('--requests'), '-3', 'is negative'],
    ['an exponent', count('--requests'), '1e3', 'is not a number'],
    ['NaN', count('--requests'), 'NaN', 'is not a number'],
    ['hexadecimal', count('--requests'), '0x10', 'is not a number'],
    ['nothing', count('--requests'), '', 'is empty'],
    ['zero outstanding', count('--outstanding', 65536), '0', 'is too small'],
    ['too many outstanding', count('--outstanding', 65536), '65537', 'is too large'],
    ['a seed of more than 32 bits', seed('--seed'), '4294967296', 'is too large'],
    ['no duration', seconds('--duration'), '0', 'is no time at all'],
    ['no duration with places', seconds('--duration'), '0.00', 'is no time at all'],
    ['a negative duration', seconds('--duration'), '-1', 'is negative'],
    ['an endless duration', seconds('--duration'), 'Infinity', 'is not a number'],
    ['a duration with a unit', seconds('--duration'), '5s', 'is not a number'],
    ['a negative rate', rate('--rate'), '-0.5', 'is negative'],
    ['NaN as rate', rate('--rate'), 'NaN', 'is not a number'],
    ['an absurd rate', rate('--rate'), '99999999999', 'is too large'],
    ['more than all reads', wholeNumber('--reads', 0, 100), '101', 'is too large'],
    ['a rate above one', ratio('--preempt'), '1.01', 'is more than 1'],
    ['a ratio above one', ratio('--preempt'), '3/2', 'is more than 1'],
    ['a division by zero', ratio('--preempt'), '1/0', 'divides by zero'],
    ['a rate too fine to draw', ratio('--preempt'), '0.0000000001', 'is finer than one in 1000000000'],
    ['a negative preemption', ratio('--preempt'), '-0.1', 'is negative'],
    ['a chance that would be rounded to none', chance('--cancel'), '1/1000001', 'is less than one in a million'],
    ['a chance above one', chance('--cancel'), '2', 'is more than 1'],
    ['words as preemption', ratio('--preempt'), 'often', 'is not a number'],
  ];
  for (const [name, parse, text, problem] of bad) {
    it(`refuse ${name}`, () => {
      const error = thrownBy(() => parse(text));
      expect(error.message).to.contain(`'${text}' ${problem}`);
      expect(error.details.where).to.match(/^--/);
      expect(error.details.expected).to.be.a('string').that.is.not.empty;
    });
  }

  it('shorten a long value in the message', () => {
    expect(thrownBy(() => count('--requests')('x'.repeat(5000))).message).to.have.length.below(100);
  });

  it('take seconds and rates with and without a fraction', () => {
    expect(seconds('--duration')('0.25')).to.equal(0.25);
    expect(seconds('--duration')('.5')).to.equal(0.5);
    expect(rate('--rate')('0')).to.equal(0);
    expect(rate('--rate')('1500.5')).to.equal(1500.5);
  });

  it('keep a decimal rate exactly, in lowest terms', () => {
    expect(ratio('--preempt')('0.05')).to.deep.equal({ numerator: 1, denominator: 20 });
    expect(ratio('--preempt')('0')).to.deep.equal({ numerator: 0, denominator: 1 });
    expect(ratio('--preempt')('1.000')).to.deep.equal({ numerator: 1, denominator: 1 });
    expect(ratio('--preempt')('6/9')).to.deep.equal({ numerator: 2, denominator: 3 });
  });

  it('take no chance at all and one in a million', () => {
    expect(chance('--unplug')('0')).to.deep.equal({ numerator: 0, denominator: 1 });
    expect(chance('--unplug')('0.000001')).to.deep.equal({ numerator: 1, denominator: 1_000_000 });
  });

  it('give the same ratio for a decimal and for its fraction', () => {
    const places = fc
      .integer({ min: 0, max: 9 })
      .chain((digits) => fc.tuple(fc.integer({ min: 0, max: 10 ** digits }), fc.constant(digits)));
    fc.assert(
      fc.property(places, ([numerator, digits]) => {
        const decimal = (numerator / 10 ** digits).toFixed(digits);
        const fromDecimal = ratio('--preempt')(decimal);
        expect(fromDecimal).to.deep.equal(ratio('--preempt')(`${numerator}/${10 ** digits}`));
        expect(fromDecimal.numerator * 10 ** digits).to.equal(numerator * fromDecimal.denominator);
      }),
    );
  });
});
