import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { SeededRandom, type Suspending } from '../../src/kernel/index.js';
import { Mdl, ScatterGatherList, TransferContext, type Addressing, type DmaAdapter, type ListControl } from '../../src/hal/index.js';
import { DISPATCH_LEVEL } from '../../src/nt/index.js';
import { MemoryRig, newHalKernel, SCATTER_GATHER } from './support.js';

const POOL = 12;
const STEPS_MAX = 100_000;

/** Builds a list, keeps it over some scheduling points, puts it; sometimes cancels while waiting. */
class ListUser implements ListControl {
  readonly context = new TransferContext();
  readonly list: ScatterGatherList;
  granted = 0;
  cancelled = 0;
  asked = 0;
  #isGranted = false;

  constructor(
    private readonly rig: MemoryRig,
    private readonly adapter: DmaAdapter,
    private readonly random: SeededRandom,
    private readonly check: () => void,
  ) {
    this.list = new ScatterGatherList(rig.kernel, 'user', 16);
  }

  *listControl(): Suspending<void> {
    this.#isGranted = true;
    this.granted++;
    this.check();
  }

  *thread(rounds: number, buffers: readonly Mdl[]): Suspending<void> {
    const { kernel } = this.rig;
    for (let round = 0; round < rounds; round++) {
      const mdl = buffers[this.random.below(buffers.length)]!;
      kernel.current.irql = DISPATCH_LEVEL;
      this.#isGranted = false;
      this.asked++;
      yield* this.adapter.buildScatterGatherListEx(
        this.context,
        mdl,
        0,
        mdl.byteCount,
        false,
        this,
        this.random.chance(1, 2),
        this.list,
        false,
      );
      let isCancelled = false;
      for (let wait = 0; !this.#isGranted && !isCancelled; wait++) {
        yield* this.#point();
        if (this.random.chance(1, 8)) isCancelled = yield* this.adapter.cancelAdapterChannel(this.context);
        expect(wait).to.be.lessThan(STEPS_MAX);
      }
      if (isCancelled) this.cancelled++;
      else yield* this.#usePut();
      this.check();
      kernel.current.irql = 0;
    }
  }

  *#usePut(): Suspending<void> {
    for (let i = this.random.below(4); i > 0; i--) yield* this.#point();
    yield* this.adapter.putScatterGatherList(this.list);
  }

  *#point(): Suspending<void> {
    const op = this.rig.kernel.callOp(1);
    if (this.rig.kernel.at(op)) yield op;
  }
}

function stress(addressing: Addressing, seed: number): { granted: number; cancelled: number; asked: number } {
  const rig = new MemoryRig({ addressing, mapRegisters: POOL }, undefined, newHalKernel(4, { at: () => true }));
  const adapters = [rig.platform.getDmaAdapter(SCATTER_GATHER, rig.domain)!, rig.platform.getDmaAdapter(SCATTER_GATHER, rig.domain)!];
  const check = (): void => {
    const held = adapters.reduce((sum, adapter) => sum + adapter.outstanding().mapRegisters, 0);
    expect(rig.platform.pool.free + held).to.equal(POOL);
    expect(rig.platform.pool.free).to.be.at.least(0);
  };
  const random = new SeededRandom(seed);
  const buffers = [rig.buffer(100, 3000), rig.buffer(4000, 9000), rig.buffer(0, 20000), rig.buffer(17, 40000)];
  // Users of one adapter have MDLs of their own: it maps no byte of an MDL twice (rule A27).
  const others = buffers.map(({ frames, byteOffset, byteCount }) => new Mdl(frames, byteOffset, byteCount));
  const users = rig.kernel.vcpus.map((cpu, i) => {
    const user = new ListUser(rig, adapters[i % 2]!, new SeededRandom(seed + i), check);
    cpu.queueThread('user', cpu.objectId, user.thread(10, i < 2 ? buffers : others));
    return user;
  });
  for (let steps = 0; ; steps++) {
    const enabled = rig.kernel.vcpus.filter((cpu) => cpu.isEnabled());
    if (enabled.length === 0) break;
    enabled[random.below(enabled.length)]!.advance();
    expect(steps).to.be.lessThan(STEPS_MAX);
  }
  expect([rig.platform.pool.free, rig.domain.openPages, rig.platform.queue.waiting]).to.deep.equal([POOL, 0, 0]);
  if (addressing !== 'direct') expect(adapters[0]!.window!.freeSlots).to.equal(rig.domain.windowSlots);
  for (const adapter of adapters) adapter.putDmaAdapter();
  const sum = (key: 'granted' | 'cancelled' | 'asked'): number => users.reduce((total, user) => total + user[key], 0);
  return { granted: sum('granted'), cancelled: sum('cancelled'), asked: sum('asked') };
}

describe('map registers are conserved', () => {
  for (const addressing of ['direct', 'bounce', 'iommu'] as const) {
    it(`over random schedules of four users on two adapters (${addressing})`, () => {
      let cancels = 0;
      fc.assert(
        fc.property(fc.integer(), (seed) => {
          const { granted, cancelled, asked } = stress(addressing, seed);
          expect(granted + cancelled, 'each request is granted or cancelled, never both').to.equal(asked);
          cancels += cancelled;
        }),
        { seed: 11, numRuns: 40 },
      );
      expect(cancels, 'some cancels won').to.be.greaterThan(0);
    });
  }
});
