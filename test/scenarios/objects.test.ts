import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  DmaDirection,
  IOCTL_TRANSFER_READ,
  Memory,
  NT_SUCCESS,
  RequestType,
  STATUS_SUCCESS,
  WorkItem,
  defineScenario,
  type Device,
  type DeviceInit,
  type DmaTransaction,
  type FileObject,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../src/index.js';
import { controlled, onThreads, rulesOf } from '../backends/runs.js';
import { SmallDriver, must, smallContext } from './faults/small-driver.js';

/**
 * Transfers come as reads, writes and control codes through an open file; each completes in a work item, not in the
 * DPC, and has a memory object of its own that goes with it.
 */
class ObjectsDriver extends SmallDriver {
  readonly files = { created: 0, cleaned: 0, closed: 0 };
  controls = 0;
  #item!: WorkItem;
  #done: { request: Request; status: NtStatus; bytes: number } | null = null;

  override *evtDriverDeviceAdd(deviceInit: DeviceInit): Suspending<NtStatus> {
    deviceInit.setFileObjectConfig({
      evtDeviceFileCreate: (_device, request) => this.#create(request),
      evtFileCleanup: () => void this.files.cleaned++,
      evtFileClose: (file: FileObject) => {
        expect(file.outstanding).to.equal(0);
        this.files.closed++;
      },
    });
    const status = yield* super.evtDriverDeviceAdd(deviceInit);
    this.#item = must(WorkItem.create(deviceInit.device!, { evtWorkItemFunc: () => this.#completeDone() }));
    return status;
  }

  *#create(request: Request): Suspending<void> {
    this.files.created++;
    yield* request.complete(STATUS_SUCCESS);
  }

  override *evtIo(device: Device, request: Request): Suspending<void> {
    let isRead = request.type === RequestType.Read;
    if (request.type === RequestType.DeviceControl) {
      this.controls++;
      const { ioControlCode } = request.getParameters();
      isRead = ioControlCode === IOCTL_TRANSFER_READ;
      request.deviceOffset = must(request.retrieveInputBuffer(8)).read32(0);
    }
    must(Memory.create(request, 32)).getBuffer().write32(0, request.lengthBytes);
    const direction = isRead ? DmaDirection.ReadFromDevice : DmaDirection.WriteToDevice;
    const { transaction } = smallContext(device);
    const program = (_t: DmaTransaction, _d: Device, _c: unknown, _x: DmaDirection, list: ScatterGatherList): Suspending<boolean> =>
      this.program(device, direction, list);
    let status = yield* transaction.initializeUsingRequest(request, program, direction);
    if (NT_SUCCESS(status)) status = yield* transaction.execute();
    if (NT_SUCCESS(status)) return;
    yield* transaction.release();
    yield* request.complete(status);
  }

  override *finish(_device: Device, request: Request, status: NtStatus, bytes: number): Suspending<void> {
    this.#done = { request, status, bytes };
    yield* this.#item.enqueue();
  }

  *#completeDone(): Suspending<void> {
    const { request, status, bytes } = this.#done!;
    this.#done = null;
    yield* request.completeWithInformation(status, bytes);
  }
}

const scenarioOf = (driver: ObjectsDriver): ReturnType<typeof defineScenario> =>
  defineScenario({
    name: 'objects',
    title: 'work item, memory, file object and transfers by control code',
    devices: [{ name: 'ring', model: 'sgring', params: { channels: 1 }, driver }],
    workload: { outstanding: 8, minBytes: 64, maxBytes: 8192, deviceControlPercent: 50 },
  });

describe('work item, memory, file object and control codes under traffic', function () {
  this.timeout(30_000);

  function expectRight({ files, controls }: ObjectsDriver, requests: number): void {
    expect(files.created).to.be.greaterThan(0);
    expect([files.cleaned, files.closed]).to.deep.equal([files.created, files.created]);
    expect(controls)
      .to.be.greaterThan(requests / 4)
      .and.lessThan((requests * 3) / 4);
  }

  it('threads with preemption: every byte right, files closed, nothing left', async () => {
    const driver = new ObjectsDriver();
    const report = await onThreads(
      scenarioOf(driver),
      { seed: 3, workload: { requests: 1000 } },
      { preempt: { numerator: 1, denominator: 20 } },
    );
    expect([rulesOf(report), report.requests, report.bytesVerified]).to.deep.equal([[], 1000, report.bytes]);
    expectRight(driver, 1000);
  });

  it('controlled, in many orders', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const driver = new ObjectsDriver();
      const outcome = await controlled(scenarioOf(driver), { seed, workload: { requests: 40 } });
      expect([rulesOf(outcome), outcome.requests, outcome.bytesVerified], `seed ${seed}`).to.deep.equal([[], 40, outcome.bytes]);
      expectRight(driver, 40);
    }
  });
});
