import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { SeededRandom, type Suspending } from '../../src/kernel/index.js';
import { FrameAllocator } from '../../src/memory/index.js';
import { HalPlatform, Mdl, type Addressing, type DmaDomain } from '../../src/hal/index.js';
import { plx9656 } from '../../src/hardware/index.js';
import { BugCheck, NT_SUCCESS } from '../../src/nt/index.js';
import { TestDevice, TestRequest } from '../../src/conformance/test-machine.js';
import { DMA_PROFILES, DmaDirection, DmaEnabler, type DmaProfile } from '../../src/wdf/dma-enabler.js';
import { TransactionState } from '../../src/wdf/dma-transaction-state.js';
import { DmaTransaction } from '../../src/wdf/dma-transaction.js';
import { Rig } from '../hardware/rig.js';
import { newHalKernel } from './support.js';

/** DMALAB_PROPERTY_RUNS asks for more than the few a test run has time for. */
const NUM_RUNS = Number(process.env['DMALAB_PROPERTY_RUNS'] ?? 250);
const POOL = 6;
const LENGTH_BYTES = 12_000;
const OPERATIONS = [
  ...(['initialize', 'initialize', 'execute', 'execute', 'completed', 'completed', 'withLength', 'final'] as const),
  ...(['release', 'cancel', 'reserve', 'freeResources', 'stop'] as const),
];
type Call = readonly [operation: (typeof OPERATIONS)[number], which: number, argument: number];

/** States in which a driver that knows the rules makes the call. */
const LEGAL: Readonly<Record<Call[0], readonly string[]>> = {
  initialize: ['Created', 'Released'],
  execute: ['Initialized'],
  completed: ['Transfer'],
  withLength: ['Transfer'],
  final: ['Transfer'],
  release: ['Initialized', 'TransferCompleted', 'TransferFailed'],
  cancel: ['Transfer', 'Reserved'],
  reserve: ['Created', 'Released'],
  freeResources: ['Reserved', 'Initialized', 'TransferCompleted', 'TransferFailed', 'Released'],
  stop: ['Transfer'],
};

/** Misuse after which the framework itself leaks registers or miscounts request references, and the lab says so. */
const LEAKING_RULES = ['D63', 'L-REQUEST-REFERENCE'];

/** What the driver remembers of a transaction. */
interface Memo {
  /** Map registers are reserved, or a request for them waits. */
  isReserved: boolean;
  /** A waiting reservation was withdrawn: its count stays behind, and the transaction is good for nothing (surprises 4). */
  isSpoiled: boolean;
  isStopped: boolean;
  /** EvtProgramDma has been called for a transfer that was not completed yet. */
  isPresented: boolean;
  /** Sum of its completed transfers since Initialize. */
  bytes: number;
  direction: DmaDirection;
}

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

