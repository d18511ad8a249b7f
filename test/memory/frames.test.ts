import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { SeededRandom } from '../../src/kernel/random.js';
import { FrameAllocator, NO_FRAME } from '../../src/memory/index.js';
import { InternalError } from '../../src/nt/index.js';

const FIRST = 100;
const FRAMES = 256;
const CONTIGUOUS = 64;
const make = (seed = 1): FrameAllocator => new FrameAllocator(FIRST, FRAMES, CONTIGUOUS, new SeededRandom(seed));

function drain(allocator: FrameAllocator): number[] {
  const frames: number[] = [];
  for (let frame = allocator.allocate(); frame !== NO_FRAME; frame = allocator.allocate()) frames.push(frame);
  return frames;
}

describe('frame allocator: single frames', () => {
  it('hands out every frame of its part once and no other', () => {
    const frames = drain(make());
    expect([...frames].sort((a, b) => a - b)).to.deep.equal(Array.from({ length: FRAMES - CONTIGUOUS }, (_, i) => FIRST + i));
  });

  it('fragments really: few neighbours stay adjacent, for every seed; but some do', () => {
    let adjacentTotal = 0;
    for (let seed = 0; seed < 50; seed++) {
      const frames = drain(make(seed));
      const adjacent = frames.filter((frame, i) => i > 0 && frame === frames[i - 1]! + 1).length;
      expect(adjacent / frames.length, `seed ${seed}`).to.be.lessThan(0.6);
      adjacentTotal += adjacent;
    }
    expect(adjacentTotal).to.be.greaterThan(50);
  });

  it('gives the same order for the same seed and another for another', () => {
    expect(drain(make(7))).to.deep.equal(drain(make(7)));
    expect(drain(make(7))).to.not.deep.equal(drain(make(8)));
  });

  it('keeps a freed frame out of use as long as it can', () => {
    const allocator = make();
    const first = allocator.allocate();
    allocator.free(first);
    const others = Array.from({ length: allocator.freeFrames - 1 }, () => allocator.allocate());
    expect(others).to.not.include(first);
    expect(allocator.allocate()).to.equal(first);
  });

  it('conserves frames: what is out and what is free is always the whole, nothing twice', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 600 }), (moves) => {
        const allocator = make();
        const out = new Set<number>();
        for (const move of moves) {
          if (move > 0) {
            const frame = allocator.allocate();
            if (frame === NO_FRAME) expect(out.size).to.equal(FRAMES - CONTIGUOUS);
            else {
              expect(out.has(frame)).to.equal(false);
              out.add(frame);
            }
          } else if (out.size > 0) {
            const frame = out.values().next().value!;
            out.delete(frame);
            allocator.free(frame);
          }
          expect(allocator.freeFrames + out.size).to.equal(FRAMES - CONTIGUOUS);
        }
      }),
      { seed: 5, numRuns: 50 },
    );
  });

  it('refuses a frame too many and a frame that is not its own', () => {
    const allocator = make();
    expect(() => allocator.free(FIRST)).to.throw(InternalError, 'freed twice');
    allocator.allocate();
    expect(() => allocator.free(FIRST - 1)).to.throw(InternalError, 'is not one of');
    expect(() => allocator.free(FIRST + FRAMES - CONTIGUOUS)).to.throw(InternalError, 'is not one of');
  });
});

describe('frame allocator: contiguous runs', () => {
  it('splits first fit and merges again to one run, in every order of freeing', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }), (order) => {
        const allocator = make();
        const counts = [10, 1, 20, 3, 30];
        const firsts = counts.map((count) => allocator.allocateContiguous(count));
        expect(firsts[0]).to.equal(FIRST + FRAMES - CONTIGUOUS);
        firsts.forEach((first, i) => expect(first + counts[i]!).to.equal(firsts[i + 1] ?? FIRST + FRAMES));
        expect(allocator.allocateContiguous(1)).to.equal(NO_FRAME);
        for (const index of order) allocator.freeContiguous(firsts[index]!);
        expect(allocator.allocateContiguous(CONTIGUOUS), 'one run again').to.equal(firsts[0]);
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  it('never overlaps runs that are out', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 12 })), { maxLength: 100 }), (moves) => {
        const allocator = make();
        const out: { first: number; count: number }[] = [];
        for (const [release, count] of moves) {
          if (release && out.length > 0) {
            allocator.freeContiguous(out.splice(count % out.length, 1)[0]!.first);
            continue;
          }
          const first = allocator.allocateContiguous(count);
          if (first === NO_FRAME) continue;
          expect(first).to.be.at.least(FIRST + FRAMES - CONTIGUOUS);
          expect(first + count).to.be.at.most(FIRST + FRAMES);
          for (const other of out) expect(first + count <= other.first || other.first + other.count <= first).to.equal(true);
          out.push({ first, count });
        }
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('refuses a run that is not out, one freed twice, and one freed in the middle', () => {
    const allocator = make();
    const first = allocator.allocateContiguous(8);
    expect(() => allocator.freeContiguous(first + 1)).to.throw(InternalError, `no contiguous block starts at frame ${first + 1}`);
    allocator.freeContiguous(first);
    expect(() => allocator.freeContiguous(first)).to.throw(InternalError);
  });

  it('answers NO_FRAME when no run is long enough', () => {
    expect(make().allocateContiguous(CONTIGUOUS + 1)).to.equal(NO_FRAME);
    expect(new FrameAllocator(0, 4, 0, new SeededRandom(1)).allocateContiguous(1)).to.equal(NO_FRAME);
  });

  it('refuses to reserve more than there is', () => {
    expect(() => new FrameAllocator(0, 4, 5, new SeededRandom(1))).to.throw(InternalError);
  });
});
