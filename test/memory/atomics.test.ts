import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Worker } from 'node:worker_threads';
import { atomics, MachineMemory } from '../../src/memory/index.js';

describe('atomics', () => {
  for (const shared of [true, false]) {
    it(`return what the word held, on ${shared ? 'shared' : 'private'} memory`, () => {
      const { i32 } = MachineMemory.create(4096, shared);
      expect(atomics.store(i32, 3, 10)).to.equal(10);
      expect(atomics.add(i32, 3, 5)).to.equal(10);
      expect(atomics.or(i32, 3, 0x10)).to.equal(15);
      expect(atomics.and(i32, 3, 0x1c)).to.equal(31);
      expect(atomics.exchange(i32, 3, 7)).to.equal(28);
      expect(atomics.compareExchange(i32, 3, 6, 9)).to.equal(7);
      expect(atomics.load(i32, 3)).to.equal(7);
      expect(atomics.compareExchange(i32, 3, 7, 9)).to.equal(7);
      expect(atomics.load(i32, 3)).to.equal(9);
    });
  }

  it('wrap a counter around at 2^31', () => {
    const { i32 } = MachineMemory.create(4096, true);
    atomics.store(i32, 0, 0x7fffffff);
    atomics.add(i32, 0, 1);
    expect(atomics.load(i32, 0)).to.equal(-0x80000000);
  });

  it('waits only for a value that is still there, and times out', async () => {
    const { i32 } = MachineMemory.create(4096, true);
    expect(atomics.waitBlocking(i32, 0, 1, 1000)).to.equal('not-equal');
    expect(atomics.waitBlocking(i32, 0, 0, 1)).to.equal('timed-out');
    expect(await atomics.waitOnLoop(i32, 0, 1, 1000)).to.equal('not-equal');
    expect(await atomics.waitOnLoop(i32, 0, 0, 1)).to.equal('timed-out');
  });

  it('wake each other across threads through one memory', async () => {
    const memory = MachineMemory.create(4096, true);
    // Answers one ping: waits for word 0, copies it to word 1, notifies.
    const body = `const { workerData } = require('node:worker_threads');
      const words = new Int32Array(workerData.buffer);
      Atomics.wait(words, 0, 0);
      Atomics.store(words, 1, Atomics.load(words, 0) + 1);
      Atomics.notify(words, 1);`;
    const worker = new Worker(body, { eval: true, workerData: memory.wasm });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const answer = atomics.waitOnLoop(memory.i32, 1, 0, 10_000);
    atomics.store(memory.i32, 0, 41);
    atomics.notify(memory.i32, 0);
    expect(await answer).to.equal('ok');
    expect(atomics.load(memory.i32, 1)).to.equal(42);
    expect(await ended).to.equal(0);
  });
});
