import { expect } from 'chai';
import { describe, it } from 'mocha';
import { POSTED_WRITES_MAX, PostedWrites, planPostedWrites } from '../../src/hardware/index.js';
import { LayoutBuilder, MachineMemory } from '../../src/memory/index.js';

interface Bench {
  readonly posted: PostedWrites;
  readonly arrived: string[];
  readonly memory: MachineMemory;
  readonly at: number;
  readonly lengthBytes: number;
}

function bench(): Bench {
  const layout = new LayoutBuilder();
  const at = planPostedWrites(layout, 'board');
  const memory = MachineMemory.create(layout.lengthBytes, false);
  const arrived: string[] = [];
  const posted = new PostedWrites(memory, at, (offset, width, value) => void arrived.push(`${offset}/${width}=${value}`));
  return { posted, arrived, memory, at, lengthBytes: layout.regions[0]!.lengthBytes };
}

describe('PostedWrites', () => {
  it('a write arrives when it is let, the oldest first', () => {
    const { posted, arrived } = bench();
    posted.post(0x10, 4, -1);
    posted.post(0x21, 1, 7);
    expect([posted.count, arrived.length]).to.deep.equal([2, 0]);
    posted.arriveOne();
    expect([posted.count, arrived]).to.deep.equal([1, ['16/4=-1']]);
    posted.arriveOne();
    expect([posted.count, arrived]).to.deep.equal([0, ['16/4=-1', '33/1=7']]);
  });

  it('a flush lets all arrive, in order, and does nothing when none is on its way', () => {
    const { posted, arrived } = bench();
    for (let value = 0; value < 3; value++) posted.post(0, 2, value);
    posted.flush();
    posted.flush();
    expect([posted.count, arrived]).to.deep.equal([0, ['0/2=0', '0/2=1', '0/2=2']]);
  });

  it('is bounded: one write more pushes the oldest out; indexes run round for ever', () => {
    const { posted, arrived } = bench();
    for (let value = 0; value < 100; value++) {
      posted.post(4, 4, value);
      expect(posted.count).to.equal(Math.min(value + 1, POSTED_WRITES_MAX));
    }
    posted.flush();
    expect(arrived).to.deep.equal(Array.from({ length: 100 }, (_, value) => `4/4=${value}`));
  });

  it('lies in machine memory: clearing that forgets what was on its way', () => {
    const { posted, arrived, memory, at, lengthBytes } = bench();
    posted.post(8, 4, 5);
    memory.clear(at, lengthBytes);
    posted.flush();
    expect([posted.count, arrived]).to.deep.equal([0, []]);
  });
});
