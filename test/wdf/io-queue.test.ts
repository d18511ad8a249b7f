import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, type Suspending } from '../../src/kernel/index.js';
import {
  DISPATCH_LEVEL,
  PASSIVE_LEVEL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_INVALID_PARAMETER,
  STATUS_NO_MORE_ENTRIES,
  STATUS_SUCCESS,
  STATUS_WDF_NO_CALLBACK,
  STATUS_WDF_PAUSED,
} from '../../src/nt/index.js';
import { IoQueue, RequestType, type Device, type Request } from '../../src/wdf/index.js';
import { Application, Rig, complete } from './rig.js';

/** A device with one default queue whose handler keeps every request; what it was given is in `held`. */
function keeping(
  config: { dispatchType: 'sequential' | 'parallel'; numberOfPresentedRequests?: number },
  rig = new Rig(),
): { rig: Rig; application: Application; device: Device; queue: IoQueue; held: Request[] } {
  const application = new Application(rig);
  const device = rig.createDevice();
  const held: Request[] = [];
  const queue = rig.createQueue(device, {
    ...config,
    evtIoDefault(_queue, request) {
      rig.log.push(`EvtIo ${application.nameOf(request)} at ${rig.kernel.current.irql}`);
      held.push(request);
    },
  });
  device.setDefaultQueue(queue);
  rig.start(device);
  return { rig, application, device, queue, held };
}

describe('queue: dispatch types', () => {
  it('sequential presents one request at a time, oldest first', () => {
    const { rig, application, device, queue, held } = keeping({ dispatchType: 'sequential' });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => application.request(name));
    application.submit(device, a!, b!, c!);
    expect(rig.log).to.deep.equal(['EvtIo a at 0']);
    expect([queue.waitingCount, queue.driverOwnedCount]).to.deep.equal([2, 1]);
    for (let i = 0; i < 3; i++) rig.run(() => held[i]!.complete(STATUS_SUCCESS));
    expect(application.names).to.deep.equal(['a', 'b', 'c']);
    expect([queue.waitingCount, queue.driverOwnedCount]).to.deep.equal([0, 0]);
  });

  it('parallel without a bound presents everything', () => {
    const { application, device, queue } = keeping({ dispatchType: 'parallel' });
    application.submit(device, ...Array.from({ length: 50 }, (_, i) => application.request(`r${i}`)));
    expect([queue.waitingCount, queue.driverOwnedCount]).to.deep.equal([0, 50]);
  });

  it('parallel never presents more than its bound', () => {
    const { rig, application, device, queue, held } = keeping({ dispatchType: 'parallel', numberOfPresentedRequests: 3 });
    application.submit(device, ...Array.from({ length: 10 }, (_, i) => application.request(`r${i}`)));
    for (let done = 0; done < 10; done++) {
      expect(queue.driverOwnedCount).to.equal(Math.min(3, 10 - done));
      expect(queue.waitingCount).to.equal(Math.max(0, 7 - done));
      rig.run(() => held[done]!.complete(STATUS_SUCCESS));
    }
    expect(application.completed).to.have.length(10);
  });

  it('manual presents nothing; the driver takes requests until there are no more', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const queue = rig.createQueue(device, { dispatchType: 'manual' });
    device.setDefaultQueue(queue);
    rig.start(device);
    application.submit(device, application.request('a'), application.request('b'));
    const first = rig.run(() => queue.retrieveNextRequest());
    expect(first.ok && application.nameOf(first.object)).to.equal('a');
    expect(first.ok && first.object.isDriverOwned).to.equal(true);
    const second = rig.run(() => queue.retrieveNextRequest());
    expect(second.ok && application.nameOf(second.object)).to.equal('b');
    expect(rig.run(() => queue.retrieveNextRequest()).status).to.equal(STATUS_NO_MORE_ENTRIES);
    expect(queue.driverOwnedCount).to.equal(2);
  });

  it('a driver may also take from a sequential queue, never from a parallel one (C25)', () => {
    const { rig, application, device, queue } = keeping({ dispatchType: 'sequential' });
    application.submit(device, application.request('a'), application.request('b'));
    const taken = rig.run(() => queue.retrieveNextRequest());
    expect(taken.ok && application.nameOf(taken.object)).to.equal('b');
    const parallel = keeping({ dispatchType: 'parallel' });
    expect(parallel.rig.run(() => parallel.queue.retrieveNextRequest()).status).to.equal(STATUS_INVALID_DEVICE_STATE);
  });
});

