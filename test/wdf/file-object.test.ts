import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, type Suspending } from '../../src/kernel/index.js';
import {
  DISPATCH_LEVEL,
  PASSIVE_LEVEL,
  STATUS_ACCESS_DENIED,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
} from '../../src/nt/index.js';
import {
  IoQueue,
  RequestType,
  declareContext,
  type Device,
  type DeviceInit,
  type FileObject,
  type FileObjectConfig,
  type IoQueueConfig,
  type Request,
} from '../../src/wdf/index.js';
import { Application, Rig, type RigOptions } from './rig.js';

class Opener {
  files = 0;
}
const openerContext = declareContext('OPENER', Opener);

interface Bench {
  readonly rig: Rig;
  readonly device: Device;
  readonly application: Application;
  readonly held: Request[];
}

/** A device that logs its file callbacks with their level, and keeps what its default queue is given. */
function bench(config: Partial<FileObjectConfig> = {}, more: RigOptions & { init?: (init: DeviceInit) => void } = {}): Bench {
  const rig = new Rig(more);
  const held: Request[] = [];
  const log = (what: string): void => void rig.log.push(`${what} at ${rig.kernel.current.irql}`);
  const init = rig.deviceInit();
  init.setFileObjectConfig({
    *evtDeviceFileCreate(_device, request): Suspending<void> {
      log('create');
      yield* request.complete(STATUS_SUCCESS);
    },
    evtFileCleanup: (): void => log('cleanup'),
    evtFileClose: (): void => log('close'),
    ...config,
  });
  more.init?.(init);
  const created = init.create();
  if (!created.ok) throw new Error('no device');
  const device = created.object;
  device.setDefaultQueue(rig.createQueue(device, { dispatchType: 'parallel', evtIoDefault: (_queue, request) => void held.push(request) }));
  rig.start(device);
  return { rig, device, application: new Application(rig), held };
}

const P = PASSIVE_LEVEL;

describe('file object: open and close', () => {
  it('create, cleanup, close, in that order at PASSIVE_LEVEL; then the object is gone', () => {
    const { rig, device } = bench();
    const file = rig.openFile(device, 'volume');
    expect([file.fileName, file.device, file.isClosed]).to.deep.equal(['volume', device, false]);
    rig.run(file.close());
    expect(rig.log).to.deep.equal([`create at ${P}`, `cleanup at ${P}`, `close at ${P}`]);
    expect([file.isDestroyed, device.children.length]).to.deep.equal([true, 2]);
  });

  it('a driver that fails the create: no file, and neither cleanup nor close', () => {
    const { rig, device } = bench({
      *evtDeviceFileCreate(_device, request): Suspending<void> {
        yield* request.complete(STATUS_ACCESS_DENIED);
      },
    });
    const opened = rig.run(device.openFile('file'));
    expect([opened.ok, opened.status, rig.log]).to.deep.equal([false, STATUS_ACCESS_DENIED, []]);
  });

  it('the create request may be completed later: the open returns then', () => {
    let pended: Request | null = null;
    const { rig, device } = bench({
      evtDeviceFileCreate(_device, request, fileObject): void {
        expect([request.type, request.fileObject]).to.deep.equal([RequestType.Create, fileObject]);
        pended = request;
      },
    });
    rig.thread(
      0,
      'opener',
      (function* (): Suspending<void> {
        rig.log.push(`opened ${(yield* device.openFile('file')).ok}`);
      })(),
    );
    rig.settle();
    expect(rig.log).to.deep.equal([]);
    rig.run(() => pended!.complete(STATUS_SUCCESS));
    expect(rig.log).to.deep.equal(['opened true']);
  });

  it('without callbacks every open succeeds; with file objects a program must open', () => {
    const plain = new Rig();
    const device = plain.createDevice();
    expect([plain.openFile(device).outstanding, device.needsFileObject, bench().device.needsFileObject]).to.deep.equal([0, false, true]);
  });

  it('each file has a context of its own', () => {
    const { rig, device } = bench({ contextType: openerContext });
    const [first, second] = [rig.openFile(device), rig.openFile(device)];
    openerContext(first).files = 3;
    expect([openerContext(first).files, openerContext(second).files]).to.deep.equal([3, 0]);
  });

  it('an exclusive device has one open file at a time: ACCESS_DENIED', () => {
    const { rig, device } = bench({}, { init: (init) => init.setExclusive(true) });
    const file = rig.openFile(device);
    expect(rig.run(device.openFile('second')).status).to.equal(STATUS_ACCESS_DENIED);
    rig.run(file.close());
    expect(rig.run(device.openFile('third')).ok).to.equal(true);
  });

  it('above PASSIVE_LEVEL it cannot be opened: INVALID_DEVICE_REQUEST', () => {
    const { rig, device } = bench();
    const dpc = new Dpc(rig.kernel, 'opener', function* () {
      rig.log.push(`status ${(yield* device.openFile('file')).status === STATUS_INVALID_DEVICE_REQUEST}`);
    });
    dpc.queue(rig.kernel.vcpus[0]);
    rig.settle();
    expect(rig.log).to.deep.equal(['status true']);
  });
});

