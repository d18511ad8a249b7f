import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, type Suspending } from '../../src/kernel/index.js';
import {
  DISPATCH_LEVEL,
  PASSIVE_LEVEL,
  STATUS_CANCELLED,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
} from '../../src/nt/index.js';
import { Interrupt, IoQueue, Timer, WorkItem, type IoQueueConfig, type Request } from '../../src/wdf/index.js';
import { point } from '../kernel/bench-kernel.js';
import { everyInterleaving, keepingQueue, statusesOf, submit, type QueueBench } from './bench-queue.js';
import { Rig } from './rig.js';

function inDpc(rig: Rig, body: () => Suspending<void>): void {
  new Dpc(rig.kernel, 'test DPC', body).queue(rig.kernel.vcpus[0]);
  rig.settle();
}

/** A sequential queue that logs every callback with the level it runs at and keeps the requests. */
function levelQueue(level: 'dispatch' | 'passive', more: Partial<IoQueueConfig> = {}): QueueBench {
  const bench: QueueBench = keepingQueue({
    scope: 'queue',
    queue: {
      dispatchType: 'sequential',
      executionLevel: level,
      evtIoDefault(_queue: IoQueue, request: Request): void {
        const { rig, application, held } = bench;
        rig.log.push(`EvtIo ${application.nameOf(request)} at ${rig.kernel.current.irql}`);
        held.push(request);
      },
      ...more,
    },
  });
  return bench;
}

describe('execution level Passive', () => {
  it('a spin lock raises callbacks to DISPATCH_LEVEL, a wait lock does not', () => {
    for (const [level, irql] of [
      ['dispatch', DISPATCH_LEVEL],
      ['passive', PASSIVE_LEVEL],
    ] as const) {
      const bench = levelQueue(level);
      submit(bench, 'a');
      expect(bench.rig.log).to.deep.equal([`EvtIo a at ${irql}`]);
    }
  });

  it('§2 caller above PASSIVE_LEVEL: what completing in a DPC makes possible comes from a work item', () => {
    const bench = levelQueue('passive');
    submit(bench, 'a', 'b');
    inDpc(bench.rig, function* () {
      yield* bench.held[0]!.complete(STATUS_SUCCESS);
      bench.rig.log.push('DPC ends');
    });
    expect(bench.rig.log).to.deep.equal([`EvtIo a at ${PASSIVE_LEVEL}`, 'completed a', 'DPC ends', `EvtIo b at ${PASSIVE_LEVEL}`]);
  });

  it('§2 a request that arrives at DISPATCH_LEVEL is presented at PASSIVE_LEVEL', () => {
    const bench = levelQueue('passive');
    const request = bench.application.request('a');
    inDpc(bench.rig, function* () {
      yield* bench.device.submit(request);
      bench.rig.log.push('submitted');
    });
    expect(bench.rig.log).to.deep.equal(['submitted', `EvtIo a at ${PASSIVE_LEVEL}`]);
  });

  it('§2 code that owns the callback lock: a work item presents the next one, after the handler', () => {
    const bench = levelQueue('passive', {
      dispatchType: 'parallel',
      *evtIoDefault(queue, request): Suspending<void> {
        const { rig, application } = bench;
        const name = application.nameOf(request);
        rig.log.push(`EvtIo ${name}`);
        if (name === 'a') yield* queue.start();
        yield* request.complete(STATUS_SUCCESS);
        rig.log.push(`end ${name}`);
      },
    });
    submit(bench, 'a', 'b');
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'completed a', 'end a', 'EvtIo b', 'completed b', 'end b']);
  });

  it('EvtRequestCancel, too', () => {
    const bench = levelQueue('passive');
    submit(bench, 'a');
    const [request] = bench.held;
    bench.rig.run(
      request!.markCancelable(function* (canceled): Suspending<void> {
        bench.rig.log.push(`cancel at ${bench.rig.kernel.current.irql}`);
        yield* canceled.complete(STATUS_CANCELLED);
      }),
    );
    inDpc(bench.rig, function* () {
      yield* request!.cancelIrp();
    });
    expect(bench.rig.log).to.deep.equal([`EvtIo a at ${PASSIVE_LEVEL}`, `cancel at ${PASSIVE_LEVEL}`, 'completed a']);
    expect(statusesOf(bench.application)).to.deep.equal({ a: STATUS_CANCELLED });
  });

  it('the device gives its level and scope to queues that have none of their own', () => {
    const rig = new Rig({ scope: 'device', executionLevel: 'passive' });
    const device = rig.createDevice();
    const config = { dispatchType: 'parallel', evtIoDefault: (): void => undefined } as const;
    const queue = rig.createQueue(device, config);
    expect([queue.executionLevel, queue.callbackLock]).to.deep.equal(['passive', device.callbackLock]);
    const own = rig.createQueue(device, { ...config, synchronizationScope: 'queue' });
    expect(own.callbackLock).to.not.equal(device.callbackLock);
    expect(rig.createQueue(device, { ...config, synchronizationScope: 'none' }).callbackLock).to.equal(null);
  });

  it('a queue with scope device must have the level of the device: INVALID_PARAMETER', () => {
    const device = new Rig().createDevice();
    const config = { dispatchType: 'parallel', evtIoDefault: (): void => undefined, synchronizationScope: 'device' } as const;
    expect(IoQueue.create(device, { ...config, executionLevel: 'passive' }).status).to.equal(STATUS_INVALID_PARAMETER);
    const made = [IoQueue.create(device, config), IoQueue.create(device, config)].map(
      (created) => created.ok && created.object.callbackLock,
    );
    expect(made[0]).to.not.equal(null);
    expect(made[0]).to.equal(made[1]);
  });
});