describe('queue: creation and routing', () => {
  it('refuses configurations that cannot work', () => {
    const device = new Rig().createDevice();
    const evtIoRead = (): void => undefined;
    expect(IoQueue.create(device, { dispatchType: 'sequential' }).status).to.equal(STATUS_WDF_NO_CALLBACK);
    expect(IoQueue.create(device, { dispatchType: 'parallel' }).status).to.equal(STATUS_WDF_NO_CALLBACK);
    expect(IoQueue.create(device, { dispatchType: 'manual', evtIoRead }).status).to.equal(STATUS_INVALID_PARAMETER);
    const bounded = { dispatchType: 'sequential', numberOfPresentedRequests: 2, evtIoRead } as const;
    expect(IoQueue.create(device, bounded).status).to.equal(STATUS_INVALID_PARAMETER);
    expect(device.queues).to.have.length(0);
  });

  it('sends each type to its queue, the rest to the default queue, and refuses a second route', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const queueOf = (label: string): IoQueue =>
      rig.createQueue(device, {
        dispatchType: 'parallel',
        *evtIoDefault(_queue, request): Suspending<void> {
          rig.log.push(`${label} ${application.nameOf(request)}`);
          yield* request.complete(STATUS_SUCCESS);
        },
      });
    const writes = queueOf('writes');
    expect(device.configureRequestDispatching(writes, RequestType.Write)).to.equal(STATUS_SUCCESS);
    expect(device.configureRequestDispatching(queueOf('other'), RequestType.Write)).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    device.setDefaultQueue(queueOf('default'));
    rig.start(device);
    application.submit(
      device,
      application.request('w', RequestType.Write),
      application.request('r', RequestType.Read),
      application.request('c', RequestType.DeviceControl),
    );
    expect(rig.log.filter((line) => !line.startsWith('completed'))).to.deep.equal(['writes w', 'default r', 'default c']);
  });

  it('completes a request nobody takes with INVALID_DEVICE_REQUEST: no queue, or no callback for its type', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const reads = rig.createQueue(device, { dispatchType: 'parallel', evtIoRead: () => expect.fail('no read was sent') });
    device.configureRequestDispatching(reads, RequestType.DeviceControl);
    rig.start(device);
    application.submit(
      device,
      application.request('no queue', RequestType.Write),
      application.request('no callback', RequestType.DeviceControl),
    );
    expect(application.completed).to.deep.equal([
      { name: 'no queue', status: STATUS_INVALID_DEVICE_REQUEST, bytes: 0 },
      { name: 'no callback', status: STATUS_INVALID_DEVICE_REQUEST, bytes: 0 },
    ]);
    expect(reads.driverOwnedCount).to.equal(0);
  });

  it('completes empty reads and writes itself, unless the driver asked for them; control codes always arrive', () => {
    for (const allowZeroLengthRequests of [false, true]) {
      const rig = new Rig();
      const application = new Application(rig);
      const device = rig.createDevice();
      const seen: string[] = [];
      const queue = rig.createQueue(device, {
        dispatchType: 'parallel',
        allowZeroLengthRequests,
        *evtIoDefault(_queue, request): Suspending<void> {
          seen.push(application.nameOf(request));
          yield* request.complete(STATUS_SUCCESS);
        },
      });
      device.setDefaultQueue(queue);
      rig.start(device);
      const types = { read: RequestType.Read, write: RequestType.Write, control: RequestType.DeviceControl };
      application.submit(device, ...Object.entries(types).map(([name, type]) => application.request(name, type, 0)));
      expect(application.completed.map(({ status }) => status)).to.deep.equal([STATUS_SUCCESS, STATUS_SUCCESS, STATUS_SUCCESS]);
      expect(seen).to.deep.equal(allowZeroLengthRequests ? ['read', 'write', 'control'] : ['control']);
    }
  });
});

