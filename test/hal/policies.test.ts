import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { GRANT_DEPTH_MAX, TransferContext } from '../../src/hal/index.js';
import { DISPATCH_LEVEL, statusName } from '../../src/nt/index.js';
import { atDispatch, deathOf, MemoryRig, nothing, PACKET, SYSTEM, Taker } from './support.js';

describe('the allocation queue', () => {
  it("serves one adapter in order: a small request does not pass a large one, another adapter's does", () => {
    const rig = new MemoryRig({ mapRegisters: 4 });
    const [first, second] = [rig.platform.getDmaAdapter(PACKET, rig.domain)!, rig.platform.getDmaAdapter(PACKET, rig.domain)!];
    const [holder, large, small, other] = [new Taker(), new Taker(), new Taker(), new Taker()];
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* first.allocateAdapterChannelEx(null, 3, false, holder);
      yield* first.allocateAdapterChannelEx(null, 2, false, large);
      yield* first.allocateAdapterChannelEx(null, 1, false, small);
      expect([large.calls, small.calls]).to.deep.equal([0, 0]);
      yield* second.allocateAdapterChannelEx(null, 1, false, other);
      expect(other.calls).to.equal(1);
      yield* first.freeMapRegisters(holder.base, 3);
      expect([large.calls, small.calls]).to.deep.equal([1, 1]);
    });
  });

  for (const addressing of ['direct', 'bounce', 'iommu'] as const) {
    it(`a platform that is reset (${addressing}) is as it was built, whatever was left behind`, () => {
      const rig = new MemoryRig({ addressing, mapRegisters: 4 });
      const execution = (): unknown => {
        const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
        const [holder, second, waiter] = [new Taker(), new Taker(), new Taker()];
        atDispatch(rig.kernel, function* (): Suspending<void> {
          yield* adapter.allocateAdapterChannelEx(null, 2, false, holder);
          yield* adapter.freeMapRegisters(holder.base, 2);
          yield* adapter.allocateAdapterChannelEx(null, 3, false, second);
          yield* adapter.allocateAdapterChannelEx(null, 2, false, waiter);
        });
        const buffer = rig.platform.commonBuffers.allocate(adapter, 100)!;
        const { pool, queue, adapters } = rig.platform;
        const live = pool.liveGrants().map(({ handle, number, windowSlot, bounceFrames }) => [handle, number, windowSlot, ...bounceFrames]);
        return {
          bases: [holder.base, second.base, waiter.calls],
          live,
          free: pool.free,
          waiting: queue.waiting,
          adapters: adapters.length,
          buffer,
        };
      };
      const built = execution();
      rig.frames.reset();
      rig.platform.reset();
      const { pool, queue, adapters } = rig.platform;
      expect([pool.free, pool.liveGrants(), queue.waiting, adapters]).to.deep.equal([pool.total, [], 0, []]);
      expect(execution()).to.deep.equal(built);
    });
  }

  it('refuses a synchronous request that would wait', () => {
    const rig = new MemoryRig({ mapRegisters: 1 });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* adapter.allocateAdapterChannelEx(null, 1, true, new Taker());
      const refused = new Taker();
      expect(statusName(yield* adapter.allocateAdapterChannelEx(null, 1, true, refused))).to.equal('STATUS_INSUFFICIENT_RESOURCES');
      expect([refused.calls, rig.platform.queue.waiting]).to.deep.equal([0, 0]);
    });
  });

  it("gives a system adapter's one channel to one owner at a time", () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(SYSTEM, rig.domain)!;
    const [owner, waiter] = [new Taker(1), new Taker(1)];
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* adapter.allocateAdapterChannelEx(null, 2, false, owner);
      yield* adapter.allocateAdapterChannelEx(null, 2, false, waiter);
      expect(waiter.calls).to.equal(0);
      yield* adapter.freeAdapterChannel();
      expect(waiter.calls).to.equal(1);
      yield* adapter.freeAdapterChannel();
    });
    expect(adapter.outstanding()).to.deep.equal({ mapRegisters: 0, channels: 0, lists: 0, commonBuffers: 0 });
  });

  it('runs routines at DISPATCH_LEVEL, whoever let them in, and ends nesting without end', () => {
    const rig = new MemoryRig({ mapRegisters: 1 });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    let depth = 0;
    function* again(): Suspending<void> {
      expect(rig.kernel.current.irql).to.equal(DISPATCH_LEVEL);
      depth++;
      const mine = taker.base;
      yield* adapter.allocateAdapterChannelEx(null, 1, false, taker);
      yield* adapter.freeMapRegisters(mine, 1);
    }
    const taker = new Taker(3, again);
    const violation = deathOf(() => atDispatch(rig.kernel, () => adapter.allocateAdapterChannelEx(null, 1, false, taker)));
    expect([violation.rule, depth]).to.deep.equal(['L-STEP-BOUND', GRANT_DEPTH_MAX]);
  });
});

describe('HAL policies', () => {
  it('grantContext dpc: the grant comes after the freeing call has returned', () => {
    const rig = new MemoryRig({ mapRegisters: 1, policy: { grantContext: 'dpc' } });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const [holder, waiter] = [new Taker(), new Taker()];
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* adapter.allocateAdapterChannelEx(null, 1, false, holder);
      yield* adapter.allocateAdapterChannelEx(null, 1, false, waiter);
      yield* adapter.freeMapRegisters(holder.base, 1);
      expect(waiter.calls, 'not inside the freeing call').to.equal(0);
    });
    expect(waiter.calls).to.equal(1);
  });

  it('preCancel: a cancel that comes before the request makes the request fail', () => {
    const rig = new MemoryRig({ policy: { preCancel: true } });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const context = new TransferContext();
    const taker = new Taker();
    atDispatch(rig.kernel, function* (): Suspending<void> {
      expect(yield* adapter.cancelAdapterChannel(context), 'nothing is about to start').to.equal(false);
      context.isStarting = true;
      expect(yield* adapter.cancelAdapterChannel(context)).to.equal(true);
      expect(statusName(yield* adapter.allocateAdapterChannelEx(context, 1, false, taker))).to.equal('STATUS_CANCELLED');
      expect(statusName(yield* adapter.allocateAdapterChannelEx(context, 1, false, taker))).to.equal('STATUS_SUCCESS');
    });
    expect(taker.calls).to.equal(1);
  });

  it('cancelling the head of a queue lets the next one in', () => {
    const rig = new MemoryRig({ mapRegisters: 4 });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const context = new TransferContext();
    const [holder, head, next] = [new Taker(), new Taker(), new Taker()];
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* adapter.allocateAdapterChannelEx(null, 2, false, holder);
      yield* adapter.allocateAdapterChannelEx(context, 4, false, head);
      yield* adapter.allocateAdapterChannelEx(null, 2, false, next);
      expect(yield* adapter.cancelAdapterChannel(context)).to.equal(true);
      expect(yield* adapter.cancelAdapterChannel(context)).to.equal(false);
      yield* nothing();
    });
    expect([head.calls, next.calls]).to.deep.equal([0, 1]);
  });
});
