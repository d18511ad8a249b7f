import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Mdl, MdlWalk, ScatterGatherList, UNLIMITED } from '../../src/hal/index.js';
import { newHalKernel } from './support.js';

const kernel = newHalKernel();
const walk = new MdlWalk();

function chain(parts: readonly { off: number; len: number; pfns: readonly number[] }[]): Mdl {
  const mdls = parts.map(({ off, len, pfns }) => new Mdl(Int32Array.from(pfns), off, len));
  mdls.forEach((mdl, i) => (mdl.next = mdls[i + 1] ?? null));
  return mdls[0]!;
}

function elementsOf(
  mdl: Mdl,
  offset: number,
  length: number,
  maxRegisters = UNLIMITED,
  capacity = 64,
  windowAddress = -1,
  frameBase = 0,
): [number, number][] {
  const list = new ScatterGatherList(kernel, 'test', capacity);
  list.begin();
  walk.run(mdl, offset, length, maxRegisters, capacity, windowAddress, frameBase, null, list);
  return Array.from({ length: list.count }, (_, i) => [list.address(i), list.lengthBytes(i)]);
}

describe('MdlWalk', () => {
  it('joins adjacent pages of one MDL', () => {
    const mdl = chain([{ off: 512, len: 10000, pfns: [10, 11, 20] }]);
    expect(elementsOf(mdl, 0, 10000)).to.deep.equal([
      [0xa200, 7680],
      [0x14000, 2320],
    ]);
    expect([walk.lengthBytes, walk.registers, walk.elements]).to.deep.equal([10000, 3, 2]);
  });

  it('starts a new element with every MDL, even next to the last one', () => {
    const mdl = chain([
      { off: 0, len: 4096, pfns: [10] },
      { off: 0, len: 4096, pfns: [11] },
    ]);
    expect(elementsOf(mdl, 0, 8192)).to.deep.equal([
      [0xa000, 4096],
      [0xb000, 4096],
    ]);
  });

  it("takes an offset equal to an MDL's length for the next MDL's first byte", () => {
    const mdl = chain([
      { off: 0, len: 100, pfns: [1] },
      { off: 8, len: 100, pfns: [2] },
    ]);
    expect(elementsOf(mdl, 100, 10)).to.deep.equal([[0x2008, 10]]);
  });

  it('makes one element of bounce pages per MDL', () => {
    const mdl = chain([{ off: 512, len: 9000, pfns: [10, 30, 20] }]);
    expect(elementsOf(mdl, 0, 9000, UNLIMITED, 64, 0x4000_0000)).to.deep.equal([[0x4000_0200, 9000]]);
  });

  it('stops before the piece that breaks a limit, and at the end of the chain', () => {
    const mdl = chain([{ off: 0, len: 12288, pfns: [1, 5, 9] }]);
    expect(elementsOf(mdl, 0, 12288, 2)).to.deep.equal([
      [0x1000, 4096],
      [0x5000, 4096],
    ]);
    expect(elementsOf(mdl, 0, 12288, UNLIMITED, 1)).to.deep.equal([[0x1000, 4096]]);
    expect(elementsOf(mdl, 8192, 9999)).to.deep.equal([[0x9000, 4096]]);
    expect(walk.lengthBytes).to.equal(4096);
  });

  it('keeps addresses beyond 2^32 whole', () => {
    const mdl = chain([{ off: 0, len: 8192, pfns: [1, 2] }]);
    expect(elementsOf(mdl, 0, 8192, UNLIMITED, 64, -1, 0x7f_ffff_f000)).to.deep.equal([[0x80_0000_0000, 8192]]);
  });

  it('covers each byte of the range once, in order, whatever the chain', () => {
    const part = fc.record({
      off: fc.integer({ min: 0, max: 4095 }),
      len: fc.integer({ min: 1, max: 20000 }),
      firstPfn: fc.integer({ min: 1, max: 1000 }),
      step: fc.integer({ min: 1, max: 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.nat(30000),
        fc.integer({ min: 1, max: 40000 }),
        (parts, offset, length) => {
          const mdl = chain(
            parts.map(({ off, len, firstPfn, step }) => ({
              off,
              len,
              pfns: Array.from({ length: Math.ceil((off + len) / 4096) }, (_, i) => firstPfn + i * step),
            })),
          );
          const bytes: number[] = [];
          for (let at: Mdl | null = mdl; at !== null; at = at.next)
            for (let i = 0; i < at.byteCount; i++) bytes.push(at.physicalAddress(i));
          const expected = bytes.slice(offset, offset + length);
          const found = elementsOf(mdl, offset, length).flatMap(([address, count]) => Array.from({ length: count }, (_, i) => address + i));
          expect(found).to.deep.equal(expected);
        },
      ),
      { seed: 20, numRuns: 60 },
    );
  });
});
