import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  AllocationAction,
  DomainAccess,
  HalPlatform,
  Mdl,
  ScatterGatherList,
  type DmaAdapter,
  type DmaDomain,
} from '../../src/hal/index.js';
import { EventRing, Kernel, SeededRandom, VirtualClock, type Suspending } from '../../src/kernel/index.js';
import { FrameAllocator, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import { DISPATCH_LEVEL, STATUS_SUCCESS } from '../../src/nt/index.js';

const OLD = 0x11;
const NEW = 0x77;
const LENGTH_BYTES = 3000;
const OFFSET = 2000;

/** What a device can reach, by pages; it writes through it as hardware would. */
class PageTable implements DmaDomain {
  readonly frameBase = 0x12_0000_0000;
  readonly windowBase = 0x13_0000_0000;
  readonly windowSlots = 64;
  readonly pages = new Map<number, { readonly frame: number; readonly access: number }>();

  constructor(private readonly memory: MachineMemory) {}

  open(logicalPage: number, frame: number, access: number): void {
    this.pages.set(logicalPage, { frame, access });
  }

  close(logicalPage: number): void {
    this.pages.delete(logicalPage);
  }

  deviceWrite(address: number, lengthBytes: number, value: number): void {
    for (let done = 0; done < lengthBytes; done++) {
      const at = address + done;
      const page = this.pages.get(at - (at % PAGE_SIZE));
      if (page === undefined || (page.access & DomainAccess.Write) === 0) throw new Error(`the device may not write 0x${at.toString(16)}`);
      this.memory.u8[page.frame * PAGE_SIZE + (at % PAGE_SIZE)] = value;
    }
  }
}

/** A buffer of two pages that are not adjacent, full of old bytes, on a platform that bounces. */
class Bench {
  readonly kernel = new Kernel({ clock: new VirtualClock(), events: new EventRing(256) });
  readonly memory = MachineMemory.create(64 * PAGE_SIZE, false);
  readonly frames = new FrameAllocator(8, 48, 8, new SeededRandom(1));
  readonly domain = new PageTable(this.memory);
  readonly platform: HalPlatform;
  readonly adapter: DmaAdapter;
  readonly mdl: Mdl;
  readonly list: ScatterGatherList;

  constructor(addressing: 'bounce' | 'direct' | 'iommu') {
    this.platform = new HalPlatform(this.kernel, { addressing, mapRegisters: 8, memory: this.memory, frames: this.frames });
    const description = { version: 3, isMaster: true, scatterGather: true, addressWidthBits: 64, maximumLengthBytes: 16384 };
    this.adapter = this.platform.getDmaAdapter(description, this.domain)!;
    this.mdl = new Mdl(Int32Array.of(this.frames.allocate(), this.frames.allocate()), OFFSET, LENGTH_BYTES);
    this.list = new ScatterGatherList(this.kernel, 'list', 8);
    for (let i = 0; i < LENGTH_BYTES; i++) this.memory.u8[this.mdl.physicalAddress(i)] = OLD;
  }

  /** Distinct byte values of the caller's buffer. */
  seen(lengthBytes = LENGTH_BYTES): number[] {
    return [...new Set(Array.from({ length: lengthBytes }, (_, i) => this.memory.u8[this.mdl.physicalAddress(i)]!))];
  }

  deviceFills(): void {
    for (let i = 0; i < this.list.count; i++) this.domain.deviceWrite(this.list.address(i), this.list.lengthBytes(i), NEW);
  }

  atDispatch<T>(body: () => Suspending<T>): T {
    const { kernel } = this;
    return kernel.runStraight(
      'driver at DISPATCH_LEVEL',
      (function* (): Suspending<T> {
        kernel.current.irql = DISPATCH_LEVEL;
        const result = yield* body();
        kernel.current.irql = 0;
        return result;
      })(),
    );
  }
}

describe('flushing a bounced read (rules A15, D03)', () => {
  it("before PutScatterGatherList the buffer holds the old bytes, after it the device's", () => {
    const bench = new Bench('bounce');
    const control = {
      *listControl(): Suspending<void> {
        bench.deviceFills();
      },
    };
    const { adapter, mdl, list } = bench;
    expect(
      bench.atDispatch(() => adapter.buildScatterGatherListEx(null, mdl, 0, LENGTH_BYTES, false, control, false, list, false)),
    ).to.equal(STATUS_SUCCESS);
    expect(bench.seen()).to.deep.equal([OLD]);
    bench.atDispatch(() => adapter.putScatterGatherList(list));
    expect(bench.seen()).to.deep.equal([NEW]);
    expect([bench.domain.pages.size, bench.platform.pool.free]).to.deep.equal([0, 8]);
  });

  it('where the device reaches the buffer itself the bytes are there at once', () => {
    for (const addressing of ['direct', 'iommu'] as const) {
      const bench = new Bench(addressing);

      const control = { *listControl(): Suspending<void> {} };
      const { adapter, mdl, list } = bench;
      bench.atDispatch(() => adapter.buildScatterGatherListEx(null, mdl, 0, LENGTH_BYTES, false, control, false, list, false));
      bench.deviceFills();
      expect(bench.seen()).to.deep.equal([NEW]);
      bench.atDispatch(() => adapter.putScatterGatherList(list));
    }
  });

  /** Maps the buffer through map registers that are kept; returns their base. */
  function mapKept(bench: Bench): number {
    let base = 0;
    const control = {
      *adapterControl(mapRegisterBase: number): Suspending<AllocationAction> {
        base = mapRegisterBase;
        return AllocationAction.DeallocateObjectKeepRegisters;
      },
    };
    bench.atDispatch(() => bench.adapter.allocateAdapterChannelEx(null, 2, false, control));
    expect(bench.adapter.mapTransferEx(bench.mdl, base, 0, 0, LENGTH_BYTES, false, bench.list, null)).to.equal(STATUS_SUCCESS);
    expect(bench.adapter.mappedLengthBytes).to.equal(LENGTH_BYTES);
    return base;
  }

  it('FlushAdapterBuffers brings exactly the bytes it is told of', () => {
    const bench = new Bench('bounce');
    const base = mapKept(bench);
    bench.deviceFills();
    expect(bench.seen()).to.deep.equal([OLD]);
    bench.atDispatch(() => flushing(bench, base, 2500));
    expect(bench.seen(2500)).to.deep.equal([NEW]);
    expect(bench.seen()).to.deep.equal([NEW, OLD]);
  });

  function* flushing(bench: Bench, base: number, lengthBytes: number): Suspending<void> {
    expect(bench.adapter.flushAdapterBuffersEx(bench.mdl, base, 0, lengthBytes)).to.equal(STATUS_SUCCESS);
    yield* bench.adapter.freeMapRegisters(base, 2);
  }

  it('freeing the registers without it loses the bytes and is a finding (A18)', () => {
    const bench = new Bench('bounce');
    const base = mapKept(bench);
    bench.deviceFills();
    expect(() => bench.atDispatch(() => bench.adapter.freeMapRegisters(base, 2)))
      .to.throw()
      .with.nested.property('violation.rule', 'A18');
    expect(bench.seen()).to.deep.equal([OLD]);
  });

  it('a device that goes on after the flush is cut off', () => {
    const bench = new Bench('bounce');
    const base = mapKept(bench);
    const address = bench.list.address(0);
    bench.atDispatch(() => flushing(bench, base, LENGTH_BYTES));
    expect(() => bench.domain.deviceWrite(address, 1, NEW)).to.throw('may not write');
  });
});
