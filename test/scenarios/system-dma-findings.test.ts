import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  DmaCompletionStatus,
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  IoQueue,
  RegisterBlock,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_SUCCESS,
  declareContext,
  type Device,
  type DeviceInit,
  type DriverConfig,
  type HardwareResources,
  type NtStatus,
  type Request,
  type Suspending,
} from '../../src/index.js';
import { defineScenario } from '../../src/machine/scenario.js';
import { controlled, rulesOf, type Outcome } from '../backends/runs.js';
import { must } from './faults/small-driver.js';

const PORT_POINTER = 0x00;
const PORT_FIFO = 0x10;

class PortContext {
  registers!: RegisterBlock;
  enabler!: DmaEnabler;
  transaction!: DmaTransaction;
}
const portContext = declareContext('PORT_CONTEXT', PortContext);

/** The shortest right driver for a port that is not in demand mode: whatever the device needs is done before Execute. */
class BlockModeDriver implements DriverConfig {
  readonly name = 'block-mode';

  *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setPnpPowerEventCallbacks({ evtDevicePrepareHardware: (device, resources) => this.#prepareHardware(device, resources) });
    const device = must(deviceInit.create(portContext));
    const queue = IoQueue.create(device, {
      dispatchType: 'sequential',
      evtIoDefault: (owner, request) => this.#evtIo(owner.device, request),
    });
    device.setDefaultQueue(must(queue));
    portContext(device).enabler = must(yield* DmaEnabler.create(device, { profile: 'System', maximumLengthBytes: 8192 }));
    return STATUS_SUCCESS;
  }

  *#prepareHardware(device: Device, resources: HardwareResources): Suspending<NtStatus> {
    const context = portContext(device);
    context.registers = new RegisterBlock(device.kernel, resources.registers);
    const dmaDescriptor = resources.translated.find((resource) => resource.type === 'dma')!;
    context.enabler.configureSystemProfile({ deviceAddress: PORT_FIFO, dmaWidthBits: 32, dmaDescriptor }, DmaDirection.ReadFromDevice);
    context.transaction = must(yield* DmaTransaction.create(context.enabler));
    return STATUS_SUCCESS;
  }

  *#evtIo(device: Device, request: Request): Suspending<void> {
    const { transaction } = portContext(device);
    yield* transaction.initializeUsingRequest(request, () => this.program(device), DmaDirection.WriteToDevice);
    this.setCallbacks(device, transaction);
    yield* this.beforeExecute(device, request);
    yield* transaction.execute();
  }

  protected *beforeExecute(device: Device, request: Request): Suspending<void> {
    yield* portContext(device).registers.write32(PORT_POINTER, request.deviceOffset);
  }

  protected *program(_device: Device): Suspending<boolean> {
    return true;
  }

  protected setCallbacks(device: Device, transaction: DmaTransaction): void {
    transaction.setTransferCompleteCallback((_t: DmaTransaction, _d: unknown, _c: unknown, _x: unknown, status: DmaCompletionStatus) =>
      this.transferComplete(device, status),
    );
  }

  protected *transferComplete(device: Device, _status: DmaCompletionStatus): Suspending<void> {
    const { transaction } = portContext(device);
    if ((yield* transaction.dmaCompleted()) === STATUS_MORE_PROCESSING_REQUIRED) return;
    const request = transaction.request!;
    const { bytesTransferred } = transaction;
    yield* transaction.release();
    yield* request.completeWithInformation(STATUS_SUCCESS, bytesTransferred);
  }
}

class PreparesLate extends BlockModeDriver {
  protected override *beforeExecute(): Suspending<void> {}

  protected override *program(device: Device): Suspending<boolean> {
    yield* super.beforeExecute(device, portContext(device).transaction.request!);
    return true;
  }
}

class HearsNothing extends BlockModeDriver {
  protected override setCallbacks(): void {}
}

/** Takes note of the end and never completes the transaction. */
class KeepsChannel extends BlockModeDriver {
  protected override *transferComplete(): Suspending<void> {}
}

async function outcomeOf(driver: DriverConfig): Promise<Outcome> {
  const scenario = defineScenario({
    name: 'port',
    title: 'a port in block mode',
    devices: [{ name: 'port', model: 'sdma-port', driver }],
    // One transfer a request: the device's pointer is set once.
    workload: { requests: 3, outstanding: 1, minBytes: 4096, maxBytes: 8192, maxMdls: 1, readsPercent: 0 },
  });
  return await controlled(scenario, { seed: 5 });
}

describe('a system transfer that is not in demand mode', () => {
  it('is clean when its device is prepared before Execute', async () => {
    const outcome = await outcomeOf(new BlockModeDriver());
    expect([rulesOf(outcome), outcome.requests, outcome.bytesVerified]).to.deep.equal([[], 3, outcome.bytes]);
  });

  it('D53: its device is prepared in EvtProgramDma, when data may flow already', async () => {
    const { findings } = await outcomeOf(new PreparesLate());
    expect(findings[0]!.rule).to.equal('D53');
    expect(findings[0]!.message).to.contain('port is prepared in EvtProgramDma');
  });
});

describe('a system transaction nobody ends', () => {
  it('D54: no completion callback and no interrupt', async () => {
    const outcome = await outcomeOf(new HearsNothing());
    expect(outcome.findings[0]!.rule).to.equal('D54');
    expect(outcome.findings[0]!.message).to.contain('port has no interrupt');
  });

  it('D55: its transfer has ended, and its driver keeps the channel', async () => {
    const outcome = await outcomeOf(new KeepsChannel());
    expect(rulesOf(outcome)).to.deep.equal(['D55']);
    expect(outcome.findings[0]!.message).to.contain('channel 0');
  });
});
