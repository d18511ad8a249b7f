import { expect } from 'chai';
import { describe, it } from 'mocha';
import { EventKind, eventName, EventRing } from '../../src/kernel/index.js';

const fill = (ring: EventRing, from: number, count: number): void => {
  for (let i = from; i < from + count; i++) ring.record(EventKind.Map, i, 2 * i, 3 * i, i & 1, (5 << 16) | 2, 7);
};
const objects = (ring: EventRing, limit?: number): number[] => [...ring.newest(limit)].map(({ object }) => object);

describe('event ring', () => {
  it('gives back what was recorded', () => {
    const ring = new EventRing(4);
    ring.record(EventKind.DpcStart, 11, -1, 0x7fffffff, 1, (2 << 16) | 3, 9);
    const expected = { sequence: 0, kind: 4, object: 11, a: -1, b: 0x7fffffff, strand: 1, irql: 2, depth: 3, thread: 9 };
    expect([...ring.newest()]).to.deep.equal([expected]);
    expect(eventName(EventKind.DpcStart)).to.equal('DpcStart');
    expect(eventName(999)).to.equal('event 999');
  });

  it('has a name of its own for every kind', () => {
    const kinds = Object.values(EventKind);
    expect(new Set(kinds).size).to.equal(kinds.length);
    expect(kinds.map(eventName)).to.deep.equal(Object.keys(EventKind));
  });

  it('keeps the newest, oldest first, when it wraps', () => {
    const ring = new EventRing(8);
    fill(ring, 0, 5);
    expect(objects(ring)).to.deep.equal([0, 1, 2, 3, 4]);
    fill(ring, 5, 16);
    expect(objects(ring)).to.deep.equal([13, 14, 15, 16, 17, 18, 19, 20]);
    expect(objects(ring, 3)).to.deep.equal([18, 19, 20]);
    expect(ring.sequence).to.equal(21);
  });

  for (const [name, start] of [
    ['2^31', 0x7ffffffd],
    ['2^32', -3],
  ] as const) {
    it(`goes on when the sequence itself wraps at ${name}`, () => {
      const ring = new EventRing(4);
      ring.reset(start);
      fill(ring, 0, 2);
      expect(objects(ring)).to.deep.equal([0, 1]);
      fill(ring, 2, 4);
      expect(objects(ring)).to.deep.equal([2, 3, 4, 5]);
      expect([...ring.newest()].map(({ sequence }) => sequence)).to.deep.equal([2, 3, 4, 5].map((i) => (start + i) | 0));
    });
  }

  it('forgets everything on reset', () => {
    const ring = new EventRing(4);
    const empty = ring.hash();
    fill(ring, 0, 9);
    expect(ring.hash()).to.not.equal(empty);
    ring.reset();
    expect(ring.hash()).to.equal(empty);
    expect(objects(ring)).to.deep.equal([]);
  });

  it('writes into memory it is given, eight words a record', () => {
    const words = new Int32Array(new SharedArrayBuffer(4 * 8 * 4));
    const ring = new EventRing(4, words);
    fill(ring, 6, 1);
    expect([...words.slice(0, 8)]).to.deep.equal([0, EventKind.Map, 6, 12, 18, 0, (5 << 16) | 2, 7]);
  });

  it('takes a power of two only', () => {
    for (const capacity of [0, 3, 12, -4]) expect(() => new EventRing(capacity)).to.throw(RangeError, 'no power of two');
  });
});

describe('event hash', () => {
  type Words = [object: number, a: number, b: number, strand: number, level: number, thread: number];
  const hashOf = (...records: Words[]): string => {
    const ring = new EventRing(2);
    for (const [object, a, b, strand, level, thread] of records) ring.record(EventKind.Map, object, a, b, strand, level, thread);
    return ring.hash();
  };
  const first: Words = [1, 2, 3, 0, 0, 0];
  const second: Words = [2, 2, 3, 0, 0, 0];

  it('is sixteen hex digits', () => {
    expect(hashOf(first)).to.match(/^[0-9a-f]{16}$/);
  });

  it('depends on the order', () => {
    expect(hashOf(first, second)).to.not.equal(hashOf(second, first));
    expect(hashOf(first, second)).to.equal(hashOf(first, second));
  });

  it('depends on each word but the thread', () => {
    for (let word = 0; word < 5; word++) {
      const changed = [...first] as Words;
      changed[word]!++;
      expect(hashOf(changed), `word ${word}`).to.not.equal(hashOf(first));
    }
    expect(hashOf([1, 2, 3, 0, 0, 8])).to.equal(hashOf(first));
  });

  it('covers records that the ring has dropped', () => {
    expect(hashOf(first, first, first, first)).to.not.equal(hashOf(second, first, first, first));
  });

  it('does not collide over some thousand short histories', () => {
    const seen = new Set<string>();
    let histories = 0;
    for (let object = 0; object < 16; object++)
      for (let a = 0; a < 16; a++)
        for (let strand = 0; strand < 4; strand++)
          for (let irql = 0; irql < 4; irql++, histories++) seen.add(hashOf(first, [object, a, 0, strand, (irql << 16) | 1, 0], second));
    expect(seen.size).to.equal(histories);
  });
});
