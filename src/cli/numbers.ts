import { UsageError } from '../nt/index.js';
import { LIMITS } from '../machine/scenario-schema.js';
import type { Ratio } from './lab.js';

/**
 * Parsers of flag values. Each takes the flag's name and gives the function that commander calls; what is not a plain
 * decimal number of the right range throws UsageError USAGE_BAD_NUMBER naming flag, value and what would be right.
 */

type Parser<T> = (text: string) => T;

/** The generator takes 32 bits of seed; more would name the same run twice. */
export const SEED_MAX = 0xffff_ffff;
/** A year: a longer run is better told from outside when to stop. */
export const DURATION_SECONDS_MAX = 86_400 * 365;
/** `RandomSource.below` draws 32 bits: a denominator beyond this would not be hit evenly. */
const DENOMINATOR_MAX = 1_000_000_000;

const WHOLE = /^\d+$/;
const DECIMAL = /^(?:\d+(?:\.\d+)?|\.\d+)$/;

function badNumber(flag: string, text: string, problem: string, expected: string): UsageError {
  const shown = text.length <= 40 ? text : `${text.slice(0, 40)}...`;
  return new UsageError('USAGE_BAD_NUMBER', `${flag} '${shown}' ${problem}`, { where: flag, expected });
}

/** What is wrong with a text that is no plain decimal number. */
function problemOf(text: string): string {
  if (text.trim() === '') return 'is empty';
  if (/^-(?:\d+\.?\d*|\.\d+)$/.test(text)) return 'is negative';
  return 'is not a number';
}

/** A whole number from `min` to `max`. */
export function wholeNumber(flag: string, min: number, max: number): Parser<number> {
  const expected = max === Number.MAX_SAFE_INTEGER ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`;
  return (text) => {
    if (!WHOLE.test(text)) throw badNumber(flag, text, DECIMAL.test(text) ? 'is not a whole number' : problemOf(text), expected);
    const value = Number(text);
    if (value < min) throw badNumber(flag, text, 'is too small', expected);
    if (value > max) throw badNumber(flag, text, 'is too large', expected);
    return value;
  };
}

/** How many of something there shall be: at least one. */
export function count(flag: string, max: number = LIMITS.requestsMax): Parser<number> {
  return wholeNumber(flag, 1, max);
}

export function seed(flag: string): Parser<number> {
  return wholeNumber(flag, 0, SEED_MAX);
}

function decimal(flag: string, text: string, expected: string): number {
  if (!DECIMAL.test(text)) throw badNumber(flag, text, problemOf(text), expected);
  return Number(text);
}

/** Seconds, more than zero; a fraction is allowed. */
export function seconds(flag: string): Parser<number> {
  const expected = 'seconds as a decimal number above 0, such as 5 or 0.5';
  return (text) => {
    const value = decimal(flag, text, expected);
    if (value === 0) throw badNumber(flag, text, 'is no time at all', expected);
    if (value > DURATION_SECONDS_MAX) throw badNumber(flag, text, 'is more than a year', expected);
    return value;
  };
}

/** Requests per second, zero or more. */
export function rate(flag: string): Parser<number> {
  const expected = `requests per second and device from 0 (closed loop) to ${LIMITS.ratePerSecondMax}`;
  return (text) => {
    const value = decimal(flag, text, expected);
    if (value > LIMITS.ratePerSecondMax) throw badNumber(flag, text, 'is too large', expected);
    return value;
  };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** A chance per request, which the workload keeps in whole millionths: as `ratio`, but not so small that none is left of it. */
export function chance(flag: string): Parser<Ratio> {
  const parse = ratio(flag);
  return (text) => {
    const value = parse(text);
    if (value.numerator > 0 && value.numerator * 1_000_000 < value.denominator)
      throw badNumber(flag, text, 'is less than one in a million', '0, or a rate from 0.000001 to 1, which is rounded to millionths');
    return value;
  };
}

/** A probability: a decimal from 0 to 1 with at most nine places, or `a/b`. Kept exactly, as a ratio in lowest terms. */
export function ratio(flag: string): Parser<Ratio> {
  const expected = 'a rate from 0 to 1, as a decimal such as 0.05 or a ratio such as 1/20';
  return (text) => {
    const [, over, under] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
    if (over === undefined && !DECIMAL.test(text)) throw badNumber(flag, text, problemOf(text), expected);
    const places = over === undefined ? (text.split('.')[1] ?? '').replace(/0+$/, '') : '';
    const denominator = under === undefined ? 10 ** places.length : Number(under);
    const numerator = over === undefined ? Math.round(Number(text) * denominator) : Number(over);
    if (denominator === 0) throw badNumber(flag, text, 'divides by zero', expected);
    if (denominator > DENOMINATOR_MAX) throw badNumber(flag, text, 'is finer than one in 1000000000', expected);
    if (numerator > denominator) throw badNumber(flag, text, 'is more than 1', expected);
    const common = greatestCommonDivisor(numerator, denominator);
    return { numerator: numerator / common, denominator: denominator / common };
  };
}
