import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { Mdl, ScatterGatherList, type DmaAdapter } from '../../src/hal/index.js';
import { atDispatch, deathOf, ListTaker, MemoryRig, nothing, PACKET, SCATTER_GATHER, SYSTEM, Taker } from './support.js';

/** A packet adapter with `registers` granted, and what a driver then does with it. */
function withGrant(body: (adapter: DmaAdapter, base: number, mdl: Mdl, list: ScatterGatherList) => Suspending<void>): () => void {
  return () => {
    const rig = new MemoryRig({ addressing: 'direct' });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const mdl = new Mdl(Int32Array.of(40, 41), 0, 8192);
    const list = new ScatterGatherList(rig.kernel, 'test', 4);
    const taker = new Taker();
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* adapter.allocateAdapterChannelEx(null, 2, false, taker);
      yield* body(adapter, taker.base, mdl, list);
    });
  };
}

function* flushTooMuch(adapter: DmaAdapter, base: number, mdl: Mdl, list: ScatterGatherList): Suspending<void> {
  yield* nothing();
  adapter.mapTransferEx(mdl, base, 0, 0, 4096, true, list, null);
  adapter.flushAdapterBuffersEx(mdl, base, 0, 8192);
}

function* mapTwice(adapter: DmaAdapter, base: number, mdl: Mdl, list: ScatterGatherList): Suspending<void> {
  yield* nothing();
  adapter.mapTransferEx(mdl, base, 0, 0, 4096, true, list, null);
  adapter.mapTransferEx(mdl, base, 4096, 0, 4096, true, list, null);
}

function* freeMapped(adapter: DmaAdapter, base: number, mdl: Mdl, list: ScatterGatherList): Suspending<void> {
  adapter.mapTransferEx(mdl, base, 0, 0, 8192, true, list, null);
  yield* adapter.freeMapRegisters(base, 2);
}

function* freeTwice(adapter: DmaAdapter, base: number): Suspending<void> {
  yield* adapter.freeMapRegisters(base, 2);
  yield* adapter.freeMapRegisters(base, 2);
}

function* freeSome(adapter: DmaAdapter, base: number): Suspending<void> {
  yield* adapter.freeMapRegisters(base, 1);
}

const mapping = (mdl: Mdl, offset: number, lengthBytes: number) =>
  function* (adapter: DmaAdapter, base: number, _mdl: Mdl, list: ScatterGatherList): Suspending<void> {
    yield* nothing();
    adapter.mapTransferEx(mdl, base, offset, 0, lengthBytes, true, list, null);
  };

