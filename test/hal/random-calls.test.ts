import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { SeededRandom, type Suspending } from '../../src/kernel/index.js';
import { FrameAllocator } from '../../src/memory/index.js';
import { HalPlatform, Mdl, type Addressing, type DmaDomain } from '../../src/hal/index.js';
import { plx9656 } from '../../src/hardware/index.js';
import { BugCheck } from '../../src/nt/index.js';
import { TestDevice, TestRequest } from '../../src/conformance/test-machine.js';
import { DMA_PROFILES, DmaDirection, DmaEnabler, type DmaProfile } from '../../src/wdf/dma-enabler.js';
import { TransactionState } from '../../src/wdf/dma-transaction-state.js';
import { DmaTransaction } from '../../src/wdf/dma-transaction.js';
import { Rig } from '../hardware/rig.js';
import { newHalKernel } from './support.js';

/** DMALAB_PROPERTY_RUNS asks for more than the few a test run has time for. */
const NUM_RUNS = Number(process.env['DMALAB_PROPERTY_RUNS'] ?? 150);
const POOL = 6;
const LENGTH_BYTES = 12_000;
const OPERATIONS = ['initialize', 'execute', 'execute', 'completed', 'completed', 'withLength', 'final', 'release', 'cancel'] as const;
type Call = readonly [operation: (typeof OPERATIONS)[number], which: number, argument: number];

/** States in which a driver that knows the rules makes the call. */
const LEGAL: Readonly<Record<Call[0], readonly string[]>> = {
  initialize: ['Created', 'Released'],
  execute: ['Initialized'],
  completed: ['Transfer'],
  withLength: ['Transfer'],
  final: ['Transfer'],
  release: ['Initialized', 'TransferCompleted', 'TransferFailed'],
  cancel: ['Transfer'],
};

interface Drawn {
  /** Makes only calls that are legal in the state the transaction is in. */
  readonly isCareful: boolean;
  readonly profile: string;
  readonly isVersion3: boolean;
  readonly addressing: Addressing;
  readonly calls: readonly Call[];
}

class IommuDevice extends TestDevice {
  override readonly domain: DmaDomain;

  constructor(rig: Rig, platform: HalPlatform) {
    super(platform.kernel, platform);
    this.domain = rig.view.iommu;
  }
}

/** Two transactions of one enabler over memory and the translation table of a device, each with a request of its own. */
class Bench {
  readonly kernel = newHalKernel();
  readonly rig = new Rig(plx9656, { ramFrames: 64, windowSlots: 32 });
  readonly platform: HalPlatform;
  readonly device: IommuDevice;
  readonly requests: readonly TestRequest[];
  #enabler!: DmaEnabler;
  #transactions: readonly DmaTransaction[] = [];

  constructor(private readonly drawn: Drawn) {
    const frames = new FrameAllocator(this.rig.firstRamFrame, 64, 8, new SeededRandom(3));
    const { memory } = this.rig;
    this.platform = new HalPlatform(this.kernel, { mapRegisters: POOL, addressing: drawn.addressing, memory, frames });
    this.device = new IommuDevice(this.rig, this.platform);
    this.requests = [0, 1].map((index) => {
      const mdl = new Mdl(
        Int32Array.from({ length: 4 }, () => frames.allocate()),
        100,
        LENGTH_BYTES,
      );
      return new TestRequest(`r${index}`, { type: 'Read', length: LENGTH_BYTES }, mdl);
    });
  }

