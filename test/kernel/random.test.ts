import { expect } from 'chai';
import { describe, it } from 'mocha';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { deriveSeed, SeededRandom } from '../../src/kernel/index.js';

const seeds = [0, 1, 2, 42, -1, 0x7fffffff, -0x80000000, 123456789, 0xdeadbeef | 0];

describe('SeededRandom', () => {
  it('gives the 32-bit stream of pure-rand xoroshiro128plus for every seed', () => {
    for (const seed of seeds) {
      const ours = new SeededRandom(seed);
      const theirs = xoroshiro128plus(seed);
      for (let i = 0; i < 2000; i++) expect(ours.next(), `seed ${seed}, draw ${i}`).to.equal(theirs.next());
    }
  });

  it('keeps its golden vectors: schedule files outlive dependencies', () => {
    const first = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(first(0)).to.deep.equal([-1, -65537, -16777216, -67101666, 534780927]);
    expect(first(42)).to.deep.equal([-43, -707462423, -8332113, -783010828, 673719186]);
  });

  it('starts again when reseeded', () => {
    const random = new SeededRandom(5);
    const first = [random.next(), random.next()];
    random.reseed(5);
    expect([random.next(), random.next()]).to.deep.equal(first);
  });

  it('skips what it would have drawn', () => {
    for (const seed of seeds) {
      const [drawn, skipped] = [new SeededRandom(seed), new SeededRandom(seed)];
      for (let count = 0; count < 20; count++) {
        for (let i = 0; i < count; i++) drawn.next();
        skipped.skip(count);
        expect(skipped.next(), `seed ${seed}, ${count} skipped`).to.equal(drawn.next());
      }
    }
  });

  it('draws whole numbers below the bound, all of them, about equally often', () => {
    const random = new SeededRandom(9);
    for (const bound of [1, 2, 3, 10, 1000]) {
      const counts = new Array<number>(bound).fill(0);
      for (let i = 0; i < bound * 200; i++) counts[random.below(bound)]!++;
      expect(counts.reduce((sum, count) => sum + count)).to.equal(bound * 200);
      expect(Math.min(...counts)).to.be.greaterThan(100);
      expect(Math.max(...counts)).to.be.lessThan(320);
    }
  });

  it('takes a chance as often as the ratio says', () => {
    const random = new SeededRandom(10);
    let hits = 0;
    for (let i = 0; i < 10_000; i++) if (random.chance(1, 4)) hits++;
    expect(hits).to.be.within(2300, 2700);
    expect(random.chance(0, 5)).to.equal(false);
    expect(random.chance(5, 5)).to.equal(true);
  });
});

describe('deriveSeed', () => {
  it('gives parts and seeds seeds of their own, the same each time, signed 32-bit', () => {
    const derived = seeds.flatMap((seed) => ['workload', 'faults', 'faultz', ''].map((part) => deriveSeed(seed, part)));
    expect(new Set(derived).size).to.equal(derived.length);
    for (const seed of derived) expect(seed).to.equal(seed | 0);
    expect(deriveSeed(1, 'workload')).to.equal(deriveSeed(1, 'workload'));
  });
});
