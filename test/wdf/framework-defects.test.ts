import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Kernel, Suspending } from '../../src/kernel/index.js';
import { DmaCompletionStatus, HalPlatform, Mdl } from '../../src/hal/index.js';
import { TestDevice, TestRequest } from '../../src/conformance/test-machine.js';
import { BugCheck, statusName, type NtStatus } from '../../src/nt/index.js';
import { DmaDirection, DmaEnabler, type DmaEnablerConfig } from '../../src/wdf/dma-enabler.js';
import { DmaTransaction, type EvtProgramDma } from '../../src/wdf/dma-transaction.js';
import { newHalKernel } from '../hal/support.js';

/*
 * Where KMDF differs from its documentation or is defective, one test an item: what the framework does (the reference
 * vectors hold most of it), and the finding that names it when a driver walks into it.
 */

interface Bench {
  readonly kernel: Kernel;
  readonly platform: HalPlatform;
  readonly device: TestDevice;
  readonly enabler: DmaEnabler;
  /** A second transaction, which can be in the way. */
  readonly other: DmaTransaction;
}

interface Outcome {
  readonly rules: readonly string[];
  readonly message: string;
  readonly answers: readonly unknown[];
}

const WRITE = DmaDirection.WriteToDevice;
const { ReadFromDevice: READ } = DmaDirection;

interface Options extends Partial<DmaEnablerConfig> {
  readonly mapRegisters?: number;
  /** Directions of a system profile. */
  readonly directions?: readonly number[];
  /** Default false, as during conformance. */
  readonly verifiesDma?: boolean;
}

type Body = (transaction: DmaTransaction, answers: unknown[], bench: Bench) => Suspending<void>;

function* create<T>(creating: Suspending<{ ok: true; object: T } | { ok: false; status: NtStatus }>): Suspending<T> {
  const created = yield* creating;
  if (!created.ok) throw new Error(statusName(created.status));
  return created.object;
}

/** Runs what a driver does with a fresh transaction, to its end or its bug check. */
function drive(options: Options, body: Body): Outcome {
  const { mapRegisters = 64, directions = [READ], verifiesDma = false, ...config } = options;
  const kernel = newHalKernel();
  const platform = new HalPlatform(kernel, { mapRegisters, dmaVerification: verifiesDma });
  const device = new TestDevice(kernel, platform);
  const answers: unknown[] = [];
  function* all(): Suspending<void> {
    const enabler = yield* create(
      DmaEnabler.create(device, { profile: 'Packet', maximumLengthBytes: 8192, wdmDmaVersionOverride: 3, ...config }),
    );
    if (enabler.kind === 'system')
      for (const direction of directions)
        enabler.configureSystemProfile({ deviceAddress: 0, dmaWidthBits: 32, dmaDescriptor: { channel: 0, requestLine: 0 } }, direction);
    const transaction = yield* create(DmaTransaction.create(enabler));
    const other = yield* create(DmaTransaction.create(enabler));
    yield* body(transaction, answers, { kernel, platform, device, enabler, other });
  }
  try {
    kernel.runStraight('driver', all());
  } catch (error) {
    if (!(error instanceof BugCheck)) throw error;
  }
  const { kept } = kernel.findings;
  return { rules: kept.map(({ rule }) => rule), message: kept.at(-1)?.message ?? '', answers };
}

const buffer = (lengthBytes: number, byteOffset = 0): Mdl =>
  new Mdl(
    Int32Array.from({ length: Math.ceil((byteOffset + lengthBytes) / 4096) }, (_, i) => 10 + 2 * i),
    byteOffset,
    lengthBytes,
  );
const nothing: EvtProgramDma = () => true;

function* start(transaction: DmaTransaction, mdl = buffer(8192), program = nothing, direction: number = WRITE): Suspending<string> {
  const status = yield* transaction.initialize(program, direction, mdl, mdl.virtualAddress, mdl.byteCount);
  return statusName(status >= 0 ? yield* transaction.execute() : status);
}