  /** True: it came to its end; false: a bug check or a typed fault ended it. Anything else is thrown. */
  run(): boolean {
    try {
      this.kernel.runStraight('driver', this.#script());
      return true;
    } catch (error) {
      if (!(error instanceof BugCheck)) throw error;
      return false;
    }
  }

  *#script(): Suspending<void> {
    const enabler = yield* DmaEnabler.create(this.device, {
      profile: this.drawn.profile as DmaProfile,
      maximumLengthBytes: 8192,
      wdmDmaVersionOverride: this.drawn.isVersion3 ? 3 : 0,
    });
    if (!enabler.ok) throw new Error('no enabler');
    this.#enabler = enabler.object;
    for (const direction of [DmaDirection.ReadFromDevice, DmaDirection.WriteToDevice])
      if (this.#enabler.kind === 'system' && (direction === DmaDirection.ReadFromDevice || this.drawn.profile === 'SystemDuplex'))
        this.#enabler.configureSystemProfile(
          { deviceAddress: 0, dmaWidthBits: 32, dmaDescriptor: { channel: 0, requestLine: 0 } },
          direction,
        );
    for (let i = 0; i < 2; i++) {
      const created = yield* DmaTransaction.create(this.#enabler);
      if (created.ok) this.#transactions = [...this.#transactions, created.object];
    }
    for (const call of this.drawn.calls) {
      if (this.drawn.isCareful && !this.#isLegal(call)) continue;
      yield* this.#call(call);
      this.#check();
    }
    yield* this.#cleanUp();
  }

  #isLegal([operation, which]: Call): boolean {
    const { stateName, lengthInFlightBytes } = this.#transactions[which]!;
    const completes = operation === 'completed' || operation === 'withLength' || operation === 'final';
    return LEGAL[operation].includes(stateName) && !(completes && lengthInFlightBytes === 0);
  }

  *#call([operation, which, argument]: Call): Suspending<void> {
    const transaction = this.#transactions[which]!;
    const before = transaction.bytesTransferred;
    const current = transaction.lengthInFlightBytes;
    switch (operation) {
      case 'initialize':
        yield* transaction.initializeUsingRequest(this.requests[which]!, () => true, DmaDirection.ReadFromDevice);
        return;
      case 'execute':
        yield* transaction.execute();
        return;
      case 'completed':
        yield* transaction.dmaCompleted();
        expect(transaction.bytesTransferred).to.equal(before + current);
        return;
      case 'withLength':
        yield* transaction.dmaCompletedWithLength(argument);
        expect(transaction.bytesTransferred).to.equal(before + (argument > current ? 0 : argument));
        return;
      case 'final':
        yield* transaction.dmaCompletedFinal(argument);
        expect(transaction.bytesTransferred).to.equal(before + (argument > current ? 0 : argument));
        return;
      case 'release':
        yield* transaction.release();
        return;
      default:
        yield* transaction.cancel();
    }
  }

  #check(): void {
    const { pool, adapters } = this.platform;
    const held = adapters.reduce((sum, adapter) => sum + adapter.outstanding().mapRegisters, 0);
    expect(pool.free + held, 'free and held map registers').to.equal(POOL);
    for (const transaction of this.#transactions) {
      expect(Object.keys(TransactionState)).to.include(transaction.stateName);
      expect(transaction.bytesTransferred).to.be.within(0, LENGTH_BYTES);
    }
    for (const { dmaReferences } of this.requests) expect(dmaReferences).to.be.within(0, 1);
  }

  /** What a driver does at the end, from whatever state it is in. */
  *#cleanUp(): Suspending<void> {
    for (const transaction of [...this.#transactions].reverse()) {
      const isWaiting = transaction.stateName === 'Transfer' && this.drawn.isVersion3 && (yield* transaction.cancel());
      if (!isWaiting && transaction.stateName === 'Transfer') yield* transaction.dmaCompletedFinal(0);
      this.#transactions = this.#transactions.filter((each) => each !== transaction);
      yield* transaction.delete();
      this.#check();
    }
    yield* this.#enabler.delete();
  }
}

describe('random calls, legal and illegal, over memory and a translation table', function () {
  this.timeout(60_000);

  it('conserve map registers and references, and can be cleaned up: nothing is left', () => {
    const profiles = Object.keys(DMA_PROFILES);
    const call = fc.tuple(fc.constantFrom(...OPERATIONS), fc.nat(1), fc.integer({ min: 0, max: 9000 }));
    const drawn = fc.record({
      isCareful: fc.boolean(),
      profile: fc.constantFrom(...profiles),
      isVersion3: fc.boolean(),
      addressing: fc.constantFrom<Addressing>('direct', 'bounce', 'iommu'),
      calls: fc.array(call, { maxLength: 40 }),
    });
    let ends = 0;
    fc.assert(
      fc.property(drawn, (each) => {
        const bench = new Bench(each);
        if (!bench.run()) return;
        ends++;
        const { pool, queue } = bench.platform;
        expect([pool.free, queue.waiting, bench.rig.view.iommu.openPages()]).to.deep.equal([POOL, 0, 0]);
        expect(bench.requests.map(({ dmaReferences }) => dmaReferences)).to.deep.equal([0, 0]);
      }),
      { seed: 20261122, numRuns: NUM_RUNS },
    );
    expect(ends, 'runs that no bug check ended').to.be.greaterThan(NUM_RUNS / 4);
  });
});