describe('file object: closing with requests outstanding', () => {
  function submitThrough({ application, device }: Bench, file: FileObject): Request {
    const request = application.request('a', RequestType.Read, 64, file);
    application.submit(device, request);
    return request;
  }

  it('cleanup, then its requests are cancelled, close when the last has completed', () => {
    const all = bench();
    const { rig, held } = all;
    const file = rig.openFile(all.device);
    submitThrough(all, file);
    rig.run(
      held[0]!.markCancelable(function* (request): Suspending<void> {
        rig.log.push('cancel');
        yield* request.complete(STATUS_CANCELLED);
      }),
    );
    rig.run(file.close());
    expect(rig.log).to.deep.equal([`create at ${P}`, `cleanup at ${P}`, 'cancel', 'completed a', `close at ${P}`]);
  });

  it('a request that is kept holds the close back; completed in a DPC, the close comes from a thread at PASSIVE_LEVEL', () => {
    const all = bench();
    const { rig, held } = all;
    const file = rig.openFile(all.device);
    submitThrough(all, file);
    rig.run(file.close());
    expect([rig.log.at(-1), file.isClosed, file.isLive]).to.deep.equal([`cleanup at ${P}`, true, true]);
    const dpc = new Dpc(rig.kernel, 'completer', function* () {
      yield* held[0]!.complete(STATUS_SUCCESS);
      rig.log.push(`DPC ends at ${rig.kernel.current.irql}`);
    });
    dpc.queue(rig.kernel.vcpus[0]);
    rig.settle();
    expect(rig.log.slice(-3)).to.deep.equal(['completed a', `DPC ends at ${DISPATCH_LEVEL}`, `close at ${P}`]);
    expect(file.isDestroyed).to.equal(true);
  });
});

describe('file object: synchronization and queues for creates', () => {
  it('scope device needs passive callbacks: INVALID_DEVICE_REQUEST; with them the callbacks hold the lock', () => {
    const refused = new Rig({ scope: 'device' }).deviceInit();
    refused.setFileObjectConfig({ synchronizationScope: 'device' });
    expect(refused.create().status).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    const { rig, device } = bench(
      {
        synchronizationScope: 'device',
        evtFileCleanup: (file) => void rig.log.push(`lock held ${file.device.callbackLock!.isHeldByCurrent}`),
      },
      { scope: 'device', executionLevel: 'passive' },
    );
    rig.run(rig.openFile(device).close());
    expect(rig.log).to.include('lock held true');
  });

  it('creates go to the queue that is configured for them, which needs EvtIoDefault; a second is INVALID_PARAMETER', () => {
    const { rig, device } = bench();
    const config: IoQueueConfig = {
      dispatchType: 'parallel',
      *evtIoDefault(_queue, request): Suspending<void> {
        rig.log.push(`type ${request.type}`);
        yield* request.complete(STATUS_SUCCESS);
      },
    };
    const reads = IoQueue.create(device, { dispatchType: 'parallel', evtIoRead: () => undefined });
    if (!reads.ok) throw new Error('no queue');
    expect(device.configureRequestDispatching(reads.object, RequestType.Create)).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    const queue = rig.createQueue(device, config);
    expect(device.configureRequestDispatching(queue, RequestType.Create)).to.equal(STATUS_SUCCESS);
    expect(device.configureRequestDispatching(queue, RequestType.Create)).to.equal(STATUS_INVALID_PARAMETER);
    rig.openFile(device);
    expect(rig.log).to.deep.equal(['type 0']);
  });
});
