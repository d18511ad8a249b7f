import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS } from '../../src/nt/index.js';
import type { Device, IoQueue, Request } from '../../src/wdf/index.js';
import { RequestType } from '../../src/wdf/index.js';
import { Application, Rig, type RigOptions } from './rig.js';

interface Manual {
  readonly rig: Rig;
  readonly application: Application;
  readonly device: Device;
  readonly queue: IoQueue;
  notified: number;
}

function manual(options: RigOptions = {}, isStarted = true): Manual {
  const rig = new Rig(options);
  const application = new Application(rig);
  const device = rig.createDevice();
  const queue = rig.createQueue(device, { dispatchType: 'manual' });
  device.setDefaultQueue(queue);
  const all: Manual = { rig, application, device, queue, notified: 0 };
  expect(queue.readyNotify(() => void all.notified++)).to.equal(STATUS_SUCCESS);
  if (isStarted) rig.start(device);
  return all;
}

function take({ rig, queue }: Manual): Request {
  const taken = rig.run(() => queue.retrieveNextRequest());
  if (!taken.ok) throw new Error('the queue is empty');
  return taken.object;
}

describe('manual queue: ReadyNotify', () => {
  it('is called when the queue turns from empty to non-empty, and only then', () => {
    const all = manual();
    const { application, device } = all;
    application.submit(device, application.request('a'));
    expect(all.notified).to.equal(1);
    application.submit(device, application.request('b'), application.request('c'));
    expect(all.notified).to.equal(1);
    take(all);
    application.submit(device, application.request('d'));
    expect(all.notified, 'two were still there').to.equal(1);
    for (let i = 0; i < 3; i++) take(all);
    application.submit(device, application.request('e'));
    expect(all.notified).to.equal(2);
  });

  it('is called at power-up when requests wait', () => {
    const all = manual({}, false);
    all.application.submit(all.device, all.application.request('a'), all.application.request('b'));
    expect(all.notified).to.equal(0);
    all.rig.start(all.device);
    expect(all.notified).to.equal(1);
  });

  it('lets the driver drain the queue from inside the callback', () => {
    const all = manual();
    const { rig, application, device, queue } = all;
    queue.readyNotify(null);
    const drained: string[] = [];
    queue.readyNotify(function* (ready: IoQueue): Suspending<void> {
      for (;;) {
        const next = yield* ready.retrieveNextRequest();
        if (!next.ok) return;
        drained.push(application.nameOf(next.object));
        yield* next.object.complete(STATUS_SUCCESS);
      }
    });
    for (const name of ['a', 'b', 'c']) application.submit(device, application.request(name));
    expect(drained).to.deep.equal(['a', 'b', 'c']);
    expect(application.names).to.deep.equal(['a', 'b', 'c']);
    expect(rig.kernel.findings.total).to.equal(0);
  });

  it('can be ended and registered again, but not twice, and only on manual queues', () => {
    const all = manual();
    const { rig, application, device, queue } = all;
    expect(queue.readyNotify(() => undefined)).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(queue.readyNotify(null)).to.equal(STATUS_SUCCESS);
    application.submit(device, application.request('a'));
    expect(all.notified).to.equal(0);
    expect(queue.readyNotify(() => undefined)).to.equal(STATUS_SUCCESS);
    const sequential = rig.createQueue(device, { dispatchType: 'sequential', evtIoRead: () => undefined });
    expect(sequential.readyNotify(() => undefined)).to.equal(STATUS_INVALID_DEVICE_REQUEST);
  });
});

