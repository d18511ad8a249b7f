import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { HalPlatform, Mdl } from '../../src/hal/index.js';
import { TestDevice, TestRequest } from '../../src/conformance/test-machine.js';
import { NT_SUCCESS, STATUS_CANCELLED, STATUS_SUCCESS, statusName, type NtStatus } from '../../src/nt/index.js';
import { DmaDirection, DmaEnabler, type DmaProfile } from '../../src/wdf/dma-enabler.js';
import { DmaTransaction } from '../../src/wdf/dma-transaction.js';
import { newHalKernel } from '../hal/support.js';

/*
 * Window C of transaction-state-machine section 8 in its early part: Execute has been entered and has not asked for map
 * registers when WdfDmaTransactionCancel comes on another processor. A HAL may mark the allocation that is about to be
 * made, which then fails: Cancel answers TRUE and Execute CANCELLED. Two parties hold the request, the I/O path and the
 * canceller; the last one completes it.
 */

const READ = DmaDirection.ReadFromDevice;
const PAGES = 2;

interface Outcome {
  readonly cancelled: boolean;
  readonly executed: string;
  /** Each completion of the request: who, and with what. */
  readonly completions: readonly string[];
  readonly programs: number;
  readonly states: readonly string[];
  readonly references: number;
  readonly rules: readonly string[];
  readonly messages: readonly string[];
}

class EarlyCancel {
  readonly kernel = newHalKernel(2, { at: () => true });
  readonly platform: HalPlatform;
  readonly request: TestRequest;
  readonly #device: TestDevice;
  #transaction!: DmaTransaction;
  #parties = 2;
  #status: NtStatus = STATUS_SUCCESS;
  #cancelled = false;
  #executed = '';
  #programs = 0;
  readonly #completions: string[] = [];
  readonly #states: string[] = [];

  constructor(
    private readonly profile: DmaProfile,
    preCancel: boolean,
  ) {
    this.platform = new HalPlatform(this.kernel, { mapRegisters: 8, dmaVerification: false, policy: { preCancel } });
    this.#device = new TestDevice(this.kernel, this.platform);
    const frames = Int32Array.from({ length: PAGES }, (_, i) => 10 + i);
    this.request = new TestRequest('r', { type: 'Read', length: PAGES * 4096 }, new Mdl(frames, 0, PAGES * 4096));
  }

  play(): Outcome {
    const [io, other] = [this.kernel.vcpus[0]!, this.kernel.vcpus[1]!];
    io.queueThread('I/O path', io.objectId, this.#ioPath());
    while (io.isEnabled() && !this.#isEarly) io.advance();
    expect(this.#isEarly, 'it stands inside Execute, before it asks').to.equal(true);
    other.queueThread('canceller', other.objectId, this.#canceller());
    while (other.isEnabled()) other.advance();
    while (io.isEnabled()) io.advance();
    const { findings } = this.kernel;
    expect([this.platform.pool.free, this.platform.queue.waiting]).to.deep.equal([this.platform.pool.total, 0]);
    return {
      cancelled: this.#cancelled,
      executed: this.#executed,
      completions: this.#completions,
      programs: this.#programs,
      states: this.#states,
      references: this.request.dmaReferences,
      rules: findings.kept.map(({ rule }) => rule),
      messages: findings.kept.map(({ message }) => message),
    };
  }

  get #isEarly(): boolean {
    return this.#transaction?.stateName === 'Transfer' && this.#transaction.wdmTransferContext?.isStarting === true;
  }

  *#ioPath(): Suspending<void> {
    const enabler = yield* DmaEnabler.create(this.#device, { profile: this.profile, maximumLengthBytes: 8192, wdmDmaVersionOverride: 3 });
    if (!enabler.ok) throw new Error(statusName(enabler.status));
    if (enabler.object.kind === 'system')
      enabler.object.configureSystemProfile({ deviceAddress: 0, dmaWidthBits: 32, dmaDescriptor: { channel: 0, requestLine: 0 } }, READ);
    const created = yield* DmaTransaction.create(enabler.object);
    if (!created.ok) throw new Error(statusName(created.status));
    const transaction = (this.#transaction = created.object);
    yield* transaction.initializeUsingRequest(this.request, () => this.#program(), READ);
    const status = yield* transaction.execute();
    this.#executed = statusName(status);
    this.#states.push(transaction.stateName);
    // It ran: the rest of the I/O path, once the hardware is through.
    if (NT_SUCCESS(status)) yield* transaction.dmaCompletedFinal(0);
    else this.#status = status;
    yield* transaction.release();
    this.#states.push(transaction.stateName);
    this.#dropPart('I/O path');
    yield* transaction.delete();
    yield* enabler.object.delete();
  }

  *#canceller(): Suspending<void> {
    this.#cancelled = yield* this.#transaction.cancel();
    this.#states.push(this.#transaction.stateName);
    this.#status = STATUS_CANCELLED;
    this.#dropPart('canceller');
  }

  #program(): boolean {
    this.#programs++;
    return true;
  }

  #dropPart(who: string): void {
    if (--this.#parties === 0) this.#completions.push(`${who}: ${statusName(this.#status)}`);
  }
}

describe('a cancellation inside Execute, before map registers are asked for', () => {
  for (const profile of ['Packet', 'ScatterGather', 'System'] as const) {
    it(`makes Execute fail where the HAL marks the allocation; the framework drops its request reference twice (${profile})`, () => {
      const { rules, messages, ...outcome } = new EarlyCancel(profile, true).play();
      expect(outcome).to.deep.equal({
        cancelled: true,
        executed: 'STATUS_CANCELLED',
        completions: ['I/O path: STATUS_CANCELLED'],
        programs: 0,
        states: ['TransferFailed', 'TransferFailed', 'Released'],
        references: -1,
      });
      expect(rules).to.deep.equal(['L-REQUEST-REFERENCE']);
      expect(messages[0]).to.contain('WdfDmaTransactionCancel came before WdfDmaTransactionExecute had asked for map registers');
    });

    it(`changes nothing where it does not: Execute goes on, and nothing is found (${profile})`, () => {
      expect(new EarlyCancel(profile, false).play()).to.deep.equal({
        cancelled: false,
        executed: 'STATUS_SUCCESS',
        completions: ['I/O path: STATUS_CANCELLED'],
        programs: 1,
        states: ['Transfer', 'Transfer', 'Released'],
        references: 0,
        rules: [],
        messages: [],
      });
    });
  }
});
