import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import * as nt from '../../src/nt/index.js';
import { STATUS_SUCCESS, STATUS_UNSUCCESSFUL, WDF_VIOLATION, WdfViolation } from '../../src/nt/index.js';
import { DmaDirection, DmaEnabler, DmaTransaction, declareContext, type Device, type IoQueue, type Request } from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import { Application, Rig } from './rig.js';

interface Owned {
  readonly rig: Rig;
  readonly application: Application;
  readonly device: Device;
  readonly request: Request;
}

/** A request of `lengthBytes` in the driver's hands. */
function owned(lengthBytes = 64): Owned {
  const rig = new Rig();
  const application = new Application(rig);
  const device = rig.createDevice();
  device.setDefaultQueue(rig.createQueue(device, { dispatchType: 'parallel', evtIoDefault: () => undefined }));
  rig.start(device);
  const request = application.request('a', undefined, lengthBytes);
  application.submit(device, request);
  expect(request.isDriverOwned).to.equal(true);
  return { rig, application, device, request };
}

/** A request that was forwarded to a manual queue and waits there. */
function forwarded(): Owned & { readonly queue: IoQueue } {
  const all = owned();
  const queue = all.rig.createQueue(all.device, { dispatchType: 'manual' });
  all.rig.run(all.request.forwardToIoQueue(queue));
  return { ...all, queue };
}

describe('request: completion', () => {
  it('tells the caller once, with status and bytes', () => {
    const { rig, application, request } = owned();
    rig.run(() => request.completeWithInformation(STATUS_SUCCESS, 48));
    expect(application.completed).to.deep.equal([{ name: 'a', status: STATUS_SUCCESS, bytes: 48 }]);
    expect([request.isDriverOwned, request.queue]).to.deep.equal([false, null]);
  });

  it('reports what setInformation left', () => {
    const { rig, application, request } = owned();
    request.setInformation(12);
    rig.run(() => request.complete(STATUS_SUCCESS));
    expect(application.completed[0]!.bytes).to.equal(12);
  });

  it('starts over when the object is used again: generation, information, ownership', () => {
    const { rig, application, device, request } = owned();
    const { generation } = request;
    rig.run(() => request.completeWithInformation(STATUS_SUCCESS, 64));
    request.prepare(request.type, null, 32, 0, application);
    expect([request.generation, request.informationBytes, request.isDriverOwned]).to.deep.equal([generation + 1, 0, false]);
    application.submit(device, request);
    rig.run(() => request.complete(STATUS_SUCCESS));
    expect(application.completed.map(({ bytes }) => bytes)).to.deep.equal([64, 0]);
  });

  it('carries the context its device asked for', () => {
    class Progress {
      bytes = 0;
    }
    const progress = declareContext('PROGRESS', Progress);
    const rig = new Rig();
    const init = rig.deviceInit();
    init.setRequestContext(progress);
    const created = init.create();
    expect(created.ok && created.object.requestContext).to.equal(progress);
    const { request } = owned();
    expect(() => progress(request)).to.throw(TypeError, 'has no PROGRESS context');
  });
});

describe('request: what a driver may not do (section 3)', () => {
  const completions: readonly [name: string, again: (request: Request) => Suspending<void>][] = [
    ['complete', (request) => request.complete(STATUS_SUCCESS)],
    ['completeWithInformation', (request) => request.completeWithInformation(STATUS_UNSUCCESSFUL, 0)],
  ];
  for (const [name, again] of completions) {
    it(`C08: ${name} on a completed request is bug check 0x10D/5`, () => {
      const { rig, application, request } = owned();
      rig.run(() => request.complete(STATUS_SUCCESS));
      const violation = crashOf(() => rig.run(() => again(request)));
      expect(violation).to.include({ rule: 'C08', severity: 'crash', object: request.label });
      expect(violation.message).to.contain('completed already').and.contain(request.label);
      expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, request.objectId] });
      expect(application.completed).to.have.length(1);
    });
  }

  const accesses: readonly [name: string, access: (all: Owned) => unknown][] = [
    ['its MDL', ({ request }) => request.mdl],
    ['its information', ({ request }) => request.setInformation(1)],
    ['requeue', ({ rig, request }) => rig.run(request.requeue())],
    ['forward', ({ rig, device, request }) => rig.run(request.forwardToIoQueue(rig.createQueue(device, { dispatchType: 'manual' })))],
  ];
  for (const [name, access] of accesses) {
    it(`C09: ${name} after completion is bug check 0x10D/5`, () => {
      const all = owned();
      all.rig.run(() => all.request.complete(STATUS_SUCCESS));
      const violation = crashOf(() => access(all));
      expect(violation).to.include({ rule: 'C09', severity: 'crash' });
      expect(violation.bugCheck!.parameters).to.deep.equal([WdfViolation.INVALID_HANDLE, all.request.objectId]);
    });
  }

  it("C10: a request that waits in a queue is not the driver's to complete or look into", () => {
    const { rig, application, request, queue } = forwarded();
    const violation = crashOf(() => rig.run(() => request.complete(STATUS_SUCCESS)));
    expect(violation).to.include({ rule: 'C10', severity: 'crash' });
    expect(violation.message).to.contain('waits in a queue');
    expect([application.completed.length, queue.waitingCount]).to.deep.equal([0, 1]);
    const second = forwarded();
    expect(crashOf(() => second.request.mdl).rule).to.equal('C10');
  });

  it('a dead machine answers every further call with the same bug check', () => {
    const { rig, request } = owned();
    rig.run(() => request.complete(STATUS_SUCCESS));
    const first = crashOf(() => rig.run(() => request.complete(STATUS_SUCCESS)));
    expect(crashOf(() => request.mdl)).to.equal(first);
    expect(rig.kernel.findings.total).to.equal(1);
  });

  it('B06: success with more information than buffer is bug check 0x10D/6', () => {
    const { rig, request } = owned(64);
    const violation = crashOf(() => rig.run(() => request.completeWithInformation(STATUS_SUCCESS, 65)));
    expect(violation).to.include({ rule: 'B06', severity: 'crash' });
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [WdfViolation.REQUEST_FATAL_ERROR, 4, 65, 64] });
    expect(violation.message).to.contain('65 bytes').and.contain('64 bytes');
  });

  it("B06 spares exactly the buffer's length, and failures", () => {
    const full = owned(64);
    full.rig.run(() => full.request.completeWithInformation(STATUS_SUCCESS, 64));
    const failed = owned(64);
    failed.rig.run(() => failed.request.completeWithInformation(STATUS_UNSUCCESSFUL, 9999));
    expect([full.application.completed.length, failed.application.completed.length]).to.deep.equal([1, 1]);
  });
});

