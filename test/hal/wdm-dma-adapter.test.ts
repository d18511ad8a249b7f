import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import {
  AllocationAction,
  DmaCompletionStatus,
  Mdl,
  ScatterGatherList,
  TransferContext,
  type HalPlatformOptions,
  type WdmDmaAdapter,
} from '../../src/hal/index.js';
import { NT_SUCCESS, STATUS_BUFFER_TOO_SMALL, STATUS_SUCCESS } from '../../src/nt/index.js';
import { atDispatch, deathOf, ListTaker, MemoryRig, PACKET, SCATTER_GATHER, SYSTEM, Taker } from './support.js';

function withAdapter(
  description: typeof PACKET,
  body: (adapter: WdmDmaAdapter, rig: MemoryRig) => Suspending<void>,
  options: HalPlatformOptions = {},
): MemoryRig {
  const rig = new MemoryRig(options);
  const adapter = rig.platform.getDmaAdapter(description, rig.domain)!;
  atDispatch(rig.kernel, () => body(adapter, rig));
  return rig;
}

describe('the operations of a DMA adapter that drivers call directly', () => {
  it('AllocateAdapterChannel, version 2: keeps its registers over MapTransfer and FlushAdapterBuffers', () => {
    const { platform } = withAdapter(PACKET, function* (adapter, rig) {
      const mdl = rig.buffer(100, 4096);
      const taker = new Taker(AllocationAction.DeallocateObjectKeepRegisters);
      expect(yield* adapter.allocateAdapterChannel(2, taker)).to.equal(STATUS_SUCCESS);
      const list = new ScatterGatherList(adapter.kernel, 'test', 1);
      expect(NT_SUCCESS(adapter.mapTransfer(mdl, taker.base, mdl.virtualAddress, 4096, true, list))).to.equal(true);
      expect(list.lengthBytes(0)).to.equal(adapter.mappedLengthBytes);
      expect(adapter.flushAdapterBuffers(mdl, taker.base, mdl.virtualAddress, adapter.mappedLengthBytes)).to.equal(true);
      yield* adapter.freeMapRegisters(taker.base, 2);
    });
    expect(platform.pool.free).to.equal(platform.pool.total);
  });

  it('a synchronous allocation without a routine gives the base, or null when it would have to wait', () => {
    withAdapter(
      PACKET,
      function* (adapter, rig) {
        const rival = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
        const base = yield* adapter.allocateAdapterChannelNow(new TransferContext(), 3);
        expect(base).to.be.greaterThan(0);
        expect(yield* rival.allocateAdapterChannelNow(new TransferContext(), 3)).to.equal(null);
        yield* adapter.freeAdapterObject(AllocationAction.KeepObject);
        expect(adapter.outstanding()).to.include({ channels: 1, mapRegisters: 3 });
        yield* adapter.freeAdapterObject(AllocationAction.DeallocateObjectKeepRegisters);
        expect(adapter.outstanding()).to.include({ channels: 0, mapRegisters: 3 });
        yield* adapter.freeMapRegisters(base!, 3);
        expect(yield* rival.allocateAdapterChannelNow(new TransferContext(), 3)).to.be.greaterThan(0);
        yield* rival.freeAdapterObject(AllocationAction.DeallocateObject);
        expect(rival.outstanding()).to.include({ channels: 0, mapRegisters: 0 });
      },
      { mapRegisters: 4 },
    );
  });

  it("Microsoft's sequence for a system adapter: allocate, map, complete, flush, free, put", () => {
    const rig = withAdapter(SYSTEM, function* (adapter, { platform }) {
      const context = new TransferContext();
      adapter.initializeDmaTransferContext(context);
      const taker = new Taker(AllocationAction.KeepObject);
      yield* adapter.allocateAdapterChannelEx(context, 2, false, taker);
      const mdl = new Mdl(Int32Array.of(20, 22), 0, 8192);
      const seen: DmaCompletionStatus[] = [];
      const completion = {
        *dmaCompletion(status: DmaCompletionStatus): Suspending<void> {
          seen.push(status);
        },
      };
      const list = new ScatterGatherList(platform.kernel, 'test', 4);
      expect(adapter.mapTransferEx(mdl, taker.base, 0, 0x40, 8192, true, list, completion)).to.equal(STATUS_SUCCESS);
      yield* adapter.completeSystemTransfer(context, DmaCompletionStatus.DmaComplete);
      expect(seen).to.deep.equal([DmaCompletionStatus.DmaComplete]);
      adapter.flushAdapterBuffersEx(mdl, taker.base, 0, adapter.mappedLengthBytes);
      yield* adapter.freeAdapterChannel();
      adapter.putDmaAdapter();
    });
    expect(rig.domain.openPages).to.equal(0);
  });

  it('Get- and BuildScatterGatherList, both versions, and what a list takes', () => {
    withAdapter(SCATTER_GATHER, function* (adapter, rig) {
      const mdl = rig.buffer(200, 9000);
      const got = new ListTaker();
      yield* adapter.getScatterGatherListEx(new TransferContext(), mdl, 100, 8000, false, got, true);
      expect(rig.deviceRead(got.list!)).to.have.length(8000);
      yield* adapter.putScatterGatherList(got.list!);
      yield* adapter.getScatterGatherList(mdl, mdl.virtualAddress + 100, 500, got, false);
      expect(got.list!.lengthBytes(0)).to.equal(500);
      yield* adapter.putScatterGatherList(got.list!);
      const small = new ScatterGatherList(rig.kernel, 'test', 1);
      expect(yield* adapter.buildScatterGatherList(mdl, mdl.virtualAddress, 9000, got, true, small)).to.equal(STATUS_BUFFER_TOO_SMALL);
      expect(adapter.calculateScatterGatherListSize(mdl, mdl.virtualAddress, 9000)).to.deep.equal({
        mapRegisterCount: 3,
        scatterGatherElementCount: 3,
        scatterGatherListSizeBytes: 16 + 3 * 24,
      });
      expect(adapter.calculateScatterGatherListSize(null, 0, 8192)!.mapRegisterCount).to.equal(3);
      expect(adapter.calculateScatterGatherListSize(null, 0, 1 << 20)).to.equal(null);
    });
  });

  it('AllocateCommonBufferEx respects the highest address; information, alignment and domain can be asked for', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    expect(adapter.allocateCommonBufferEx(0xffff_ffff, 100)).to.equal(null);
    expect(adapter.outstanding().commonBuffers).to.equal(0);
    const region = adapter.allocateCommonBufferEx(null, 100)!;
    expect(adapter.allocateCommonBufferEx(region.logicalAddress + 2 ** 32, 100)).to.not.equal(null);
    expect(adapter.getDmaAdapterInfo()).to.include({
      version: 3,
      isMaster: true,
      scatterGather: false,
      dmaChannels: 0,
      numberOfMapRegisters: 17,
    });
    expect(rig.platform.getDmaAdapter(SYSTEM, rig.domain)!.getDmaAdapterInfo().dmaChannels).to.equal(1);
    expect([adapter.getDmaAlignment(), adapter.getDmaDomain()]).to.deep.equal([1, rig.domain]);
  });
});