describe('manual queue: forward and requeue', () => {
  it("a forwarded request is its new queue's, and frees the place in the old one", () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const pending = rig.createQueue(device, { dispatchType: 'manual' });
    const incoming = rig.createQueue(device, {
      dispatchType: 'sequential',
      *evtIoRead(_queue, request): Suspending<void> {
        rig.log.push(`EvtIoRead ${application.nameOf(request)}`);
        expect(yield* request.forwardToIoQueue(pending)).to.equal(STATUS_SUCCESS);
        expect([request.isDriverOwned, request.queue === pending]).to.deep.equal([false, true]);
      },
    });
    device.setDefaultQueue(incoming);
    rig.start(device);
    application.submit(device, ...['a', 'b', 'c'].map((name) => application.request(name)));
    expect(rig.log).to.deep.equal(['EvtIoRead a', 'EvtIoRead b', 'EvtIoRead c']);
    expect([incoming.driverOwnedCount, pending.waitingCount, pending.driverOwnedCount]).to.deep.equal([0, 3, 0]);
  });

  it('forwarding needs another queue of the same device', () => {
    const all = manual();
    const { rig, application, device, queue } = all;
    application.submit(device, application.request('a'));
    const request = take(all);
    expect(rig.run(request.forwardToIoQueue(queue))).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    const foreign = rig.createQueue(rig.createDevice('other'), { dispatchType: 'manual' });
    expect(rig.run(request.forwardToIoQueue(foreign))).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect([request.isDriverOwned, queue.driverOwnedCount, foreign.waitingCount]).to.deep.equal([true, 1, 0]);
  });

  it('requeue puts a request back at the head of its manual queue', () => {
    const all = manual();
    const { rig, application, device, queue } = all;
    application.submit(device, application.request('a'), application.request('b'));
    const request = take(all);
    expect(rig.run(request.requeue())).to.equal(STATUS_SUCCESS);
    expect([request.isDriverOwned, queue.waitingCount, queue.driverOwnedCount]).to.deep.equal([false, 2, 0]);
    expect([take(all), take(all)].map((each) => application.nameOf(each))).to.deep.equal(['a', 'b']);
  });

  it('requeue into an empty queue notifies, into one with requests it does not', () => {
    const all = manual();
    const { rig, application, device } = all;
    application.submit(device, application.request('a'));
    expect(all.notified).to.equal(1);
    rig.run(take(all).requeue());
    expect(all.notified).to.equal(2);
    application.submit(device, application.request('b'));
    rig.run(take(all).requeue());
    expect(all.notified).to.equal(2);
  });

  it('requeue works on manual queues only', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const statuses: number[] = [];
    const queue = rig.createQueue(device, {
      dispatchType: 'sequential',
      *evtIoRead(_queue, request): Suspending<void> {
        statuses.push(yield* request.requeue());
        expect(request.isDriverOwned).to.equal(true);
      },
    });
    device.setDefaultQueue(queue);
    rig.start(device);
    application.submit(device, application.request('a'));
    expect(statuses).to.deep.equal([STATUS_INVALID_DEVICE_REQUEST]);
  });

  it('a requeue does not swallow the notification of an arrival that is still to be told', () => {
    // Under the callback lock a notification waits for a DPC; between arrival and DPC the driver puts a request back.
    const rig = new Rig({ scope: 'device' });
    const application = new Application(rig);
    const device = rig.createDevice();
    const queue = rig.createQueue(device, { dispatchType: 'manual' });
    const control = rig.createQueue(device, {
      dispatchType: 'sequential',
      *evtIoDeviceControl(_queue, request): Suspending<void> {
        const taken = yield* queue.retrieveNextRequest();
        yield* device.submit(application.request('b'));
        if (taken.ok) yield* taken.object.requeue();
        yield* request.complete(STATUS_SUCCESS);
      },
    });
    device.configureRequestDispatching(queue, RequestType.Read);
    device.configureRequestDispatching(control, RequestType.DeviceControl);
    let notified = 0;
    queue.readyNotify(() => void notified++);
    rig.start(device);
    application.submit(device, application.request('a'));
    expect(notified).to.equal(1);
    application.submit(device, application.request('go', RequestType.DeviceControl));
    expect([queue.waitingCount, notified]).to.deep.equal([2, 2]);
  });
});