describe('request: completed while its DMA transaction transfers (B03)', () => {
  function* transactionOf(device: Device, request: Request): Suspending<DmaTransaction> {
    const enabler = yield* DmaEnabler.create(device, { profile: 'ScatterGather64', maximumLengthBytes: 4096 });
    if (!enabler.ok) throw new Error('no enabler');
    const created = yield* DmaTransaction.create(enabler.object);
    if (!created.ok) throw new Error('no transaction');
    const transaction = created.object;
    expect(yield* transaction.initializeUsingRequest(request, () => true, DmaDirection.ReadFromDevice)).to.equal(STATUS_SUCCESS);
    return transaction;
  }

  it('is bug check 0x10D/3 with the reference count', () => {
    const { rig, device, request } = owned();
    const transaction = rig.run(transactionOf(device, request));
    expect(rig.run(transaction.execute())).to.equal(STATUS_SUCCESS);
    expect(request.dmaReferences).to.equal(1);
    const violation = crashOf(() => rig.run(() => request.complete(STATUS_SUCCESS)));
    expect(violation).to.include({ rule: 'B03', severity: 'crash', object: request.label });
    expect(violation.bugCheck).to.deep.equal({
      code: WDF_VIOLATION,
      parameters: [WdfViolation.REQUEST_OUTSTANDING_REFERENCES, request.objectId, 1],
    });
  });

  it('is right before Execute and after the last DmaCompleted', () => {
    const early = owned();
    early.rig.run(transactionOf(early.device, early.request));
    early.rig.run(() => early.request.complete(STATUS_UNSUCCESSFUL));
    const late = owned();
    const transaction = late.rig.run(transactionOf(late.device, late.request));
    late.rig.run(transaction.execute());
    expect(late.rig.run(transaction.dmaCompleted())).to.equal(STATUS_SUCCESS);
    expect(late.request.dmaReferences).to.equal(0);
    late.rig.run(() => late.request.completeWithInformation(STATUS_SUCCESS, 64));
    expect([early.application.completed.length, late.application.completed.length]).to.deep.equal([1, 1]);
    expect([early.rig.kernel.findings.total, late.rig.kernel.findings.total]).to.deep.equal([0, 0]);
  });
});

describe('request: what the requester gets to see (status mapping)', () => {
  function seenFor(status: number): number {
    const { rig, application, request } = owned();
    rig.run(() => request.complete(status));
    return application.completed[0]!.status;
  }

  const mapped: readonly (readonly [from: string, to: string])[] = [
    ['STATUS_WDF_BUSY', 'STATUS_DEVICE_BUSY'],
    ['STATUS_WDF_PAUSED', 'STATUS_DEVICE_BUSY'],
    ['STATUS_WDF_TOO_FRAGMENTED', 'STATUS_INVALID_DEVICE_REQUEST'],
    ['STATUS_WDF_TOO_MANY_TRANSFERS', 'STATUS_INVALID_DEVICE_REQUEST'],
    ['STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS', 'STATUS_INSUFFICIENT_RESOURCES'],
    ['STATUS_WDF_INTERNAL_ERROR', 'STATUS_INTERNAL_ERROR'],
    ['STATUS_WDF_NO_CALLBACK', 'STATUS_INVALID_DEVICE_REQUEST'],
    ['STATUS_WDF_REQUEST_INVALID_STATE', 'STATUS_INVALID_DEVICE_REQUEST'],
  ];
  for (const [from, to] of mapped) {
    it(`${from} becomes ${to}`, () => {
      expect(nt.statusName(seenFor(nt.statusByName(from)!))).to.equal(to);
    });
  }

  it('leaves every other status alone, and lets none of the facility through', () => {
    fc.assert(
      fc.property(fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }), (status) => {
        const seen = seenFor(status);
        const isFramework = (status & 0x0fff_0000) === 0x0020_0000;
        expect(isFramework ? seen & 0x0fff_0000 : seen).to.equal(isFramework ? 0 : status);
      }),
      { numRuns: 200 },
    );
    for (let code = 0x200; code <= 0x214; code++) expect(seenFor(0xc020_0000 | code | 0) & 0x0fff_0000).to.equal(0);
  });
});
