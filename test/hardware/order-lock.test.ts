import { expect } from 'chai';
import { describe, it } from 'mocha';
import { MAIN_PARTY, ORDER_SLOTS, OrderLock, planOrderLock } from '../../src/hardware/index.js';
import { LayoutBuilder, MachineMemory } from '../../src/memory/index.js';

/** The lock in shared memory, seen by the main thread and two hosts; no party spins. */
function parties(): { main: OrderLock; first: OrderLock; second: OrderLock; words: Int32Array; at: number } {
  const layout = new LayoutBuilder();
  const at = planOrderLock(layout);
  const memory = MachineMemory.create(layout.lengthBytes, true);
  const seen = (party: number): OrderLock => new OrderLock(memory, at, party, false);
  return { main: seen(MAIN_PARTY), first: seen(1), second: seen(2), words: memory.i32, at: at >> 2 };
}

describe('order lock', () => {
  it('has one owner at a time, and a waiter comes back empty-handed after its time', () => {
    const { main, first, second } = parties();
    expect(main.tryTake()).to.equal(true);
    expect([first.tryTake(), main.tryTake(), second.take(1)]).to.deep.equal([false, false, false]);
    main.release();
    expect([second.take(1), first.tryTake()]).to.deep.equal([true, false]);
  });

  it('nobody has to give way while nobody waits; a waiter that gave up is forgotten', () => {
    const { main, first } = parties();
    main.tryTake();
    first.take(1);
    for (let i = 0; i < 100; i++) expect(main.mustGiveWay()).to.equal(false);
  });

  it('with a waiter a coin decides, which a seed fixes', () => {
    const { main, words, at } = parties();
    main.tryTake();
    // The bit that party 1 raises while it waits on its own thread.
    words[at + 32] = 1 << 1;
    const falls = (seed: number): string => {
      main.reseed(seed);
      return Array.from({ length: 64 }, () => (main.mustGiveWay() ? '1' : '0')).join('');
    };
    const first = falls(7);
    expect(first).to.match(/0/).and.match(/1/);
    expect(falls(7)).to.equal(first);
    expect(falls(8)).to.not.equal(first);
    // One's own bit asks nobody to give way.
    words[at + 32] = 1 << MAIN_PARTY;
    expect(falls(7)).to.not.contain('1');
  });

  it('giving way ends although nobody comes', () => {
    const { main, words, at } = parties();
    words[at + 32] = 1 << 1;
    for (let i = 0; i < 40; i++) {
      expect(main.tryTake()).to.equal(true);
      main.giveWay();
    }
    expect(main.tryTake()).to.equal(true);
  });

  it('is taken from a holder that is lost', () => {
    const { main, first, second } = parties();
    first.tryTake();
    main.seize();
    expect(second.tryTake()).to.equal(false);
    main.release();
    expect(second.tryTake()).to.equal(true);
  });

  it('a waiter that was killed blocks nobody: the bit and the place among the sleepers that it leaves are only looked at', () => {
    const { main, first, words, at } = parties();
    words[at + 32] = 1 << 2;
    words[at + 1] = 1;
    for (let i = 0; i < 40; i++) {
      expect(main.take(1)).to.equal(true);
      main.giveWay();
      expect(first.take(1)).to.equal(true);
      first.giveWay();
    }
    expect(main.take(1)).to.equal(true);
  });

  it('a holder and a waiter that were killed: the main thread seizes the lock, and the others go on', () => {
    const { main, first, second, words, at } = parties();
    expect(first.tryTake()).to.equal(true);
    words[at + 32] = 1 << 3;
    words[at + 1] = 1;
    expect(second.take(1)).to.equal(false);
    main.seize();
    main.giveWay();
    expect(second.take(1)).to.equal(true);
  });

  it('keeps steps in order until they are read, across the wrap of its counter, and never more than there is room', () => {
    const { main, first, words, at } = parties();
    const begin = 0x7fff_fffe;
    words[at + 96] = begin;
    main.setRead(main.written, 5);
    first.tryTake();
    const appended: number[] = [];
    for (let step = 0; !first.isFull; step++) {
      first.append(step & 1, 100 + step);
      appended.push(100 + step);
    }
    expect(appended).to.have.length(5);
    const read: number[][] = [];
    for (let position = begin | 0; position !== main.written; position = (position + 1) | 0)
      read.push([main.deviceAt(position), main.opAt(position)]);
    expect(read).to.deep.equal(appended.map((op, step) => [step & 1, op]));
    main.setRead(main.written, Infinity);
    let more = 0;
    for (; !first.isFull; more++) first.append(0, 0);
    expect(more).to.equal(ORDER_SLOTS);
  });

  it('stops at a step that somebody must look at', () => {
    const { main, first } = parties();
    main.setRead(main.written, 100);
    first.append(0, 1);
    first.stopHere();
    expect(first.isFull).to.equal(true);
    main.setRead(main.written, 100);
    expect(first.isFull).to.equal(false);
  });

  it('a signal before the wait is not lost; without one the wait ends by itself', () => {
    const { main, first } = parties();
    first.signal();
    const seen = main.beginWait();
    expect(main.await(seen, 1)).to.equal(false);
    first.signal();
    expect(main.await(seen, 1000)).to.equal(true);
    main.endWait();
  });
});
