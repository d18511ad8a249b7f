import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import {
  AllocationAction,
  DmaCompletionStatus,
  Mdl,
  ScatterGatherList,
  SystemDmaController,
  SystemDmaFunction,
  TransferContext,
  type DmaAdapter,
  type SystemDmaHardware,
  type SystemDmaSetup,
  type SystemDmaState,
} from '../../src/hal/index.js';
import { STATUS_INVALID_DEVICE_REQUEST, STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS } from '../../src/nt/index.js';
import { CountingDomain, MemoryRig, SYSTEM, Taker, atDispatch, deathOf, nothing } from '../hal/support.js';

/** A controller that does what the test says. */
class Bench implements SystemDmaHardware {
  readonly objectId = 1000;
  readonly channels = 2;
  readonly elementsMax = 4;
  readonly domain = new CountingDomain();
  readonly elements: number[] = [];
  readonly stopped: number[] = [];
  setup: SystemDmaSetup | null = null;
  now: SystemDmaState = 'Idle';
  causes = 0;
  reported = 0;
  asserted = false;

  setElement(_channel: number, index: number, _address: number, lengthBytes: number): void {
    this.elements[index] = lengthBytes;
  }
  start(_channel: number, setup: SystemDmaSetup): void {
    this.setup = { ...setup };
    this.now = 'Running';
    this.reported = setup.generation;
  }
  stop(channel: number, generation: number): void {
    this.stopped.push(channel, generation);
  }
  state = (): SystemDmaState => this.now;
  generation = (): number => this.reported;
  counter = (): number => 77;
  takeCauses(): number {
    const { causes } = this;
    this.causes = 0;
    return causes;
  }
  isLineAsserted = (): boolean => this.asserted;
  readonly configured: number[][] = [];
  configure(channel: number, functionNumber: number, value: number): boolean {
    this.configured.push([channel, functionNumber, value]);
    return functionNumber === SystemDmaFunction.Burst;
  }
}

const PAGES = 6;

/** A rig with the bench as its controller, and a transfer of six scattered pages by one adapter. */
function rigWith(
  body: (
    bench: Bench,
    adapter: DmaAdapter,
    transfer: { base: number; mdl: Mdl; context: TransferContext; seen: DmaCompletionStatus[]; map: () => void },
    rig: MemoryRig,
  ) => Suspending<void>,
): MemoryRig {
  const rig = new MemoryRig({ addressing: 'direct' });
  const bench = new Bench();
  rig.platform.systemDma = new SystemDmaController(rig.kernel, bench);
  const adapter = rig.platform.getDmaAdapter(
    { ...SYSTEM, dmaChannel: 1, dmaRequestLine: 5, deviceAddress: 0x10, dmaWidthBits: 32, demandMode: true },
    null,
  )!;
  const mdl = new Mdl(
    Int32Array.from({ length: PAGES }, (_, i) => 40 + 2 * i),
    0,
    PAGES * 4096,
  );
  const context = new TransferContext();
  const seen: DmaCompletionStatus[] = [];
  const list = new ScatterGatherList(rig.kernel, 'test', 16);
  const completion = {
    *dmaCompletion(status: DmaCompletionStatus): Suspending<void> {
      seen.push(status);
    },
  };
  const taker = new Taker(AllocationAction.KeepObject);
  atDispatch(rig.kernel, function* (): Suspending<void> {
    yield* adapter.allocateAdapterChannelEx(context, PAGES, false, taker);
    const map = (): void => void adapter.mapTransferEx(mdl, taker.base, 0, 4, PAGES * 4096, true, list, completion);
    yield* body(bench, adapter, { base: taker.base, mdl, context, seen, map }, rig);
  });
  return rig;
}

