import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { LayoutBuilder, PAGE_SIZE, struct } from '../../src/memory/index.js';
import { InternalError } from '../../src/nt/index.js';

const requests = fc.array(fc.record({ lengthBytes: fc.integer({ min: 1, max: 20_000 }), alignShift: fc.nat(12), hashed: fc.boolean() }), {
  minLength: 1,
  maxLength: 40,
});

describe('layout', () => {
  it('places regions in order, aligned, without overlap, and never in page 0', () => {
    fc.assert(
      fc.property(requests, (asked) => {
        const layout = new LayoutBuilder();
        let end = PAGE_SIZE;
        asked.forEach(({ lengthBytes, alignShift, hashed }, index) => {
          const align = 2 ** alignShift;
          const offset = layout.reserve(`r${index}`, lengthBytes, { align, hashed });
          expect(offset).to.be.at.least(end);
          expect(offset - end).to.be.lessThan(align);
          expect(offset % align).to.equal(0);
          expect(layout.regions[index]).to.deep.equal({ name: `r${index}`, offset, lengthBytes, hashed });
          end = offset + lengthBytes;
        });
        expect(layout.lengthBytes).to.be.at.least(end);
        expect(layout.lengthBytes % PAGE_SIZE).to.equal(0);
        expect(layout.lengthBytes - end).to.be.lessThan(PAGE_SIZE);
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('aligns to 8 bytes and hashes unless told otherwise', () => {
    const layout = new LayoutBuilder();
    layout.reserve('a', 3);
    expect(layout.reserve('b', 8)).to.equal(PAGE_SIZE + 8);
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