describe('queue: re-entrancy of the dispatch loop (section 2)', () => {
  it('completing inside EvtIo does not recurse: the running loop presents the next request after the handler has returned', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const queue = rig.createQueue(device, {
      dispatchType: 'sequential',
      *evtIoDefault(_queue, request): Suspending<void> {
        const name = application.nameOf(request);
        rig.log.push(`> ${name}`);
        yield* request.complete(STATUS_SUCCESS);
        rig.log.push(`< ${name}`);
      },
    });
    device.setDefaultQueue(queue);
    // They wait while the device is not in D0; entering it runs one loop over all of them.
    application.submit(device, application.request('a'), application.request('b'), application.request('c'));
    rig.start(device);
    const each = (name: string): string[] => [`> ${name}`, `completed ${name}`, `< ${name}`];
    expect(rig.log).to.deep.equal([...each('a'), ...each('b'), ...each('c')]);
  });

  it('completing from elsewhere presents the next request inside Complete', () => {
    const { rig, application, device, held } = keeping({ dispatchType: 'sequential' });
    application.submit(device, application.request('a'), application.request('b'));
    rig.log.length = 0;
    rig.run(complete(rig, held[0]!));
    expect(rig.log).to.deep.equal(['Complete begins', 'completed a', 'EvtIo b at 0', 'Complete returns']);
  });

  it('completing in a DPC calls the next handler at DISPATCH_LEVEL, inside Complete', () => {
    const { rig, application, device, held } = keeping({ dispatchType: 'sequential' });
    application.submit(device, application.request('a'), application.request('b'));
    rig.log.length = 0;
    new Dpc(rig.kernel, 'a DPC', () => complete(rig, held[0]!)).queue(rig.kernel.vcpus[0]);
    rig.settle();
    expect(rig.log).to.deep.equal(['Complete begins', 'completed a', `EvtIo b at ${DISPATCH_LEVEL}`, 'Complete returns']);
    expect(rig.kernel.vcpus[0]!.irql).to.equal(PASSIVE_LEVEL);
  });

  it('a request that arrives while a handler runs is presented at once, nested in it', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const inner = application.request('inner');
    const queue = rig.createQueue(device, {
      dispatchType: 'parallel',
      *evtIoDefault(_queue, request): Suspending<void> {
        const name = application.nameOf(request);
        rig.log.push(`> ${name}`);
        if (name === 'outer') yield* device.submit(inner);
        rig.log.push(`< ${name}`);
      },
    });
    device.setDefaultQueue(queue);
    rig.start(device);
    application.submit(device, application.request('outer'));
    expect(rig.log).to.deep.equal(['> outer', '> inner', '< inner', '< outer']);
  });

  it('a caller that holds the callback lock does not dispatch: a DPC does, after the lock is free', () => {
    const rig = new Rig({ scope: 'device' });
    const application = new Application(rig);
    const device = rig.createDevice();
    let held: Request | null = null;
    const reads = rig.createQueue(device, {
      dispatchType: 'sequential',
      evtIoRead(_queue, request) {
        rig.log.push(`read ${application.nameOf(request)} in ${rig.kernel.current.top!.kind}`);
        held = request;
      },
    });
    const writes = rig.createQueue(device, {
      dispatchType: 'sequential',
      *evtIoWrite(_queue, request): Suspending<void> {
        expect(device.callbackLock!.isHeldByCurrent).to.equal(true);
        rig.log.push('> write');
        yield* complete(rig, held!);
        yield* request.complete(STATUS_SUCCESS);
        rig.log.push('< write');
      },
    });
    device.configureRequestDispatching(reads, RequestType.Read);
    device.configureRequestDispatching(writes, RequestType.Write);
    rig.start(device);
    application.submit(device, application.request('a'), application.request('b'));
    rig.log.length = 0;
    application.submit(device, application.request('w', RequestType.Write));
    expect(rig.log).to.deep.equal([
      ...['> write', 'Complete begins', 'completed a', 'Complete returns', 'completed w', '< write'],
      'read b in dpc',
    ]);
    expect(rig.kernel.findings.total).to.equal(0);
  });

  it('with a queue scope each queue has a lock of its own; with none there is none', () => {
    for (const scope of ['queue', 'none'] as const) {
      const rig = new Rig({ scope });
      const application = new Application(rig);
      const device = rig.createDevice();
      const irqls: number[] = [];
      const handler = { evtIoDefault: () => void irqls.push(rig.kernel.current.irql) };
      const destination = rig.createQueue(device, { dispatchType: 'parallel', ...handler });
      const source = rig.createQueue(device, {
        dispatchType: 'parallel',
        *evtIoDefault(_queue, request): Suspending<void> {
          irqls.push(rig.kernel.current.irql);
          yield* request.forwardToIoQueue(destination);
        },
      });
      device.setDefaultQueue(source);
      rig.start(device);
      application.submit(device, application.request('a'));
      expect(irqls).to.deep.equal(scope === 'queue' ? [DISPATCH_LEVEL, DISPATCH_LEVEL] : [PASSIVE_LEVEL, PASSIVE_LEVEL]);
      expect(destination.driverOwnedCount).to.equal(1);
      expect(device.callbackLock).to.equal(null);
    }
  });
});

describe('queue: power', () => {
  it('a power-managed queue keeps requests until D0, another one does not', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const seen: string[] = [];
    const evtIoDefault = (_queue: IoQueue, request: Request): void => void seen.push(application.nameOf(request));
    const managed = rig.createQueue(device, { dispatchType: 'parallel', evtIoDefault });
    const free = rig.createQueue(device, { dispatchType: 'parallel', powerManaged: false, evtIoDefault });
    device.configureRequestDispatching(managed, RequestType.Read);
    device.configureRequestDispatching(free, RequestType.Write);
    application.submit(device, application.request('managed', RequestType.Read), application.request('free', RequestType.Write));
    expect(seen).to.deep.equal(['free']);
    rig.start(device);
    expect(seen).to.deep.equal(['free', 'managed']);
  });

  it('taking from a queue that is not powered is WDF_PAUSED', () => {
    const rig = new Rig();
    const application = new Application(rig);
    const device = rig.createDevice();
    const queue = rig.createQueue(device, { dispatchType: 'manual' });
    device.setDefaultQueue(queue);
    application.submit(device, application.request('a'));
    expect(rig.run(() => queue.retrieveNextRequest()).status).to.equal(STATUS_WDF_PAUSED);
    rig.start(device);
    const taken = rig.run(() => queue.retrieveNextRequest());
    expect(taken.status).to.equal(STATUS_SUCCESS);
    if (taken.ok) rig.run(() => taken.object.complete(STATUS_SUCCESS));
    rig.run(device.powerDown());
    expect(rig.run(() => queue.retrieveNextRequest()).status).to.equal(STATUS_WDF_PAUSED);
  });
});
