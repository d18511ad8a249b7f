import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { Mdl } from '../../src/hal/index.js';
import {
  STATUS_ACCESS_VIOLATION,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
  WDF_VIOLATION,
  WdfViolation,
  type NtStatus,
} from '../../src/nt/index.js';
import {
  DmaDirection,
  DmaEnabler,
  DmaTransaction,
  FILE_DEVICE_UNKNOWN,
  IoControlMethod,
  RequestType,
  ctlCode,
  methodOf,
  type Device,
  type IoControl,
  type Request,
} from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import { keepingQueue, type QueueBench } from './bench-queue.js';

const code = (method: IoControlMethod): number => ctlCode(FILE_DEVICE_UNKNOWN, 0x900, method);
const { Buffered, InDirect, OutDirect, Neither } = IoControlMethod;

/** Page 3 is the system buffer, page 5 the caller's output buffer. */
function controlOf(method: IoControlMethod, input: number, output: number, more: Partial<IoControl> = {}): IoControl {
  return {
    ioControlCode: code(method),
    inputBufferLengthBytes: input,
    outputBufferLengthBytes: output,
    systemBuffer: input === 0 && method !== Buffered ? null : new Mdl(Int32Array.of(3), 0, Math.max(input, output)),
    mdl: output === 0 || method === Buffered ? null : new Mdl(Int32Array.of(5), 0, output),
    ...more,
  };
}

/** A control request in the driver's hands. */
function owned(control: IoControl): QueueBench & { readonly request: Request } {
  const bench = keepingQueue({ hasMemory: true });
  const request = bench.application.control('a', control);
  bench.application.submit(bench.device, request);
  expect(request.isDriverOwned).to.equal(true);
  return { ...bench, request };
}

function ownedTransfer(type: RequestType): QueueBench & { readonly request: Request } {
  const bench = keepingQueue({ hasMemory: true });
  const request = bench.application.request('a', type);
  bench.application.submit(bench.device, request);
  return { ...bench, request };
}

describe('I/O control: codes and callbacks', () => {
  it('a code holds device type, access, function and method', () => {
    expect(ctlCode(0x8000, 0x800, OutDirect, 3)).to.equal(0x8000e002);
    expect([Buffered, InDirect, OutDirect, Neither].map((method) => methodOf(code(method)))).to.deep.equal([
      'Buffered',
      'InDirect',
      'OutDirect',
      'Neither',
    ]);
  });

  it('EvtIoDeviceControl and EvtIoInternalDeviceControl get both lengths and the code, each its own type', () => {
    const seen: unknown[] = [];
    const bench = keepingQueue({
      queue: {
        *evtIoDeviceControl(_queue, request, output, input, ioControlCode): Suspending<void> {
          seen.push(['device', output, input, ioControlCode]);
          yield* request.complete(STATUS_SUCCESS);
        },
        *evtIoInternalDeviceControl(_queue, request, output, input, ioControlCode): Suspending<void> {
          seen.push(['internal', output, input, ioControlCode]);
          yield* request.complete(STATUS_SUCCESS);
        },
      },
    });
    const { application, device } = bench;
    application.submit(device, application.control('a', controlOf(Buffered, 8, 4)));
    application.submit(device, application.control('b', controlOf(OutDirect, 0, 0, { type: RequestType.InternalDeviceControl })));
    expect(seen).to.deep.equal([
      ['device', 4, 8, code(Buffered)],
      ['internal', 0, 0, code(OutDirect)],
    ]);
  });

  it('getParameters: the code and both lengths, of a transfer its length and offset; C09 after completion', () => {
    const { rig, request } = owned(controlOf(InDirect, 8, 24));
    expect({ ...request.getParameters() }).to.deep.equal({
      type: RequestType.DeviceControl,
      lengthBytes: 0,
      deviceOffset: 0,
      ioControlCode: code(InDirect),
      inputBufferLengthBytes: 8,
      outputBufferLengthBytes: 24,
    });
    const transfer = ownedTransfer(RequestType.Write).request.getParameters();
    expect([transfer.type, transfer.lengthBytes, transfer.outputBufferLengthBytes]).to.deep.equal([RequestType.Write, 64, 0]);
    rig.run(() => request.complete(STATUS_SUCCESS));
    expect([request.getStatus(), request.queue]).to.deep.equal([STATUS_SUCCESS, null]);
    expect(crashOf(() => request.getParameters()).rule).to.equal('C09');
  });

  it('C09: getInformation after completion', () => {
    const { rig, request } = owned(controlOf(Buffered, 8, 8));
    rig.run(() => request.completeWithPriorityBoost(STATUS_SUCCESS, 2));
    expect(crashOf(() => request.informationBytes).message).to.contain('WdfRequestGetInformation');
  });
});