/** Two transactions of one enabler over memory and the translation table of a device, each with a read and a write of its own. */
class Bench {
  readonly kernel = newHalKernel();
  readonly rig = new Rig(plx9656, { ramFrames: 64, windowSlots: 32 });
  readonly platform: HalPlatform;
  readonly device: IommuDevice;
  readonly requests: readonly TestRequest[];
  readonly made = new Set<string>();
  #enabler!: DmaEnabler;
  #transactions: readonly DmaTransaction[] = [];
  readonly #memos: readonly Memo[] = [0, 1].map(() => ({
    isReserved: false,
    isSpoiled: false,
    isStopped: false,
    isPresented: false,
    bytes: 0,
    direction: DmaDirection.ReadFromDevice,
  }));

  constructor(private readonly drawn: Drawn) {
    const frames = new FrameAllocator(this.rig.firstRamFrame, 64, 8, new SeededRandom(3));
    const { memory } = this.rig;
    this.platform = new HalPlatform(this.kernel, { mapRegisters: POOL, addressing: drawn.addressing, memory, frames });
    this.device = new IommuDevice(this.rig, this.platform);
    this.requests = [0, 1, 2, 3].map((index) => {
      const mdl = new Mdl(
        Int32Array.from({ length: 4 }, () => frames.allocate()),
        100,
        LENGTH_BYTES,
      );
      return new TestRequest(`r${index}`, { type: index % 2 === 0 ? 'Read' : 'Write', length: LENGTH_BYTES }, mdl);
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
      this.made.add(call[0]);
      yield* this.#call(call);
      this.#check();
    }
    yield* this.#cleanUp();
  }

  #isLegal([operation, which, argument]: Call): boolean {
    const { stateName } = this.#transactions[which]!;
    const memo = this.#memos[which]!;
    if (memo.isSpoiled || !LEGAL[operation].includes(stateName)) return false;
    switch (operation) {
      case 'completed':
      case 'withLength':
      case 'final':
        return memo.isPresented;
      case 'initialize':
        // What is reserved for one direction is used in it; a reservation that waits is waited for.
        return !this.#isWaiting(which) && (!memo.isReserved || memo.direction === directionOf(argument));
      case 'reserve':
        return this.#canReserve && !memo.isReserved;
      case 'freeResources':
        return this.#canReserve && memo.isReserved && !this.#isWaiting(which);
      case 'release':
        return !this.#isWaiting(which);
      case 'cancel':
        return stateName === 'Transfer' || this.#isWaiting(which);
      case 'stop':
        return this.#enabler.kind === 'system' && !memo.isStopped;
      default:
        return true;
    }
  }

  get #canReserve(): boolean {
    return this.#enabler.usesDmaV3 && this.#enabler.kind !== 'scatter-gather';
  }

  #isWaiting(which: number): boolean {
    const { transferContext } = this.#transactions[which]!;
    const isIn = (direction: DmaDirection): boolean => this.#enabler.wdmGetDmaAdapter(direction)?.isWaiting(transferContext!) === true;
    return transferContext !== null && (isIn(DmaDirection.ReadFromDevice) || isIn(DmaDirection.WriteToDevice));
  }

  *#call([operation, which, argument]: Call): Suspending<void> {
    const transaction = this.#transactions[which]!;
    const memo = this.#memos[which]!;
    switch (operation) {
      case 'initialize': {
        memo.isStopped = false;
        const request = this.requests[2 * which + (argument % 2)]!;
        const present = (): boolean => (memo.isPresented = true);
        if (NT_SUCCESS(yield* transaction.initializeUsingRequest(request, present, directionOf(argument)))) memo.bytes = 0;
        return;
      }
      case 'execute':
        yield* transaction.execute();
        return;
      case 'completed':
      case 'withLength':
      case 'final':
        memo.isPresented = false;
        yield* this.#complete(which, operation, argument);
        return;
      case 'release':
        yield* transaction.release();
        return;
      case 'reserve': {
        memo.direction = directionOf(argument);
        const status = yield* transaction.allocateResources(memo.direction, 1 + (argument % 3), () => undefined);
        memo.isReserved = NT_SUCCESS(status);
        return;
      }
      case 'freeResources':
        yield* transaction.freeResources();
        memo.isReserved = false;
        return;
      case 'stop':
        memo.isStopped = true;
        yield* transaction.stopSystemTransfer();
        return;
      default: {
        const { stateName } = transaction;
        if ((yield* transaction.cancel()) && stateName === 'Reserved') memo.isSpoiled = true;
      }
    }
  }

  /** Bytes are the sum of the transfers, whatever comes of the transaction. */
  *#complete(which: number, operation: 'completed' | 'withLength' | 'final', argument: number): Suspending<void> {
    const transaction = this.#transactions[which]!;
    const current = transaction.lengthInFlightBytes;
    // More than is in flight would end the transaction without a flush.
    const moved = this.drawn.isCareful ? argument % (current + 1) : argument;
    if (operation === 'completed') yield* transaction.dmaCompleted();
    else if (operation === 'withLength') yield* transaction.dmaCompletedWithLength(moved);
    else yield* transaction.dmaCompletedFinal(moved);
    const memo = this.#memos[which]!;
    memo.bytes += operation === 'completed' ? current : moved > current ? 0 : moved;
    expect(transaction.bytesTransferred).to.equal(memo.bytes);
  }

  /** The driver did what makes the framework leak: nothing can be said of what is left. */
  get hasLeaked(): boolean {
    return LEAKING_RULES.some((rule) => this.kernel.findings.byRule.has(rule));
  }

  #check(): void {
    const { pool, adapters } = this.platform;
    const held = adapters.reduce((sum, adapter) => sum + adapter.outstanding().mapRegisters, 0);
    expect(pool.free + held, 'free and held map registers').to.equal(POOL);
    for (const transaction of this.#transactions) {
      expect(Object.keys(TransactionState)).to.include(transaction.stateName);
      expect(transaction.bytesTransferred).to.be.within(0, LENGTH_BYTES);
    }
    if (!this.hasLeaked) for (const { dmaReferences } of this.requests) expect(dmaReferences).to.be.within(0, 1);
  }

  /** What a driver does at the end, from whatever state it is in. */
  *#cleanUp(): Suspending<void> {
    for (const transaction of [...this.#transactions].reverse()) {
      const which = this.#transactions.indexOf(transaction);
      if (this.#isWaiting(which) && transaction.stateName !== 'Released' && transaction.stateName !== 'Created')
        yield* transaction.cancel();
      if (transaction.stateName === 'Transfer') yield* transaction.dmaCompletedFinal(0);
      this.#transactions = this.#transactions.filter((each) => each !== transaction);
      yield* transaction.delete();
      this.#check();
    }
    yield* this.#enabler.delete();
  }
}

function directionOf(argument: number): DmaDirection {
  return argument % 2 === 0 ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
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
      calls: fc.array(call, { minLength: 10, maxLength: 60 }),
    });
    let ends = 0;
    const made = new Set<string>();
    fc.assert(
      fc.property(drawn, (each) => {
        const bench = new Bench(each);
        if (!bench.run() || bench.hasLeaked) {
          expect(each.isCareful, `a careful driver came to ${[...bench.kernel.findings.byRule.keys()].join(', ')}`).to.equal(false);
          return;
        }
        ends++;
        if (each.isCareful) for (const operation of bench.made) made.add(operation);
        const { pool, queue } = bench.platform;
        expect([pool.free, queue.waiting, bench.rig.view.iommu.openPages()]).to.deep.equal([POOL, 0, 0]);
        expect(bench.requests.map(({ dmaReferences }) => dmaReferences)).to.deep.equal([0, 0, 0, 0]);
      }),
      { seed: 20261122, numRuns: NUM_RUNS },
    );
    expect(ends, 'runs that no bug check ended').to.be.greaterThan(NUM_RUNS / 4);
    expect([...made].sort(), 'calls that careful drivers made').to.deep.equal([...new Set<string>(OPERATIONS)].sort());
  });
});