describe('the HAL and its system DMA controller', () => {
  it('programs what was mapped, no longer than the list of the channel, and completes through the DPC', () => {
    rigWith(function* (bench, adapter, { base, mdl, seen, map }, rig) {
      map();
      expect(adapter.mappedLengthBytes).to.equal(4 * 4096);
      expect(bench.elements).to.deep.equal([4096, 4096, 4096, 4096]);
      expect(bench.setup).to.include({
        requestLine: 5,
        deviceAddress: 0x14,
        widthBytes: 4,
        isDemand: true,
        isLooped: false,
        isRead: false,
        elements: 4,
      });
      expect(yield* adapter.readDmaCounter()).to.equal(77);
      bench.now = 'Done';
      bench.causes = 2;
      yield* rig.platform.systemDma!.dpc.start();
      expect(seen).to.deep.equal([DmaCompletionStatus.DmaComplete]);
      adapter.flushAdapterBuffersEx(mdl, base, 0, 4 * 4096);
      yield* adapter.freeAdapterChannel();
      expect(bench.domain.openPages).to.equal(0);
    });
  });

  it('stops by generation, waits for the confirmation, and drops the end of another transfer', () => {
    rigWith(function* (bench, adapter, { context, seen, map }, rig) {
      map();
      yield* adapter.cancelMappedTransfer(context);
      expect([bench.stopped, seen]).to.deep.equal([[1, bench.setup!.generation], []]);
      bench.now = 'Cancelled';
      bench.reported--;
      bench.causes = 2;
      yield* rig.platform.systemDma!.dpc.start();
      expect(seen, 'stale').to.deep.equal([]);
      bench.reported++;
      bench.causes = 2;
      yield* rig.platform.systemDma!.dpc.start();
      expect(seen).to.deep.equal([DmaCompletionStatus.DmaCancelled]);
    });
  });

  it('one channel, two adapters: the second waits until the first gives the channel back', () => {
    rigWith(function* (_bench, adapter, _transfer, rig) {
      const rival = rig.platform.getDmaAdapter(adapter.description, null)!;
      const other = rig.platform.getDmaAdapter({ ...adapter.description, dmaChannel: 0 }, null)!;
      const waiting = new Taker(AllocationAction.KeepObject);
      const free = new Taker(AllocationAction.KeepObject);
      yield* rival.allocateAdapterChannelEx(new TransferContext(), 1, false, waiting);
      yield* other.allocateAdapterChannelEx(new TransferContext(), 1, false, free);
      expect([waiting.calls, free.calls]).to.deep.equal([0, 1]);
      yield* adapter.freeAdapterChannel();
      expect(waiting.calls).to.equal(1);
    });
  });

  it('gives no adapter for a channel that the controller does not have', () => {
    rigWith(function* (_bench, adapter, _transfer, rig) {
      yield* nothing();
      expect(rig.platform.getDmaAdapter({ ...adapter.description, dmaChannel: 2 }, null)).to.equal(null);
    });
  });

  it('ConfigureAdapterChannel: known functions of a granted channel that stands still, until it is given back', () => {
    rigWith(function* (bench, adapter, { base, mdl, map }, rig) {
      bench.configured.length = 0;
      expect(yield* adapter.configureAdapterChannel(SystemDmaFunction.Burst, 64)).to.equal(STATUS_SUCCESS);
      expect(yield* adapter.configureAdapterChannel(99, 1)).to.equal(STATUS_NOT_IMPLEMENTED);
      expect(bench.configured).to.deep.equal([
        [1, 1, 64],
        [1, 99, 1],
      ]);
      map();
      expect(yield* adapter.configureAdapterChannel(SystemDmaFunction.Burst, 8)).to.equal(STATUS_INVALID_DEVICE_REQUEST);
      bench.now = 'Done';
      adapter.flushAdapterBuffersEx(mdl, base, 0, 4 * 4096);
      yield* adapter.freeAdapterChannel();
      expect(yield* adapter.configureAdapterChannel(SystemDmaFunction.Burst, 8)).to.equal(STATUS_INVALID_DEVICE_REQUEST);
      yield* rig.platform
        .getDmaAdapter(adapter.description, null)!
        .allocateAdapterChannelEx(null, 1, false, new Taker(AllocationAction.KeepObject));
      expect(bench.configured.at(-1), 'the next owner starts afresh').to.deep.equal([1, SystemDmaFunction.Burst, 0]);
    });
  });

  it('ReadDmaCounter of a start that the controller has not taken yet is the whole length', () => {
    rigWith(function* (bench, adapter, { map }) {
      map();
      const { reported } = bench;
      bench.reported = reported - 1;
      expect(yield* adapter.readDmaCounter()).to.equal(4 * 4096);
      bench.reported = reported;
      expect(yield* adapter.readDmaCounter()).to.equal(77);
    });
  });

  it('A33: a flush while the channel runs', () => {
    const violation = deathOf(() =>
      rigWith(function* (_bench, adapter, { base, mdl, map }) {
        yield* nothing();
        map();
        adapter.flushAdapterBuffersEx(mdl, base, 0, 4096);
      }),
    );
    expect([violation.rule, violation.bugCheck!.parameters[0]]).to.deep.equal(['A33', 0x23]);
    expect(violation.message).to.contain('channel 1').and.contain('Running').and.contain('77 bytes');
  });

  it('D52: in demand mode the line is asserted before the transfer is programmed', () => {
    const { kernel } = rigWith(function* (bench, _adapter, { map }) {
      yield* nothing();
      bench.asserted = true;
      map();
    });
    expect(kernel.findings.kept.map(({ rule }) => rule)).to.deep.equal(['D52']);
  });
});
