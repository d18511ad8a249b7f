import { expect } from 'chai';
import { describe, it } from 'mocha';
import { NT_SUCCESS, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS } from '../../src/nt/index.js';
import {
  FAULT_KINDS,
  PLATFORM_FAULT_KINDS,
  PlatformFaults,
  isRatio,
  parseRatio,
  planOf,
  plannedKinds,
  type FaultPlan,
} from '../../src/faults/index.js';
import { ScatterGatherList, type DmaAdapter } from '../../src/hal/index.js';
import { ListTaker, MemoryRig, PACKET, SCATTER_GATHER, Taker, atDispatch } from '../hal/support.js';

const always = (kind: (typeof PLATFORM_FAULT_KINDS)[number]): FaultPlan => ({ [kind]: { numerator: 1, denominator: 1 } });

function rigWith(plan: FaultPlan): { rig: MemoryRig; faults: PlatformFaults } {
  const faults = new PlatformFaults(plan, 3);
  return { rig: new MemoryRig({ faults }), faults };
}

const adapterOf = (rig: MemoryRig, description = PACKET): DmaAdapter => rig.platform.getDmaAdapter(description, rig.domain)!;

describe('faults of the platform', () => {
  it('allocation failure: adapters, common buffers, map registers and lists are refused, and nothing was taken', () => {
    const { rig, faults } = rigWith({});
    const packet = adapterOf(rig);
    const lists = adapterOf(rig, SCATTER_GATHER);
    const buffer = rig.buffer(0, 8192);
    const freeBefore = rig.platform.pool.free;
    const framesBefore = rig.frames.freeFrames;
    const list = new ScatterGatherList(rig.kernel, 'test', 4);
    const calls: readonly (() => unknown)[] = [
      () => rig.platform.getDmaAdapter(PACKET, rig.domain),
      () =>
        rig.kernel.runStraight(
          'test',
          (function* () {
            return packet.allocateCommonBuffer(4096);
          })(),
        ),
      () => atDispatch(rig.kernel, () => packet.allocateAdapterChannelEx(null, 2, false, new Taker())),
      () => atDispatch(rig.kernel, () => lists.buildScatterGatherListEx(null, buffer, 0, 8192, false, new ListTaker(), true, list, false)),
    ];
    for (const call of calls) {
      faults.failCall = faults.calls + 1;
      expect(call()).to.be.oneOf([null, STATUS_INSUFFICIENT_RESOURCES]);
    }
    expect(faults.injected('allocation-failure')).to.equal(4);
    expect(faults.failedCall).to.equal('a scatter/gather list');
    expect(rig.platform.adapters).to.deep.equal([packet, lists]);
    expect([rig.platform.pool.free, rig.frames.freeFrames, rig.domain.openPages]).to.deep.equal([freeBefore, framesBefore, 0]);
    const nothing = { mapRegisters: 0, channels: 0, lists: 0, commonBuffers: 0 };
    expect([packet.outstanding(), lists.outstanding()]).to.deep.equal([nothing, nothing]);
  });

  it('short map: MapTransfer maps fewer bytes than asked and than its registers could hold', () => {
    const { rig, faults } = rigWith(always('short-map'));
    const adapter = adapterOf(rig);
    const buffer = rig.buffer(100, 12_000);
    const taker = new Taker();
    expect(atDispatch(rig.kernel, () => adapter.allocateAdapterChannelEx(null, 4, false, taker))).to.equal(STATUS_SUCCESS);
    const list = new ScatterGatherList(rig.kernel, 'test', 8);
    expect(NT_SUCCESS(adapter.mapTransferEx(buffer, taker.base, 0, 0, 12_000, true, list, null))).to.equal(true);
    // Three pages, one of them: 3996 bytes to the end of the first.
    expect(adapter.mappedLengthBytes).to.equal(3996);
    expect([list.count, list.lengthBytes(0)]).to.deep.equal([1, 3996]);
    expect(faults.injected('short-map')).to.equal(1);
    expect(rig.deviceRead(list)).to.have.length(3996);
    adapter.flushAdapterBuffersEx(buffer, taker.base, 0, 3996);
    expect(NT_SUCCESS(adapter.mapTransferEx(buffer, taker.base, 11_000, 0, 1000, true, list, null))).to.equal(true);
    expect([adapter.mappedLengthBytes, faults.injected('short-map')], 'one page cannot be shortened').to.deep.equal([1000, 1]);
    adapter.flushAdapterBuffersEx(buffer, taker.base, 11_000, 1000);
    atDispatch(rig.kernel, () => adapter.freeMapRegisters(taker.base, 4));
    expect(rig.domain.openPages).to.equal(0);
  });

  it('a scatter/gather list is always built whole', () => {
    const { rig, faults } = rigWith(always('short-map'));
    const adapter = adapterOf(rig, SCATTER_GATHER);
    const list = new ScatterGatherList(rig.kernel, 'test', 8);
    const buffer = rig.buffer(0, 12_000);
    atDispatch(rig.kernel, () => adapter.buildScatterGatherListEx(null, buffer, 0, 12_000, false, new ListTaker(), true, list, false));
    expect(rig.deviceRead(list)).to.have.length(12_000);
    expect(faults.injected('short-map')).to.equal(0);
  });

  it('delayed grant: what fits at once is granted from a DPC, after the call has returned; synchronous requests are not delayed', () => {
    const { rig, faults } = rigWith(always('delayed-grant'));
    const adapter = adapterOf(rig);
    const taker = new Taker();
    let callsOnReturn = -1;
    const status = atDispatch(rig.kernel, function* () {
      const result = yield* adapter.allocateAdapterChannelEx(null, 4, false, taker);
      callsOnReturn = taker.calls;
      return result;
    });
    expect([status, callsOnReturn, taker.calls]).to.deep.equal([STATUS_SUCCESS, 0, 1]);
    expect(faults.injected('delayed-grant')).to.equal(1);
    const synchronous = new Taker();
    atDispatch(rig.kernel, () => adapter.allocateAdapterChannelEx(null, 4, true, synchronous));
    expect([synchronous.calls, faults.injected('delayed-grant')]).to.deep.equal([1, 1]);
    for (const { base } of [taker, synchronous]) atDispatch(rig.kernel, () => adapter.freeMapRegisters(base, 4));
    expect(rig.platform.pool.free).to.equal(32);
  });

  it('draws by seed: the same after a reset, other ones for another seed, as often as the ratio says', () => {
    const draws = (faults: PlatformFaults): boolean[] => Array.from({ length: 2000 }, () => faults.failsAllocation('x'));
    const plan: FaultPlan = { 'allocation-failure': { numerator: 1, denominator: 10 } };
    const faults = new PlatformFaults(plan, 11);
    const first = draws(faults);
    expect(faults.injected('allocation-failure')).to.be.within(140, 260);
    expect(faults.calls).to.equal(2000);
    faults.reset();
    expect([faults.calls, faults.injected('allocation-failure')]).to.deep.equal([0, 0]);
    expect(draws(faults)).to.deep.equal(first);
    expect(draws(new PlatformFaults(plan, 12))).not.to.deep.equal(first);
  });
});

describe('fault plans', () => {
  it('name each kind once and have a ratio for each', () => {
    expect(new Set(FAULT_KINDS).size).to.equal(11);
    expect(plannedKinds(planOf(FAULT_KINDS))).to.deep.equal([...FAULT_KINDS]);
    expect(Object.values(planOf(FAULT_KINDS)).every((ratio) => isRatio(ratio))).to.equal(true);
    expect(plannedKinds({ hang: { numerator: 0, denominator: 5 } })).to.deep.equal([]);
  });

  it('read ratios of whole numbers from 0 to 1 and nothing else', () => {
    expect(parseRatio('1/50')).to.deep.equal({ numerator: 1, denominator: 50 });
    expect(parseRatio('0/1')).to.deep.equal({ numerator: 0, denominator: 1 });
    for (const text of ['', '1', '2/1', '1/0', '-1/2', '1/2000000', '0.5/1', '1/2/3']) expect(parseRatio(text), text).to.equal(null);
  });
});