describe('callbacks that are serialized with a queue', () => {
  it('§5 a timer takes the lock of the queue that is its parent', () => {
    const bench = levelQueue('dispatch');
    const { rig, queue } = bench;
    const created = Timer.create(queue, {
      evtTimerFunc: () => void rig.log.push(`timer, lock ${queue.callbackLock!.isHeldByCurrent ? 'held' : 'free'}`),
    });
    if (!created.ok) throw new Error('no timer');
    rig.run(
      (function* (): Suspending<void> {
        created.object.start(0);
        rig.kernel.fireTimers(0);
        yield* point(rig.kernel);
      })(),
    );
    expect(rig.log).to.deep.equal(['timer, lock held']);
  });

  it('§5 a DPC cannot take a wait lock, nor a thread a spin lock: WDF_INCOMPATIBLE_EXECUTION_LEVEL', () => {
    const rig = new Rig({ scope: 'device', executionLevel: 'passive', sources: ['message', 'message'] });
    const device = rig.createDevice();
    const timer = { evtTimerFunc: (): void => undefined };
    expect(Timer.create(device, timer).status).to.equal(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    expect(Timer.create(device, { ...timer, automaticSerialization: false }).status).to.equal(STATUS_SUCCESS);
    const isr = { evtInterruptIsr: (): boolean => true, automaticSerialization: true };
    expect(Interrupt.create(device, { ...isr, evtInterruptDpc: () => undefined }).status).to.equal(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    expect(Interrupt.create(device, { ...isr, evtInterruptWorkItem: () => undefined }).status).to.equal(STATUS_SUCCESS);
  });

  it('§5 a work item and the handlers of its passive queue exclude each other in every order', () => {
    const orders = new Set<string>();
    const interleavings = everyInterleaving(() => {
      let inside = 0;
      const bench: QueueBench = levelQueue('passive', {
        *evtIoDefault(): Suspending<void> {
          yield* section('handler');
        },
      });
      const { rig } = bench;
      function* section(name: string): Suspending<void> {
        expect(++inside, name).to.equal(1);
        yield* point(rig.kernel);
        rig.log.push(name);
        inside--;
      }
      const created = WorkItem.create(bench.queue, { evtWorkItemFunc: () => section('work item') });
      if (!created.ok) throw new Error('no work item');
      rig.thread(0, 'application', () => bench.device.submit(bench.application.request('a')));
      rig.thread(1, 'enqueuer', created.object.enqueue());
      return { rig, check: () => void orders.add(rig.log.join()) };
    });
    expect(interleavings).to.be.greaterThan(10);
    expect([...orders].sort()).to.deep.equal(['handler,work item', 'work item,handler']);
  });
});
