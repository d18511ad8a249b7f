import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { HASH_BLOCK_BYTES, hashedRanges, LayoutBuilder, PAGE_SIZE, struct } from '../../src/memory/index.js';
import { InternalError } from '../../src/nt/index.js';

const requests = fc.array(
  fc.record({ lengthBytes: fc.integer({ min: 1, max: 20_000 }), alignShift: fc.nat(12), hashed: fc.boolean(), sparse: fc.boolean() }),
  {
    minLength: 1,
    maxLength: 40,
  },
);

describe('layout', () => {
  it('places regions in order, aligned, without overlap, and never in page 0', () => {
    fc.assert(
      fc.property(requests, (asked) => {
        const layout = new LayoutBuilder();
        let end = PAGE_SIZE;
        asked.forEach(({ lengthBytes, alignShift, hashed, sparse }, index) => {
          const unit = sparse ? PAGE_SIZE : HASH_BLOCK_BYTES;
          const align = Math.max(2 ** alignShift, unit);
          const offset = layout.reserve(`r${index}`, lengthBytes, { align: 2 ** alignShift, hashed, sparse });
          expect(offset).to.be.at.least(end);
          expect(offset - end).to.be.lessThan(align);
          expect(offset % align).to.equal(0);
          expect(layout.regions[index]).to.deep.equal({ name: `r${index}`, offset, lengthBytes, hashed, sparse });
          end = offset + Math.ceil(lengthBytes / unit) * unit;
        });
        expect(layout.lengthBytes).to.be.at.least(end);
        expect(layout.lengthBytes % PAGE_SIZE).to.equal(0);
        expect(layout.lengthBytes - end).to.be.lessThan(PAGE_SIZE);
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('aligns to hash blocks and hashes unless told otherwise', () => {
    const layout = new LayoutBuilder();
    layout.reserve('a', 3);
    expect(layout.reserve('b', 8)).to.equal(PAGE_SIZE + HASH_BLOCK_BYTES);
    expect(layout.regions.every(({ hashed }) => hashed)).to.equal(true);
  });

  it('refuses an empty or broken region and an alignment that is no power of two', () => {
    for (const lengthBytes of [0, -1, 1.5, Number.NaN]) {
      expect(() => new LayoutBuilder().reserve('x', lengthBytes), String(lengthBytes)).to.throw(InternalError, 'region x has length');
    }
    expect(() => new LayoutBuilder().reserve('x', 8, { align: 12 })).to.throw(InternalError, 'alignment 12');
    expect(() => new LayoutBuilder().reserve('x', 8, { align: 0 })).to.throw(InternalError, 'alignment 0');
  });
});

describe('hashed ranges', () => {
  it('cover every byte of a hashed region, none of another, in whole blocks, neighbours merged', () => {
    fc.assert(
      fc.property(requests, (asked) => {
        const layout = new LayoutBuilder();
        asked.forEach(({ lengthBytes, alignShift, hashed }, i) => layout.reserve(`r${i}`, lengthBytes, { align: 2 ** alignShift, hashed }));
        const ranges = hashedRanges(layout.regions);
        const inside = (at: number): boolean => ranges.some(({ offset, lengthBytes }) => offset <= at && at < offset + lengthBytes);
        for (const { offset, lengthBytes, hashed } of layout.regions) {
          for (const at of [offset, offset + (lengthBytes >> 1), offset + lengthBytes - 1]) expect(inside(at)).to.equal(hashed);
        }
        for (const { offset, lengthBytes } of ranges)
          expect([offset % HASH_BLOCK_BYTES, lengthBytes % HASH_BLOCK_BYTES]).to.deep.equal([0, 0]);
        const runs = asked.filter(({ hashed }, i) => hashed && !(i > 0 && asked[i - 1]!.hashed)).length;
        expect(ranges).to.have.length(runs);
      }),
      { seed: 9, numRuns: 100 },
    );
  });
});

describe('struct', () => {
  it('gives the table back', () => {
    expect(struct('Desc', 4, { tag: 0, address: 2, length: 3 })).to.deep.equal({ tag: 0, address: 2, length: 3 });
  });

  it('refuses words outside the struct', () => {
    expect(() => struct('Desc', 4, { tag: 4 })).to.throw(InternalError, 'Desc.tag lies outside');
    expect(() => struct('Desc', 4, { tag: -1 })).to.throw(InternalError, 'Desc.tag lies outside');
  });

  it('refuses a word named twice', () => {
    expect(() => struct('Desc', 4, { tag: 1, flags: 1 })).to.throw(InternalError, 'Desc.flags and Desc.tag share word 1');
  });

  it('refuses an offset that is no whole word', () => {
    expect(() => struct('Desc', 4, { tag: 0.5 })).to.throw(InternalError, 'Desc.tag');
  });
});
