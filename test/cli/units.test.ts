import { expect } from 'chai';
import fc from 'fast-check';
import {
  formatBytes,
  formatBytesPerSecond,
  formatCount,
  formatDurationMs,
  formatDurationNs,
  formatDurationSeconds,
  formatPlural,
  formatRate,
  formatShare,
} from '../../src/report/index.js';

const SCALES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  ns: 1,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
};

/** What a printed value says, in base units. */
function readBack(text: string): number {
  const [number, unit] = text.split(' ');
  return Number(number!.replaceAll(',', '')) * SCALES[unit!]!;
}

describe('units of reports', () => {
  it('group the digits of a count by three', () => {
    expect([0, 7, 999, 1000, 1_234_567, 12.6].map(formatCount)).to.deep.equal(['0', '7', '999', '1,000', '1,234,567', '13']);
    expect(formatCount(NaN)).to.equal('-');
    fc.assert(fc.property(fc.nat(), (n) => Number(formatCount(n).replaceAll(',', '')) === n));
  });

  it('print bytes in the unit that fits', () => {
    expect([0, 850, 1023, 1024, 1536, 10 * 1024, 5_368_709_120].map(formatBytes)).to.deep.equal([
      '0 B',
      '850 B',
      '1023 B',
      '1.00 KiB',
      '1.50 KiB',
      '10.0 KiB',
      '5.00 GiB',
    ]);
    expect(formatBytesPerSecond(2 ** 30)).to.equal('1.00 GiB/s');
    expect(formatBytesPerSecond(Infinity)).to.equal('-');
    expect(formatBytes(2 ** 50)).to.equal('1,024 TiB');
  });

  it('print durations from nanoseconds to hours', () => {
    expect([0, 850, 12_345, 1_200_000, 5_010_000_000].map(formatDurationNs)).to.deep.equal([
      '0 ns',
      '850 ns',
      '12.3 µs',
      '1.20 ms',
      '5.01 s',
    ]);
    expect([59.9, 60, 125, 3599, 3600, 11_220].map(formatDurationSeconds)).to.deep.equal([
      '1 min 00 s',
      '1 min 00 s',
      '2 min 05 s',
      '59 min 59 s',
      '1 h 00 min',
      '3 h 07 min',
    ]);
    expect(formatDurationMs(4210)).to.equal('4.21 s');
    expect(formatDurationNs(NaN)).to.equal('-');
  });

  it('move to the next unit instead of rounding up to a thousand of the last', () => {
    expect(formatDurationNs(999_999)).to.equal('1.00 ms');
    expect(formatDurationNs(999.7)).to.equal('1.00 µs');
    expect(formatBytes(1024 * 1024 - 1)).to.equal('1.00 MiB');
  });

  it('stay within half a percent of the value', () => {
    const close = (text: string, value: number): boolean => Math.abs(readBack(text) - value) <= Math.max(0.5, value * 0.006);
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 48 }), (bytes) => close(formatBytes(bytes), bytes)));
    fc.assert(fc.property(fc.integer({ min: 0, max: 59_000_000_000 }), (ns) => close(formatDurationNs(ns), ns)));
  });

  it('never print a larger value as less', () => {
    const pair = fc.tuple(fc.nat({ max: 59_000_000_000 }), fc.nat({ max: 59_000_000_000 }));
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(readBack(formatDurationNs(Math.max(a, b)))).to.be.at.least(readBack(formatDurationNs(Math.min(a, b))));
      }),
    );
  });

  it('print rates, shares and plurals', () => {
    expect([0, 3.2, 45.67, 24_691.4].map(formatRate)).to.deep.equal(['0.00/s', '3.20/s', '45.7/s', '24,691/s']);
    expect(formatShare(42, 100)).to.equal('42 %');
    expect(formatShare(1, 10_000)).to.equal('0.1 %');
    expect(formatShare(9999, 10_000)).to.equal('99 %');
    expect(formatShare(10, 10)).to.equal('100 %');
    expect(formatShare(0, 10)).to.equal('0 %');
    expect(formatShare(1, 0)).to.equal('-');
    expect([formatPlural(1, 'finding'), formatPlural(2000, 'finding')]).to.deep.equal(['1 finding', '2,000 findings']);
  });
});
