import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DmaAdapter, Mdl, ScatterGatherList } from '../../src/hal/index.js';
import { NT_SUCCESS } from '../../src/nt/index.js';
import type { Suspending } from '../../src/kernel/index.js';
import { atDispatch, CountingDomain, deathOf, ListTaker, MemoryRig, PACKET, SCATTER_GATHER, Taker } from './support.js';

const pattern = (offset: number): number => (offset * 7 + 13) % 251;

/** Maps `mdl` through a packet adapter, lets the device work, flushes `flushBytes`, and gives the registers back. */
function transfer(rig: MemoryRig, mdl: Mdl, isWrite: boolean, work: (list: ScatterGatherList) => void, flushBytes = mdl.byteCount): void {
  const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
  const list = new ScatterGatherList(rig.kernel, 'test', 8);
  atDispatch(rig.kernel, function* (): Suspending<void> {
    const taker = new Taker();
    const registers = mdl.frames.length;
    yield* adapter.allocateAdapterChannelEx(null, registers, false, taker);
    expect(NT_SUCCESS(adapter.mapTransferEx(mdl, taker.base, 0, 0, mdl.byteCount, isWrite, list, null))).to.equal(true);
    expect(adapter.mappedLengthBytes).to.equal(mdl.byteCount);
    work(list);
    adapter.flushAdapterBuffersEx(mdl, taker.base, 0, flushBytes);
    yield* adapter.freeMapRegisters(taker.base, registers);
  });
  adapter.putDmaAdapter();
}

describe('bounce pages', () => {
  it('give the device a copy taken when the write is mapped', () => {
    const rig = new MemoryRig({ addressing: 'bounce' });
    const mdl = rig.buffer(300, 9000);
    rig.fillBuffer(mdl, pattern);
    transfer(rig, mdl, true, (list) => {
      rig.fillBuffer(mdl, () => 0xee);
      expect(list.count).to.equal(1);
      expect(rig.deviceRead(list)).to.deep.equal(Array.from({ length: 9000 }, (_, i) => pattern(i)));
    });
  });

  it('reach the caller only at the flush, and only the flushed bytes', () => {
    const rig = new MemoryRig({ addressing: 'bounce' });
    const mdl = rig.buffer(300, 9000);
    rig.fillBuffer(mdl, () => 0xaa);
    transfer(
      rig,
      mdl,
      false,
      (list) => {
        rig.deviceWrite(list, pattern);
        expect(rig.bufferBytes(mdl).every((byte) => byte === 0xaa)).to.equal(true);
      },
      5000,
    );
    expect(rig.bufferBytes(mdl)).to.deep.equal(Array.from({ length: 9000 }, (_, i) => (i < 5000 ? pattern(i) : 0xaa)));
  });

  it("never show the device the caller's own pages", () => {
    const rig = new MemoryRig({ addressing: 'bounce' });
    const mdl = rig.buffer(0, 8192);
    transfer(rig, mdl, true, (list) => {
      const physical = rig.domain.translate(list.address(0), 1)!;
      expect([...mdl.frames]).to.not.include(Math.floor(physical / 4096));
    });
  });

  for (const [where, distance] of [
    ['before', -1],
    ['after', 500],
  ] as const) {
    it(`carry guard bytes: a device that writes ${where} what was mapped is found (A17)`, () => {
      const rig = new MemoryRig({ addressing: 'bounce' });
      const mdl = rig.buffer(300, 500);
      const violation = deathOf(() =>
        transfer(rig, mdl, false, (list) => {
          rig.deviceWrite(list, pattern);
          rig.memory.u8[rig.domain.translate(list.address(0) + distance, 2)!] = 0x10;
        }),
      );
      expect([violation.rule, violation.bugCheck!.parameters[1]]).to.deep.equal(['A17', where === 'before' ? 4 : 5]);
    });
  }

  it('are closed to the device after the flush: a late write faults', () => {
    const rig = new MemoryRig({ addressing: 'bounce' });
    const mdl = rig.buffer(0, 4096);
    let address = 0;
    transfer(rig, mdl, false, (list) => (address = list.address(0)));
    expect(rig.domain.translate(address, 2)).to.equal(null);
    expect(rig.domain.openPages).to.equal(0);
  });
});

describe('direct addressing', () => {
  it("opens the caller's frames at the frame base, for one direction only", () => {
    const rig = new MemoryRig({ addressing: 'direct' });
    const mdl = new Mdl(Int32Array.of(40, 41), 100, 6000);
    transfer(rig, mdl, true, (list) => {
      expect([list.count, list.address(0), list.lengthBytes(0)]).to.deep.equal([1, rig.domain.frameBase + 40 * 4096 + 100, 6000]);
      expect(rig.domain.translate(list.address(0), 1)).to.equal(40 * 4096 + 100);
      expect(rig.domain.translate(list.address(0), 2)).to.equal(null);
    });
    expect(rig.domain.openPages).to.equal(0);
  });

  it('works on a machine without map registers: the base is NULL and a flush finds its mapping', () => {
    const rig = new MemoryRig({ hasMapRegisters: false });
    const first = new Mdl(Int32Array.of(40), 0, 4096);
    const second = new Mdl(Int32Array.of(42), 0, 4096);
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const list = new ScatterGatherList(rig.kernel, 'test', 8);
    atDispatch(rig.kernel, function* (): Suspending<void> {
      const taker = new Taker();
      yield* adapter.allocateAdapterChannelEx(null, 999, false, taker);
      expect(taker.base).to.equal(0);
      for (const mdl of [first, second]) adapter.mapTransferEx(mdl, 0, 0, 0, 4096, true, list, null);
      expect(rig.domain.openPages).to.equal(2);
      adapter.flushAdapterBuffersEx(first, 0, 0, 4096);
      expect(rig.domain.translate(rig.domain.frameBase + 40 * 4096, 1)).to.equal(null);
      expect(rig.domain.translate(rig.domain.frameBase + 42 * 4096, 1)).to.equal(42 * 4096);
      adapter.flushAdapterBuffersEx(second, 0, 0, 4096);
    });
    expect(rig.domain.openPages).to.equal(0);
  });
});