describe('I/O control: buffers', () => {
  const TOO_SMALL = STATUS_BUFFER_TOO_SMALL;
  const INVALID = STATUS_INVALID_DEVICE_REQUEST;
  const OK = STATUS_SUCCESS;
  /** Statuses of RetrieveInputBuffer, OutputBuffer, InputWdmMdl and OutputWdmMdl. */
  const statusesOf = (request: Request): readonly NtStatus[] => [
    request.retrieveInputBuffer(1).status,
    request.retrieveOutputBuffer(1).status,
    request.retrieveInputWdmMdl().status,
    request.retrieveOutputWdmMdl().status,
  ];

  const rows: readonly [name: string, control: IoControl, statuses: readonly NtStatus[]][] = [
    ['METHOD_BUFFERED', controlOf(Buffered, 8, 8), [OK, OK, OK, OK]],
    ['METHOD_BUFFERED without input', controlOf(Buffered, 0, 8), [TOO_SMALL, OK, TOO_SMALL, OK]],
    ['METHOD_BUFFERED without output', controlOf(Buffered, 8, 0), [OK, TOO_SMALL, OK, TOO_SMALL]],
    ['METHOD_IN_DIRECT', controlOf(InDirect, 8, 8), [OK, OK, OK, OK]],
    ['METHOD_OUT_DIRECT without input', controlOf(OutDirect, 0, 8), [TOO_SMALL, OK, TOO_SMALL, OK]],
    ['METHOD_OUT_DIRECT without output', controlOf(OutDirect, 8, 0), [OK, TOO_SMALL, OK, TOO_SMALL]],
    ['METHOD_NEITHER from user mode', controlOf(Neither, 8, 8), [INVALID, INVALID, INVALID, INVALID]],
    ['METHOD_NEITHER from the kernel', controlOf(Neither, 8, 8, { requestorMode: 'kernel' }), [OK, OK, INVALID, INVALID]],
    ['internal METHOD_NEITHER', controlOf(Neither, 8, 8, { type: RequestType.InternalDeviceControl }), [OK, OK, INVALID, INVALID]],
  ];
  for (const [name, control, statuses] of rows) {
    it(`${name}: what the driver may retrieve`, () => expect(statusesOf(owned(control).request)).to.deep.equal(statuses));
  }

  it('a read has an output only, a write an input only', () => {
    expect(statusesOf(ownedTransfer(RequestType.Read).request)).to.deep.equal([INVALID, OK, INVALID, OK]);
    expect(statusesOf(ownedTransfer(RequestType.Write).request)).to.deep.equal([OK, INVALID, OK, INVALID]);
  });

  it('fewer bytes than the driver needs: BUFFER_TOO_SMALL', () => {
    const { request } = owned(controlOf(InDirect, 8, 24));
    expect([request.retrieveInputBuffer(8).status, request.retrieveInputBuffer(9).status]).to.deep.equal([OK, TOO_SMALL]);
    expect([request.retrieveOutputBuffer(24).status, request.retrieveOutputBuffer(25).status]).to.deep.equal([OK, TOO_SMALL]);
  });

  it('METHOD_BUFFERED: one buffer for both ways; a direct method has two', () => {
    for (const [method, isShared] of [
      [Buffered, true],
      [OutDirect, false],
    ] as const) {
      const { request } = owned(controlOf(method, 8, 8));
      const [input, output] = [request.retrieveInputBuffer(8), request.retrieveOutputBuffer(8)];
      if (!input.ok || !output.ok) throw new Error('no buffers');
      input.object.write8(3, 1);
      output.object.write8(3, 77);
      expect(input.object.read8(3)).to.equal(isShared ? 77 : 1);
    }
  });

  it('METHOD_BUFFERED has one list: the direction that is asked for first decides its length', () => {
    const first = owned(controlOf(Buffered, 8, 24)).request;
    const lengths = [first.retrieveInputWdmMdl(), first.retrieveOutputWdmMdl()].map((mdl) => mdl.ok && mdl.object.byteCount);
    expect(lengths).to.deep.equal([8, 8]);
    const second = owned(controlOf(Buffered, 8, 24)).request.retrieveOutputWdmMdl();
    expect(second.ok && second.object.byteCount).to.equal(24);
  });

  it('memory of what the driver only reads cannot be copied into: ACCESS_VIOLATION', () => {
    const { request } = owned(controlOf(InDirect, 8, 24));
    const [input, output] = [request.retrieveInputMemory(), request.retrieveOutputMemory()];
    const writable = owned(controlOf(OutDirect, 8, 24)).request.retrieveOutputMemory();
    const write = ownedTransfer(RequestType.Write).request.retrieveInputMemory();
    if (!input.ok || !output.ok || !writable.ok || !write.ok) throw new Error('no memory');
    const statuses = [input, output, write, writable].map(({ object }) => object.copyFromBuffer(0, Uint8Array.of(1)));
    expect(statuses).to.deep.equal([STATUS_ACCESS_VIOLATION, STATUS_ACCESS_VIOLATION, STATUS_ACCESS_VIOLATION, OK]);
  });
});

