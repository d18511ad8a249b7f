import { expect } from 'chai';
import { describe, it } from 'mocha';
import { defineScenario, type Scenario } from '../../src/machine/scenario.js';
import { LoopTransfer } from '../../src/scenarios/samples/systemdma-loop-transfer.js';
import { systemdmaLoop } from '../../src/scenarios/samples/systemdma-loop.js';
import { DmaAdapter } from '../../src/hal/index.js';
import type { Suspending } from '../../src/kernel/index.js';
import { STATUS_NOT_IMPLEMENTED, STATUS_SUCCESS } from '../../src/nt/index.js';
import { DmaSystemTransaction } from '../../src/wdf/dma-transaction-system.js';
import { controlled, onThreads, rulesOf } from '../backends/runs.js';

/** Replaces a method for the time of a test: a driver with a fault of its own. */
async function planted<T extends object, K extends keyof T>(target: T, name: K, fault: T[K], run: () => Promise<void>): Promise<void> {
  const descriptor = Object.getOwnPropertyDescriptor(target, name)!;
  Object.defineProperty(target, name, { ...descriptor, value: fault });
  try {
    await run();
  } finally {
    Object.defineProperty(target, name, descriptor);
  }
}

const codecOnly: Scenario = defineScenario({
  ...systemdmaLoop,
  name: 'codec-only',
  devices: systemdmaLoop.devices.filter(({ name }) => name === 'codec'),
});

describe('systemdma-loop: SystemDuplex both ways, looped and in demand mode', function () {
  this.timeout(60_000);

  for (const addressing of ['direct', 'bounce32', 'iommu'] as const) {
    it(`moves every byte on both backends, memory seen ${addressing}`, async () => {
      for (const run of [controlled, onThreads]) {
        const outcome = await run(systemdmaLoop, { seed: 1, machine: { addressing }, workload: { requests: 80 } });
        expect(outcome.findings).to.deep.equal([]);
        expect([outcome.requests, outcome.bytesVerified]).to.deep.equal([80, outcome.bytes]);
      }
    });
  }

  it('gives each direction an adapter, a request line and a channel of its own', async () => {
    const { backend } = await controlled(systemdmaLoop, { seed: 1, workload: { requests: 8 } });
    const lines = backend.machine.platform.everyAdapter.map(({ owner, description }) => [
      owner,
      description.dmaRequestLine,
      description.dmaChannel,
      description.deviceAddress,
      description.autoInitialize,
      description.demandMode,
    ]);
    expect(lines).to.deep.equal([
      ['codec', 0, 0, 0x10, true, false],
      ['codec', 1, 1, 0x50, true, false],
      ['modem', 2, 2, 0x10, false, true],
      ['modem', 3, 0, 0x50, false, true],
    ]);
  });

  it('shares one channel as well as four', async () => {
    for (const dmaChannels of [1, 4]) {
      const outcome = await controlled(systemdmaLoop, { seed: 2, machine: { dmaChannels }, workload: { requests: 60 } });
      expect([outcome.findings, outcome.requests]).to.deep.equal([[], 60]);
    }
  });

  it('survives cancellation, D3 and back, and being pulled out, in many orders', async () => {
    const report = await onThreads(
      systemdmaLoop,
      { seed: 3, workload: { requests: 400, cancelPerMillion: 400_000, powerCyclesPerMillion: 20_000 } },
      { preempt: { numerator: 1, denominator: 8 } },
    );
    expect(report.findings).to.deep.equal([]);
    expect([report.requests, report.cancels.won > 20, report.powerCycles > 0]).to.deep.equal([400, true, true]);
    for (let seed = 1; seed <= 40; seed++) {
      const outcome = await controlled(systemdmaLoop, {
        seed,
        workload: { requests: 8, outstanding: 3, cancelPerMillion: 400_000, powerCyclesPerMillion: 200_000, unplugPerMillion: 100_000 },
      });
      expect(rulesOf(outcome), `seed ${seed}`).to.deep.equal([]);
    }
  });

  it('a loop that is stopped before it has gone round once leaves old bytes: L-DATA', async () => {
    const verdict = (): number => STATUS_SUCCESS;
    const movedBytes = function (this: LoopTransfer): number {
      return this.transaction.currentDmaTransferLengthBytes;
    };
    const prototype = LoopTransfer.prototype as unknown as { verdict: typeof verdict; movedBytes: typeof movedBytes };
    await planted(prototype, 'verdict', verdict, () =>
      planted(prototype, 'movedBytes', movedBytes, async () => {
        const outcome = await controlled(codecOnly, { seed: 1, workload: { requests: 40, minBytes: 4096 } });
        expect(rulesOf(outcome)).to.deep.equal(['L-DATA']);
      }),
    );
  });

  it('without SetDeviceAddressOffset the data goes to the first bank: L-DATA', async () => {
    const nothing = function (): void {};
    await planted(DmaSystemTransaction.prototype, 'setDeviceAddressOffset', nothing, async () => {
      const outcome = await controlled(systemdmaLoop, { seed: 1, workload: { requests: 40 } });
      expect(rulesOf(outcome)).to.deep.equal(['L-DATA']);
    });
  });
});

describe('a channel that EvtDmaTransactionConfigureDmaChannel refuses', function () {
  this.timeout(30_000);

  it('is not mapped and EvtProgramDma is not called: a driver that has ended the transaction fails the request, and all goes on', async () => {
    const refuse = function* (): Suspending<number> {
      return STATUS_NOT_IMPLEMENTED;
    };
    await planted(DmaAdapter.prototype, 'configureAdapterChannel', refuse, async () => {
      for (const run of [controlled, onThreads]) {
        const outcome = await run(codecOnly, { seed: 1, workload: { requests: 12 } });
        expect(outcome.findings.map(({ rule }) => rule)).to.deep.equal(Array(12).fill('L-REQUEST-FAILED'));
        for (const { message } of outcome.findings) expect(message).to.contain('STATUS_NOT_IMPLEMENTED');
        expect([outcome.requests, outcome.bytes]).to.deep.equal([12, 0]);
      }
    });
  });

  it('C28: a driver that has not ended it leaves a transaction that nothing will end', async () => {
    const refuse = function* (): Suspending<boolean> {
      return false;
    };
    await planted(LoopTransfer.prototype, 'configureChannel', refuse, async () => {
      const outcome = await controlled(codecOnly, { seed: 1, workload: { requests: 4 } });
      expect(rulesOf(outcome)).to.deep.equal(['C28', 'L-QUIESCENCE']);
      expect(outcome.findings[0]!.message).to.contain('answered FALSE').and.contain('Transfer');
    });
  });
});