describe('the translation window', () => {
  it('makes scattered frames adjacent, without copying', () => {
    const rig = new MemoryRig({ addressing: 'iommu' });
    const mdl = new Mdl(Int32Array.of(60, 20, 45), 256, 10000);
    rig.fillBuffer(mdl, () => 0);
    transfer(rig, mdl, false, (list) => {
      expect([list.count, list.address(0) % 4096, list.lengthBytes(0)]).to.deep.equal([1, 256, 10000]);
      expect(list.address(0)).to.be.at.least(rig.domain.windowBase);
      rig.deviceWrite(list, pattern);
      expect(rig.bufferBytes(mdl).slice(0, 3)).to.deep.equal([pattern(0), pattern(1), pattern(2)]);
    });
    expect(rig.bufferBytes(mdl)).to.deep.equal(Array.from({ length: 10000 }, (_, i) => pattern(i)));
    expect(rig.domain.openPages).to.equal(0);
  });

  it('does not hand a page out again at once: what a device still writes there is seen', () => {
    const rig = new MemoryRig({ addressing: 'iommu' });
    const addresses: number[] = [];
    for (let i = 0; i < 3; i++) transfer(rig, rig.buffer(0, 4096), true, (list) => addresses.push(list.address(0)));
    expect(new Set(addresses).size).to.equal(3);
  });
});

describe('a device that cannot drive the addresses of the frames', () => {
  const narrow = { ...PACKET, addressWidthBits: 32 };

  it('works through the window on a direct platform', () => {
    const rig = new MemoryRig({ addressing: 'direct' }, new CountingDomain(0x2_0000_0000, 64, 0x8000_0000));
    const mdl = new Mdl(Int32Array.of(60, 20), 0, 8192);
    const adapter = rig.platform.getDmaAdapter(narrow, rig.domain)!;
    const list = new ScatterGatherList(rig.kernel, 'test', 8);
    const taker = new Taker();
    atDispatch(rig.kernel, () => adapter.allocateAdapterChannelEx(null, 2, false, taker));
    adapter.mapTransferEx(mdl, taker.base, 0, 0, 8192, true, list, null);
    expect([list.count, list.lengthBytes(0), list.address(0) < 2 ** 32]).to.deep.equal([1, 8192, true]);
    expect(rig.domain.translate(list.address(0) + 4096, 1)).to.equal(20 * 4096);
  });

  it('gets no adapter when it cannot reach the window either', () => {
    const rig = new MemoryRig({ addressing: 'direct' }, new CountingDomain(0x2_0000_0000));
    expect(rig.platform.getDmaAdapter(narrow, rig.domain)).to.equal(null);
    expect(rig.platform.getDmaAdapter(PACKET, rig.domain)).to.not.equal(null);
  });
});

describe('scatter/gather lists', () => {
  function build(adapter: DmaAdapter, mdl: Mdl, list: ScatterGatherList, taker: ListTaker): Suspending<number> {
    return adapter.buildScatterGatherListEx(null, mdl, 0, mdl.byteCount, false, taker, false, list, false);
  }

  it('copy a bounced read out in full when they are put', () => {
    const rig = new MemoryRig({ addressing: 'bounce' });
    const adapter = rig.platform.getDmaAdapter(SCATTER_GATHER, rig.domain)!;
    const mdl = rig.buffer(40, 6000);
    const list = new ScatterGatherList(rig.kernel, 'test', 16);
    rig.fillBuffer(mdl, () => 0);
    atDispatch(rig.kernel, function* (): Suspending<void> {
      const taker = new ListTaker();
      yield* build(adapter, mdl, list, taker);
      rig.deviceWrite(taker.list!, pattern);
      yield* adapter.putScatterGatherList(list);
    });
    expect(rig.bufferBytes(mdl)).to.deep.equal(Array.from({ length: 6000 }, (_, i) => pattern(i)));
    expect([rig.domain.openPages, rig.platform.pool.free]).to.deep.equal([0, 32]);
  });

  it('use the same records again and again', () => {
    const rig = new MemoryRig({ addressing: 'iommu' });
    const adapter = rig.platform.getDmaAdapter(SCATTER_GATHER, rig.domain)!;
    const mdl = rig.buffer(40, 6000);
    const list = new ScatterGatherList(rig.kernel, 'test', 16);
    atDispatch(rig.kernel, function* (): Suspending<void> {
      const taker = new ListTaker();
      const handles = new Set<number>();
      for (let i = 0; i < 500; i++) {
        yield* build(adapter, mdl, list, taker);
        expect(taker.list === list && list.grant!.slot === 0, 'one record').to.equal(true);
        handles.add(list.grantHandle);
        yield* adapter.putScatterGatherList(list);
      }
      expect(handles.size, 'a handle of its own for each use').to.equal(500);
    });
  });
});