describe('where KMDF differs from its documentation, or is defective', () => {
  it('1: Release leaves the system callbacks set; executing with them is L-FRAMEWORK-DEFECT', () => {
    const { rules, message, answers } = drive({ profile: 'System' }, function* (transaction, calls, { enabler }) {
      transaction.setTransferCompleteCallback(() => void calls.push('EvtDmaTransferComplete'));
      yield* start(transaction, undefined, undefined, READ);
      yield* transaction.dmaCompletedFinal(0);
      yield* transaction.release();
      yield* start(transaction, undefined, undefined, READ);
      yield* enabler.wdmGetDmaAdapter(READ)!.completeSystemTransfer(transaction.wdmTransferContext!, DmaCompletionStatus.DmaComplete);
    });
    expect(answers).to.deep.equal(['EvtDmaTransferComplete']);
    expect([rules, message]).to.deep.include(['L-FRAMEWORK-DEFECT']);
    expect(message).to.contain('surprises 1');
  });

  it('2: Execute without Initialize is bug check B10; a second Release answers SUCCESS and is L-FRAMEWORK-DEFECT', () => {
    const executed = drive({}, function* (transaction) {
      yield* transaction.execute();
    });
    expect(executed.rules).to.deep.equal(['B10']);
    const released = drive({}, function* (transaction, answers) {
      answers.push(yield* transaction.release(), yield* transaction.release());
    });
    expect(released.answers).to.deep.equal([0, 0]);
    expect(released.rules).to.deep.equal(['L-FRAMEWORK-DEFECT']);
  });

  it('2: releasing after a failed Initialize, which has released already, is no second Release', () => {
    const { rules, answers } = drive({}, function* (transaction, results) {
      transaction.setSingleTransferRequirement(true);
      results.push(yield* start(transaction, buffer(16384)));
      yield* transaction.release();
      // From Released, where the failure does not change the state.
      transaction.setSingleTransferRequirement(true);
      results.push(yield* start(transaction, buffer(16384)));
      yield* transaction.release();
      transaction.setSingleTransferRequirement(false);
      yield* start(transaction);
      yield* transaction.dmaCompletedFinal(0);
      yield* transaction.release();
    });
    expect(answers).to.deep.equal(['STATUS_WDF_TOO_MANY_TRANSFERS', 'STATUS_WDF_TOO_MANY_TRANSFERS']);
    expect(rules).to.deep.equal([]);
  });

  it('3: Cancel, SetMaximumLength and StopSystemTransfer follow a NULL adapter: D62 and C05', () => {
    const cancelled = drive({ profile: 'ScatterGather' }, function* (transaction) {
      yield* start(transaction);
      yield* transaction.dmaCompletedFinal(0);
      yield* transaction.cancel();
    });
    expect(cancelled.rules).to.deep.equal(['D62']);
    const limited = drive({}, function* (transaction) {
      transaction.setMaximumLength(100);
    });
    expect(limited.rules).to.deep.equal(['C05']);
    const stopped = drive({ profile: 'System' }, function* (transaction) {
      yield* transaction.stopSystemTransfer();
    });
    expect(stopped.rules).to.deep.equal(['D62']);
  });

  /** `other` waits for a reservation that is then withdrawn. */
  function* withdrawnReservation(transaction: DmaTransaction, other: DmaTransaction): Suspending<void> {
    yield* transaction.allocateResources(WRITE, 2, () => undefined);
    yield* other.allocateResources(WRITE, 2, () => undefined);
    expect(yield* other.cancel()).to.equal(true);
    yield* other.release();
  }

  it('4: a withdrawn reservation keeps its count: another one is B14, executing uses registers never granted, A30', () => {
    const again = drive({ mapRegisters: 3 }, function* (transaction, _answers, { other }) {
      yield* withdrawnReservation(transaction, other);
      yield* other.allocateResources(WRITE, 2, () => undefined);
    });
    expect(again.rules).to.deep.equal(['B14']);
    expect(again.message).to.contain('surprises 4');
    const executed = drive({ mapRegisters: 3 }, function* (transaction, _answers, { other }) {
      yield* withdrawnReservation(transaction, other);
      yield* start(other);
    });
    expect(executed.rules).to.deep.equal(['A30']);
    expect(executed.message).to.contain('surprises 4');
  });

  it('5: FreeResources leaves a waiting reservation in the queue, and its registers are lost: D63', () => {
    const { rules, message, answers } = drive({ mapRegisters: 3 }, function* (transaction, results, { other, platform }) {
      yield* transaction.allocateResources(WRITE, 2, () => undefined);
      yield* other.allocateResources(WRITE, 2, () => undefined);
      yield* other.freeResources();
      yield* transaction.freeResources();
      results.push(other.stateName, platform.pool.free);
    });
    expect([rules, answers]).to.deep.equal([['D63'], ['Released', 1]]);
    expect(message).to.contain('surprises 5');
  });

  it('6: a refused reservation drops a request reference that was never taken: L-REQUEST-REFERENCE', () => {
    const { rules, message, answers } = drive({ mapRegisters: 3 }, function* (transaction, results, { other }) {
      const request = new TestRequest('r', { type: 'Write', length: 8192 }, buffer(8192));
      yield* transaction.allocateResources(WRITE, 2, () => undefined);
      yield* other.initializeUsingRequest(request, nothing, WRITE);
      other.setImmediateExecution(true);
      yield* other.allocateResources(WRITE, 2, () => undefined);
      results.push(other.stateName, request.dmaReferences);
    });
    expect([rules, answers]).to.deep.equal([['L-REQUEST-REFERENCE'], ['TransferFailed', -1]]);
    expect(message).to.contain('surprises 6');
  });

  it('7: a reservation forgets the buffer: executing at once is B10, which says so; count 0 needs a buffer, B13', () => {
    const executed = drive({}, function* (transaction) {
      const mdl = buffer(8192);
      yield* transaction.initialize(nothing, WRITE, mdl, mdl.virtualAddress, 8192);
      yield* transaction.allocateResources(WRITE, 2, () => undefined);
      yield* transaction.execute();
    });
    expect(executed.rules).to.deep.equal(['B10']);
    expect(executed.message).to.contain('surprises 7');
    const derived = drive({}, function* (transaction) {
      yield* transaction.allocateResources(WRITE, 0, () => undefined);
    });
    expect(derived.rules).to.deep.equal(['B13']);
  });

  it('8: scatter/gather refuses reservations with INVALID_DEVICE_REQUEST and frees nothing: C03 twice', () => {
    const { rules, answers } = drive({ profile: 'ScatterGather' }, function* (transaction, results) {
      results.push(statusName(yield* transaction.allocateResources(WRITE, 2, () => undefined)));
      yield* transaction.freeResources();
    });
    expect([rules, answers]).to.deep.equal([['C03', 'C03'], ['STATUS_INVALID_DEVICE_REQUEST']]);
  });

  for (const [profile, also] of [
    ['Packet', ['A30']],
    ['ScatterGather', []],
  ] as const) {
    it(`9: completing while it waits for registers is not detected (${profile}): L-NOT-PRESENTED`, () => {
      const { rules } = drive({ profile, mapRegisters: 3 }, function* (transaction, _answers, { other }) {
        yield* start(transaction);
        yield* start(other);
        yield* other.dmaCompleted();
      });
      expect(rules).to.deep.equal(['L-NOT-PRESENTED', ...also]);
    });
  }

  it('9: nor is completing twice before the deferred restaging, which counts the bytes twice: L-NOT-PRESENTED', () => {
    const { rules, message, answers } = drive({ maximumLengthBytes: 4096 }, function* (transaction, results) {
      let isFirst = true;
      yield* start(transaction, buffer(16384), function* (self): Suspending<boolean> {
        if (isFirst) {
          isFirst = false;
          yield* self.dmaCompleted();
          yield* self.dmaCompleted();
        }
        return true;
      });
      results.push(transaction.bytesTransferred);
    });
    expect([rules, answers]).to.deep.equal([['L-NOT-PRESENTED'], [8192]]);
    expect(message).to.contain('surprises 9');
  });

  it('10: packet does not check the length against the chain: the mapping is A34', () => {
    const { rules } = drive({ verifiesDma: true }, function* (transaction) {
      const mdl = buffer(4096);
      yield* transaction.initialize(nothing, WRITE, mdl, mdl.virtualAddress, 5000);
      yield* transaction.execute();
    });
    expect(rules).to.deep.equal(['A34']);
  });

  it('10: scatter/gather misses an overrun of less than a page: A34', () => {
    const { rules } = drive({ profile: 'ScatterGather', verifiesDma: true }, function* (transaction) {
      const mdl = buffer(4096);
      yield* transaction.initialize(nothing, WRITE, mdl, mdl.virtualAddress, 4100);
      yield* transaction.execute();
    });
    expect(rules).to.deep.equal(['A34']);
  });

  it('11: an early end of a single transfer answers WDF_TOO_MANY_TRANSFERS; a driver that knows is right, so nothing is found', () => {
    const { rules, answers } = drive({ profile: 'ScatterGather' }, function* (transaction, results) {
      transaction.setSingleTransferRequirement(true);
      yield* start(transaction);
      results.push(statusName(yield* transaction.dmaCompletedFinal(100)));
    });
    expect([rules, answers]).to.deep.equal([[], ['STATUS_WDF_TOO_MANY_TRANSFERS']]);
  });

  it("12: a transfer of reserved registers at an MDL's start is sized with the page offset of the one before: L-FRAMEWORK-DEFECT", () => {
    const { rules, message } = drive({ maximumLengthBytes: 65536 }, function* (transaction) {
      const first = buffer(8192 - 3000, 3000);
      first.next = buffer(12288, 1000);
      yield* transaction.allocateResources(WRITE, 2, () => undefined);
      yield* transaction.initialize(nothing, WRITE, first, first.virtualAddress, first.byteCount + 12288);
      yield* transaction.execute();
      // Two contiguous runs, then exactly the end of the first MDL.
      while (transaction.bytesTransferred < first.byteCount) yield* transaction.dmaCompleted();
    });
    expect(rules).to.deep.equal(['L-FRAMEWORK-DEFECT']);
    expect(message).to.contain('sizes it to 8192 bytes for 2 reserved map registers, which carry 7192');
  });

  it('13: SetMaximumLength raises the limit again in mid-transaction: L-FRAMEWORK-DEFECT', () => {
    const { rules, message, answers } = drive({ profile: 'ScatterGather' }, function* (transaction, results) {
      const mdl = buffer(16384);
      yield* transaction.initialize(nothing, WRITE, mdl, mdl.virtualAddress, 16384);
      transaction.setMaximumLength(1000);
      yield* transaction.execute();
      transaction.setMaximumLength(4000);
      yield* transaction.dmaCompleted();
      results.push(transaction.currentDmaTransferLengthBytes);
    });
    expect([rules, answers]).to.deep.equal([['L-FRAMEWORK-DEFECT'], [4000]]);
    expect(message).to.contain('surprises 13');
  });

  it('14: without an override the version is 2, and what needs 3 is refused: C03', () => {
    const { rules, message } = drive({ wdmDmaVersionOverride: 0 }, function* (transaction) {
      transaction.setImmediateExecution(true);
    });
    expect(rules).to.deep.equal(['C03']);
    expect(message).to.contain('surprises 14');
  });

  it('14: a SystemDuplex enabler with only its write direction configured counts as version 2: C03', () => {
    const { rules, message } = drive({ profile: 'SystemDuplex', directions: [WRITE] }, function* (transaction) {
      transaction.setImmediateExecution(true);
    });
    expect(rules).to.deep.equal(['C03']);
    expect(message).to.contain('read direction is not configured');
  });

  it('15: a buffered read takes the output length of a list of the input length: L-FRAMEWORK-DEFECT', () => {
    const { rules, message } = drive({}, function* (transaction) {
      const request = new TestRequest('r', { type: 'Ioctl', method: 'Buffered', in: 100, out: 5000 }, buffer(100));
      yield* transaction.initializeUsingRequest(request, nothing, READ);
    });
    expect(rules).to.deep.equal(['L-FRAMEWORK-DEFECT']);
    expect(message).to.contain('surprises 15');
  });
});