describe("I/O control: a request's memory", () => {
  it('B03: completing the request while a reference on it is held is bug check 0x10D/3; dropped in time it is not', () => {
    const { rig, request } = owned(controlOf(Buffered, 8, 8));
    const memory = request.retrieveInputMemory();
    if (!memory.ok) throw new Error('no memory');
    memory.object.reference();
    const violation = crashOf(() => rig.run(() => request.complete(STATUS_SUCCESS)));
    expect(violation.message).to.contain('WDFMEMORY');
    expect(violation.bugCheck!.parameters).to.deep.equal([WdfViolation.REQUEST_OUTSTANDING_REFERENCES, request.objectId, 1]);
    const right = owned(controlOf(Buffered, 8, 8));
    const its = right.request.retrieveInputMemory();
    if (!its.ok) throw new Error('no memory');
    its.object.reference();
    its.object.dereference();
    right.rig.run(() => right.request.complete(STATUS_SUCCESS));
    expect(right.rig.kernel.findings.total).to.equal(0);
  });

  it('C09: its buffer after completion, and after the object is in use again', () => {
    const { rig, application, request } = owned(controlOf(Buffered, 8, 8));
    const buffer = request.retrieveInputBuffer(8);
    if (!buffer.ok) throw new Error('no buffer');
    rig.run(() => request.complete(STATUS_SUCCESS));
    request.prepareDeviceControl(controlOf(Buffered, 8, 8), application);
    expect(crashOf(() => buffer.object.read8(0)).rule).to.equal('C09');
  });

  it('B05: it cannot be deleted', () => {
    const { rig, request } = owned(controlOf(Buffered, 8, 8));
    const memory = request.retrieveInputMemory();
    expect(crashOf(() => memory.ok && rig.run(memory.object.delete())).rule).to.equal('B05');
  });
});

