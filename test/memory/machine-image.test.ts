import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { LayoutBuilder, MachineImage, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';

function imageOf(isShared: boolean): { memory: MachineMemory; image: MachineImage; ram: number; words: number; oracle: number } {
  const layout = new LayoutBuilder();
  const words = layout.reserve('words', 256);
  const oracle = layout.reserve('oracle', 256, { hashed: false });
  const ram = layout.reserve('ram', 16 * PAGE_SIZE, { sparse: true });
  const memory = MachineMemory.create(layout.lengthBytes, isShared);
  return { memory, image: new MachineImage(memory, layout.regions), ram, words, oracle };
}

const writes = fc.array(
  fc.record({ at: fc.nat(16 * PAGE_SIZE - 200), value: fc.nat(255), lengthBytes: fc.integer({ min: 1, max: 200 }) }),
  {
    maxLength: 12,
  },
);

describe('machine image', () => {
  it('comes to one hash for equal contents, whether somebody counts touched pages or not, and in whatever order they were written', () => {
    const [counted, uncounted] = [imageOf(false), imageOf(true)];
    fc.assert(
      fc.property(writes, (asked) => {
        for (const { memory, image, ram } of [counted, uncounted]) {
          image.clear();
          for (const { at, value, lengthBytes } of asked) memory.fill(ram + at, value, lengthBytes);
        }
        const hash = counted.image.hash();
        expect(hash).to.equal(uncounted.image.hash());
        for (const page of Array.from({ length: 16 }, (_, i) => i * PAGE_SIZE)) {
          const contents = uncounted.memory.u8.slice(uncounted.ram + page, uncounted.ram + page + PAGE_SIZE);
          counted.memory.clear(counted.ram + page, PAGE_SIZE);
          counted.memory.touch(counted.ram + page, PAGE_SIZE);
          counted.memory.u8.set(contents, counted.ram + page);
        }
        expect(counted.image.hash(), 'pages that were touched and are zero do not enter').to.equal(hash);
      }),
      { seed: 11, numRuns: 60 },
    );
  });

  it('tells where in memory bytes stand', () => {
    const { memory, image, ram } = imageOf(false);
    const hashAt = (page: number): string => {
      image.clear();
      memory.fill(ram + page * PAGE_SIZE, 7, 100);
      return image.hash();
    };
    expect(new Set([0, 1, 2, 15].map(hashAt)).size).to.equal(4);
  });

  it('clears what was touched and all of the small regions, and leaves alone what is not the machine', () => {
    const { memory, image, ram, words, oracle } = imageOf(false);
    const empty = image.hash();
    memory.i32[words >> 2] = 5;
    memory.i32[oracle >> 2] = 6;
    memory.touch(ram + 3 * PAGE_SIZE, 4);
    memory.i32[(ram + 3 * PAGE_SIZE) >> 2] = 7;
    expect(image.hash()).to.not.equal(empty);
    image.clear();
    expect(image.hash()).to.equal(empty);
    expect([memory.i32[words >> 2], memory.i32[oracle >> 2], memory.i32[(ram + 3 * PAGE_SIZE) >> 2]]).to.deep.equal([0, 6, 0]);
  });
});