describe('what a driver must do and the framework does not ask for', () => {
  it('C27: EvtProgramDma returns FALSE and leaves it at that', () => {
    const { rules, answers } = drive({}, function* (transaction, results) {
      yield* start(transaction, buffer(100), () => false);
      results.push(transaction.stateName);
    });
    expect([rules, answers]).to.deep.equal([['C27'], ['Transfer']]);
  });

  it('C27: not when it has ended the transaction before it returns FALSE', () => {
    const { rules } = drive({}, function* (transaction) {
      yield* start(transaction, buffer(100), function* (self): Suspending<boolean> {
        yield* self.dmaCompletedFinal(0);
        return false;
      });
    });
    expect(rules).to.deep.equal([]);
  });

  it('C28: EvtDmaTransactionConfigureDmaChannel refuses without ending the transaction', () => {
    for (const endsIt of [false, true]) {
      const { rules, answers } = drive({ profile: 'System' }, function* (transaction, results) {
        transaction.setChannelConfigurationCallback(function* (self): Suspending<boolean> {
          if (endsIt) yield* self.dmaCompletedFinal(0);
          return false;
        });
        yield* start(transaction, undefined, undefined, READ);
        results.push(transaction.stateName);
      });
      expect([rules, answers]).to.deep.equal(endsIt ? [[], ['TransferCompleted']] : [['C28'], ['Transfer']]);
    }
  });

  it('C29: a transaction whose Execute failed is used again, or dropped with its enabler, without a Release', () => {
    function* refused(transaction: DmaTransaction, other: DmaTransaction): Suspending<void> {
      yield* start(transaction);
      const mdl = buffer(8192);
      yield* other.initialize(nothing, WRITE, mdl, mdl.virtualAddress, 8192);
      other.setImmediateExecution(true);
      expect(statusName(yield* other.execute())).to.equal('STATUS_INSUFFICIENT_RESOURCES');
    }
    const reused = drive({ mapRegisters: 3 }, function* (transaction, _answers, { other }) {
      yield* refused(transaction, other);
      yield* start(other);
    });
    expect(reused.rules).to.deep.equal(['C29', 'B09']);
    const drop = (isReleased: boolean): readonly string[] =>
      drive({ mapRegisters: 3 }, function* (transaction, _answers, { other, enabler }) {
        yield* refused(transaction, other);
        yield* transaction.dmaCompletedFinal(0);
        if (isReleased) yield* other.release();
        yield* enabler.delete();
      }).rules;
    expect([drop(false), drop(true)]).to.deep.equal([['C29'], []]);
  });
});