describe('DMA verification of what drivers do with an adapter themselves', () => {
  const found = (body: () => void): unknown[] => {
    const { rule, bugCheck } = deathOf(body);
    return [rule, bugCheck!.code, bugCheck!.parameters[0]];
  };

  it('A13: a second channel is kept while the first was not freed', () => {
    expect(
      found(() =>
        withAdapter(PACKET, function* (adapter) {
          yield* adapter.allocateAdapterChannel(1, new Taker(AllocationAction.DeallocateObjectKeepRegisters));
          yield* adapter.allocateAdapterChannel(1, new Taker(AllocationAction.KeepObject));
          yield* adapter.allocateAdapterChannel(1, new Taker(AllocationAction.KeepObject));
        }),
      ),
    ).to.deep.equal(['A13', 0xe6, 0x0b]);
  });

  it('A19: an adapter is put once more than it was obtained', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    adapter.putDmaAdapter();
    expect(found(() => adapter.putDmaAdapter())).to.deep.equal(['A19', 0xe6, 0x11]);
  });

  it('A27: bytes that the adapter has mapped are mapped again; what lies beside them may be', () => {
    const build = (secondOffset: number): void =>
      void withAdapter(SCATTER_GATHER, function* (adapter, rig) {
        const mdl = rig.buffer(0, 8192);
        const [first, second] = [new ListTaker(), new ListTaker()];
        yield* adapter.getScatterGatherListEx(null, mdl, 0, 4096, false, first, true);
        yield* adapter.getScatterGatherListEx(null, mdl, secondOffset, 4096, false, second, true);
        yield* adapter.putScatterGatherList(first.list!);
        yield* adapter.putScatterGatherList(second.list!);
      });
    build(4096);
    expect(found(() => build(4000))).to.deep.equal(['A27', 0xe6, 0x1d]);
  });

  it('A29: a version-2 list from an address before or behind the first MDL', () => {
    for (const [offset, code] of [
      [-1, 1],
      [4096, 2],
    ] as const) {
      const violation = deathOf(() =>
        withAdapter(SCATTER_GATHER, function* (adapter, rig) {
          const mdl = rig.buffer(8, 4096);
          yield* adapter.getScatterGatherList(mdl, mdl.virtualAddress + offset, 10, new ListTaker(), true);
        }),
      );
      expect([violation.rule, ...violation.bugCheck!.parameters.slice(0, 2)]).to.deep.equal(['A29', 0x1f, code]);
    }
  });

  it('A32: a buffer without a system address cannot be copied through bounce pages, and need not be elsewhere', () => {
    const build = (addressing: 'direct' | 'bounce'): void =>
      void withAdapter(
        SCATTER_GATHER,
        function* (adapter) {
          const mdl = new Mdl(Int32Array.of(20), 0, 4096, true, false);
          const taker = new ListTaker();
          yield* adapter.getScatterGatherList(mdl, mdl.virtualAddress, 4096, taker, true);
          yield* adapter.putScatterGatherList(taker.list!);
        },
        { addressing },
      );
    build('direct');
    expect(found(() => build('bounce'))).to.deep.equal(['A32', 0xe6, 0x22]);
  });
});