describe('I/O control: completion (B06)', () => {
  const complete = (control: IoControl, bytes: number): void => {
    const { rig, request } = owned(control);
    rig.run(() => request.completeWithInformation(STATUS_SUCCESS, bytes));
  };

  it('more information than output buffer is bug check 0x10D/6', () => {
    const violation = crashOf(() => complete(controlOf(OutDirect, 8, 24), 25));
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [WdfViolation.REQUEST_FATAL_ERROR, 4, 25, 24] });
  });

  it('spares what cannot be told: no output buffer, requests of the kernel, internal ones', () => {
    complete(controlOf(Buffered, 8, 0), 8);
    complete(controlOf(OutDirect, 8, 24, { requestorMode: 'kernel' }), 25);
    complete(controlOf(OutDirect, 8, 24, { type: RequestType.InternalDeviceControl }), 25);
  });
});

describe('I/O control: DMA', () => {
  function* transactionOf(device: Device): Suspending<DmaTransaction> {
    const enabler = yield* DmaEnabler.create(device, { profile: 'ScatterGather64', maximumLengthBytes: 4096, wdmDmaVersionOverride: 3 });
    if (!enabler.ok) throw new Error('no enabler');
    const created = yield* DmaTransaction.create(enabler.object);
    if (!created.ok) throw new Error('no transaction');
    return created.object;
  }

  const { ReadFromDevice, WriteToDevice } = DmaDirection;
  const OK = STATUS_SUCCESS;
  const INVALID = STATUS_INVALID_DEVICE_REQUEST;
  /** Length of the transfer, or the status that refuses it. */
  const rows: readonly [name: string, control: IoControl, read: NtStatus, write: NtStatus][] = [
    ['METHOD_OUT_DIRECT: reads', controlOf(OutDirect, 8, 64), OK, INVALID],
    ['METHOD_IN_DIRECT: writes', controlOf(InDirect, 8, 64), INVALID, OK],
    ['METHOD_BUFFERED: both', controlOf(Buffered, 64, 64), OK, OK],
    ['METHOD_NEITHER: none', controlOf(Neither, 64, 64), INVALID, INVALID],
    ['METHOD_OUT_DIRECT without a buffer: none', controlOf(OutDirect, 8, 0), STATUS_BUFFER_TOO_SMALL, INVALID],
    ['METHOD_BUFFERED without input has no list: none', controlOf(Buffered, 0, 64), STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_TOO_SMALL],
  ];
  for (const [name, control, read, write] of rows) {
    it(`${name}, by InitializeUsingRequest`, () => {
      for (const [direction, status] of [
        [ReadFromDevice, read],
        [WriteToDevice, write],
      ] as const) {
        const { rig, device, request } = owned(control);
        const transaction = rig.run(transactionOf(device));
        expect(
          rig.run(() => transaction.initializeUsingRequest(request, () => true, direction)),
          `direction ${direction}`,
        ).to.equal(status);
        if (status === OK) expect(transaction.request).to.equal(request);
      }
    });
  }

  it('C30: the buffer is touched while the transaction is in Transfer; the input of a direct method is not moved, so it may be', () => {
    const { rig, device, request } = owned(controlOf(OutDirect, 8, 64));
    const [input, output] = [request.retrieveInputBuffer(8), request.retrieveOutputBuffer(64)];
    if (!input.ok || !output.ok) throw new Error('no buffers');
    const transaction = rig.run(transactionOf(device));
    rig.run(() => transaction.initializeUsingRequest(request, () => true, ReadFromDevice));
    output.object.write8(0, 1);
    expect(rig.kernel.findings.total).to.equal(0);
    rig.run(transaction.execute());
    input.object.read8(0);
    expect(rig.kernel.findings.total).to.equal(0);
    output.object.read8(0);
    expect(rig.kernel.findings.kept.map(({ rule, object }) => [rule, object])).to.deep.equal([['C30', request.label]]);
  });
});
