import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { chainLengthBytes, type Mdl } from '../../src/hal/index.js';
import { EventRing, Kernel, SeededRandom, VirtualClock } from '../../src/kernel/index.js';
import { FrameAllocator, LayoutBuilder, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import { UsageError } from '../../src/nt/index.js';
import { Request } from '../../src/wdf/index.js';
import {
  LatencyRecorder,
  PayloadPattern,
  RequestSlot,
  framesPerSlot,
  workloadDefaults,
  type WorkloadConfig,
} from '../../src/workload/index.js';

const kernel = new Kernel({ clock: new VirtualClock(), events: new EventRing(16) });

function slotOf(config: WorkloadConfig, regionOffset = 0, regionBytes = 1 << 20): RequestSlot {
  const frames = new FrameAllocator(16, 512, 0, new SeededRandom(3));
  return new RequestSlot(0, new Request(kernel), config, regionOffset, regionBytes, frames);
}

function chain(first: Mdl): Mdl[] {
  const all: Mdl[] = [];
  for (let mdl: Mdl | null = first; mdl !== null; mdl = mdl.next) all.push(mdl);
  return all;
}

const configs = fc
  .record({
    align: fc.constantFrom(1, 4, 8, 64),
    minUnits: fc.integer({ min: 1, max: 600 }),
    moreUnits: fc.integer({ min: 0, max: 3000 }),
    maxMdls: fc.integer({ min: 1, max: 8 }),
    readsPercent: fc.integer({ min: 0, max: 100 }),
  })
  .map(({ align, minUnits, moreUnits, maxMdls, readsPercent }): WorkloadConfig => ({
    ...workloadDefaults,
    alignBytes: align,
    minBytes: minUnits * align,
    maxBytes: (minUnits + moreUnits) * align,
    maxMdls,
    readsPercent,
  }));

describe('request slots', () => {
  it('draw requests that keep every promise of the configuration', () => {
    fc.assert(
      fc.property(configs, fc.integer({ min: 0, max: 7 }), fc.integer(), (config, region, seed) => {
        const regionBytes = config.maxBytes + 4096;
        const slot = slotOf(config, region * regionBytes, regionBytes);
        const random = new SeededRandom(seed);
        for (let i = 0; i < 20; i++) {
          slot.draw(random);
          const { lengthBytes, deviceOffset, firstMdl } = slot;
          const { alignBytes, minBytes, maxBytes, maxMdls } = config;
          expect(lengthBytes).to.be.within(minBytes, maxBytes);
          expect([lengthBytes % alignBytes, deviceOffset % alignBytes]).to.deep.equal([0, 0]);
          expect(deviceOffset).to.be.at.least(region * regionBytes);
          expect(deviceOffset + lengthBytes).to.be.at.most((region + 1) * regionBytes);
          const mdls = chain(firstMdl);
          expect(mdls.length).to.be.within(1, maxMdls);
          expect(chainLengthBytes(firstMdl)).to.equal(lengthBytes);
          for (const mdl of mdls) {
            expect(mdl.byteCount).to.be.greaterThan(0);
            expect([mdl.byteCount % alignBytes, mdl.byteOffset % alignBytes]).to.deep.equal([0, 0]);
            expect(mdl.byteOffset).to.be.within(0, PAGE_SIZE - 1);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('never describe the same page twice in one request', () => {
    const slot = slotOf({ ...workloadDefaults, maxMdls: 6, maxBytes: 65536 });
    const random = new SeededRandom(1);
    for (let i = 0; i < 300; i++) {
      slot.draw(random);
      const pages = chain(slot.firstMdl).flatMap((mdl) =>
        Array.from(mdl.frames.subarray(0, Math.ceil((mdl.byteOffset + mdl.byteCount) / PAGE_SIZE))),
      );
      expect(new Set(pages).size).to.equal(pages.length);
    }
  });

  it('spread lengths over the doublings, and reads over their share', () => {
    const slot = slotOf({ ...workloadDefaults, minBytes: 64, maxBytes: 16384, readsPercent: 25 });
    const random = new SeededRandom(5);
    const drawn = Array.from({ length: 4000 }, () => {
      slot.draw(random);
      return { bytes: slot.lengthBytes, isRead: slot.isRead };
    });
    const doublings = Array.from({ length: 8 }, (_, i) => drawn.filter(({ bytes }) => bytes >= 64 << i && bytes < 128 << i).length);
    for (const count of doublings) expect(count).to.be.within(300, 1000);
    expect(drawn.filter(({ isRead }) => isRead).length).to.be.within(850, 1150);
  });

  it('are bounded by their region when it is smaller than the largest request', () => {
    const slot = slotOf({ ...workloadDefaults, minBytes: 64, maxBytes: 16384 }, 512, 256);
    const random = new SeededRandom(2);
    for (let i = 0; i < 100; i++) {
      slot.draw(random);
      expect(slot.deviceOffset).to.be.at.least(512);
      expect(slot.deviceOffset + slot.lengthBytes).to.be.at.most(768);
    }
  });

  it('say so when the machine has too few pages', () => {
    const frames = new FrameAllocator(16, 3, 0, new SeededRandom(3));
    const config = { ...workloadDefaults, maxBytes: 65536 };
    expect(framesPerSlot(config)).to.be.greaterThan(3);
    expect(() => new RequestSlot(0, new Request(kernel), config, 0, 65536, frames)).to.throw(UsageError, 'too few RAM pages');
  });
});

describe('payload pattern', () => {
  const layout = new LayoutBuilder();
  const pattern = new PayloadPattern(layout, 65536);
  const ram = layout.reserve('ram', 256 * PAGE_SIZE, { align: PAGE_SIZE });
  const memory = MachineMemory.create(layout.lengthBytes, false);
  pattern.fill(memory, new SeededRandom(4));

  function slotInRam(seed: number): RequestSlot {
    const frames = new FrameAllocator(ram / PAGE_SIZE, 256, 0, new SeededRandom(seed));
    const slot = new RequestSlot(0, new Request(kernel), { ...workloadDefaults, maxMdls: 4, maxBytes: 32768 }, 0, 1 << 20, frames);
    slot.draw(new SeededRandom(seed));
    return slot;
  }

  it('what is written into a buffer is found right, and any one wrong byte is found where it is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5000 }),
        fc.nat(65535),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (seed, start, where) => {
          const slot = slotInRam(seed);
          pattern.writeTo(memory, slot.firstMdl, start);
          expect(pattern.firstDifference(memory, slot.firstMdl, start)).to.equal(-1);
          const wrong = Math.floor(where * slot.lengthBytes);
          let offset = wrong;
          let mdl = slot.firstMdl;
          while (offset >= mdl.byteCount) {
            offset -= mdl.byteCount;
            mdl = mdl.next!;
          }
          const address = mdl.physicalAddress(offset);
          memory.u8[address]! ^= 0x10;
          expect(pattern.firstDifference(memory, slot.firstMdl, start)).to.equal(wrong);
          memory.u8[address]! ^= 0x10;
        },
      ),
      { numRuns: 100 },
    );
  });

  it('different starts are different bytes, and none looks like untouched memory', () => {
    const random = new SeededRandom(8);
    for (let i = 0; i < 50; i++) {
      const [a, b] = [pattern.drawStart(random), pattern.drawStart(random)];
      if (a === b) continue;
      expect(memory.firstDifference(pattern.at(a, 0), pattern.at(b, 0), 64)).to.be.within(0, 15);
      expect(Array.from(memory.u8.subarray(pattern.at(a, 0), pattern.at(a, 64))).some((byte) => byte !== 0)).to.equal(true);
    }
  });
});

describe('latencies', () => {
  it('are ordered, and zero when there were none', () => {
    const recorder = new LatencyRecorder();
    expect(recorder.summary()).to.deep.equal({ p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    for (let ns = 1; ns <= 1000; ns++) recorder.record(ns * 1000);
    const { p50, p90, p99, p999, max } = recorder.summary();
    expect(p50).to.be.closeTo(500_000, 5000);
    expect(p90).to.be.closeTo(900_000, 9000);
    expect([p50, p90, p99, p999, max]).to.deep.equal([p50, p90, p99, p999, max].sort((a, b) => a - b));
    expect(max).to.be.closeTo(1_000_000, 1000);
  });

  it('beyond any measure count as the longest, below it as the shortest; two recorders add up', () => {
    const recorder = new LatencyRecorder();
    recorder.record(1e300);
    recorder.record(-5);
    const other = new LatencyRecorder();
    other.record(7);
    recorder.add(other);
    const { max } = recorder.summary();
    expect(max).to.be.greaterThan(3e12).and.lessThan(4e12);
    recorder.reset();
    expect(recorder.summary().max).to.equal(0);
  });
});