describe('DMA verification', () => {
  const short = new Mdl(Int32Array.of(40), 0, 4096);
  const unlocked = new Mdl(Int32Array.of(40), 0, 4096, false);
  const cases: readonly [rule: string, code: number, what: string, body: Parameters<typeof withGrant>[0]][] = [
    ['A01', 0x00, 'a flush of more than is mapped', flushTooMuch],
    ['A07', 0x05, 'map registers freed twice', freeTwice],
    ['A07', 0x05, 'part of the map registers freed', freeSome],
    ['A15', 0x0d, 'a second mapping before the flush', mapTwice],
    ['A16', 0x0e, 'pages that are not locked', mapping(unlocked, 0, 4096)],
    ['A18', 0x10, 'registers freed while mapped', freeMapped],
    ['A26', 0x1b, 'a start beyond the buffer', mapping(short, 5000, 10)],
    ['A31', 0x21, 'zero bytes', mapping(short, 0, 0)],
    ['A34', 0x24, 'a chain shorter than the length', mapping(short, 0, 5000)],
  ];
  for (const [rule, code, what, body] of cases) {
    it(`${rule}: ${what}`, () => {
      const violation = deathOf(withGrant(body));
      expect(violation.rule).to.equal(rule);
      expect([violation.bugCheck!.code, violation.bugCheck!.parameters[0]]).to.deep.equal([0xe6, code]);
    });
  }

  it('lets the same driver pass when it does it right', () => {
    withGrant(function* (adapter, base, mdl, list): Suspending<void> {
      for (const offset of [0, 4096]) {
        adapter.mapTransferEx(mdl, base, offset, 0, 4096, true, list, null);
        adapter.flushAdapterBuffersEx(mdl, base, offset, 4096);
      }
      yield* adapter.freeMapRegisters(base, 2);
      adapter.putDmaAdapter();
    })();
  });

  it('A14: more registers than the adapter has', () => {
    const rig = new MemoryRig({ maxMapRegistersPerAdapter: 4 });
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    expect(deathOf(() => atDispatch(rig.kernel, () => adapter.allocateAdapterChannelEx(null, 5, false, new Taker()))).rule).to.equal('A14');
  });

  it('A06: a channel nobody owns', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(SYSTEM, rig.domain)!;
    expect(deathOf(() => atDispatch(rig.kernel, () => adapter.freeAdapterChannel())).rule).to.equal('A06');
  });

  it('A08: a list put twice', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(SCATTER_GATHER, rig.domain)!;
    const list = new ScatterGatherList(rig.kernel, 'test', 4);
    const mdl = rig.buffer(0, 4096);
    const violation = deathOf(() =>
      atDispatch(rig.kernel, function* (): Suspending<void> {
        yield* adapter.buildScatterGatherListEx(null, mdl, 0, 4096, false, new ListTaker(), true, list, false);
        yield* adapter.putScatterGatherList(list);
        yield* adapter.putScatterGatherList(list);
      }),
    );
    expect(violation.rule).to.equal('A08');
  });

  it('A20: an allocation below DISPATCH_LEVEL', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const violation = deathOf(() => rig.kernel.runStraight('test', adapter.allocateAdapterChannelEx(null, 1, false, new Taker())));
    expect([violation.rule, violation.bugCheck!.parameters]).to.deep.equal(['A20', [0x13, 1, 2, 0]]);
  });

  it('A09-A12: an adapter released with something outstanding', () => {
    const rules: string[] = [];
    for (const what of ['buffer', 'channel', 'registers', 'list'] as const) {
      const rig = new MemoryRig({});
      const adapter = rig.platform.getDmaAdapter(what === 'channel' ? SYSTEM : SCATTER_GATHER, rig.domain)!;
      if (what === 'buffer') adapter.allocateCommonBuffer(100);
      else if (what === 'list') {
        const list = new ScatterGatherList(rig.kernel, 'test', 4);
        atDispatch(rig.kernel, () =>
          adapter.buildScatterGatherListEx(null, rig.buffer(0, 100), 0, 100, false, new ListTaker(), true, list, false),
        );
      } else atDispatch(rig.kernel, () => adapter.allocateAdapterChannelEx(null, 1, false, new Taker(what === 'channel' ? 1 : 3)));
      rules.push(`${deathOf(() => adapter.putDmaAdapter()).rule} ${what}`);
    }
    expect(rules).to.deep.equal(['A09 buffer', 'A10 channel', 'A11 registers', 'A12 list']);
  });

  it('A05 and A17: a common buffer freed twice, and one written beyond its end', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(PACKET, rig.domain)!;
    const buffer = adapter.allocateCommonBuffer(100)!;
    adapter.freeCommonBuffer(buffer);
    expect(deathOf(() => adapter.freeCommonBuffer(buffer)).rule).to.equal('A05');

    const again = new MemoryRig({});
    const other = again.platform.getDmaAdapter(PACKET, again.domain)!;
    const overrun = other.allocateCommonBuffer(100)!;
    again.memory.u8[overrun.virtualAddress + 100] = 1;
    const violation = deathOf(() => other.freeCommonBuffer(overrun));
    expect([violation.rule, violation.bugCheck!.parameters.slice(0, 2)]).to.deep.equal(['A17', [0x0f, 5]]);
  });

  it('D61 and L-LIST-BOUNDS: a list read after it was put, or beyond its end', () => {
    const rig = new MemoryRig({});
    const adapter = rig.platform.getDmaAdapter(SCATTER_GATHER, rig.domain)!;
    const list = new ScatterGatherList(rig.kernel, 'test', 4);
    atDispatch(rig.kernel, function* (): Suspending<void> {
      yield* adapter.buildScatterGatherListEx(null, rig.buffer(0, 100), 0, 100, false, new ListTaker(), true, list, false);
      expect(list.count).to.equal(1);
      yield* adapter.putScatterGatherList(list);
    });
    expect(rig.kernel.findings.total).to.equal(0);
    list.address(0);
    expect(rig.kernel.findings.kept.map(({ rule, severity }) => `${rule} ${severity}`)).to.deep.equal(['D61 error']);
    expect(deathOf(() => list.address(1)).rule).to.equal('L-LIST-BOUNDS');
  });
});
