import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, type Suspending } from '../../src/kernel/index.js';
import {
  DISPATCH_LEVEL,
  PASSIVE_LEVEL,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_NOT_FOUND,
  STATUS_NO_MORE_ENTRIES,
  STATUS_SUCCESS,
  STATUS_WDF_PAUSED,
  WdfViolation,
} from '../../src/nt/index.js';
import { IoQueueState, RequestType, type IoQueue, type Request } from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import { completingCancel, keepingQueue, statusesOf, submit, type QueueBench } from './bench-queue.js';
import { complete, started, type Body } from './rig.js';

const { AcceptRequests, DispatchRequests, DriverNoRequests, NoRequests, PnpHeld } = IoQueueState;
const rulesOf = ({ rig }: QueueBench): string[] => rig.kernel.findings.kept.map(({ rule }) => rule);

function take({ rig, queue }: QueueBench): Request {
  const taken = rig.run(() => queue.retrieveNextRequest());
  if (!taken.ok) throw new Error('nothing to take');
  return taken.object;
}

describe('queue, section 2: dispatch types', () => {
  it('§2 Sequential: the next one after complete, forward or EvtIoStop-requeue', () => {
    const bench = keepingQueue({
      queue: {
        dispatchType: 'sequential',
        *evtIoStop(_q, request): Suspending<void> {
          yield* request.stopAcknowledge(true);
        },
      },
    });
    submit(bench, 'a', 'b', 'c');
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    bench.rig.run(bench.held[1]!.forwardToIoQueue(bench.rig.createQueue(bench.device, { dispatchType: 'manual' })));
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'completed a', 'EvtIo b', 'EvtIo c']);
    bench.rig.run(bench.device.powerDown());
    expect([bench.queue.driverOwnedCount, bench.queue.waitingCount]).to.deep.equal([0, 1]);
    bench.rig.run(bench.device.powerUp());
    expect(bench.rig.log.at(-1)).to.equal('EvtIo c');
  });

  it('§2 Parallel: up to NumberOfPresentedRequests', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'parallel', numberOfPresentedRequests: 2 } });
    submit(bench, 'a', 'b', 'c');
    expect([bench.queue.driverOwnedCount, bench.queue.waitingCount]).to.deep.equal([2, 1]);
  });

  it('§2 Manual: never presents; Sequential may be taken from, too (C25 when it races with dispatch)', () => {
    const manual = keepingQueue({ queue: { dispatchType: 'manual' } });
    submit(manual, 'a');
    expect([manual.queue.driverOwnedCount, manual.application.nameOf(take(manual))]).to.deep.equal([0, 'a']);
    const sequential = keepingQueue({ queue: { dispatchType: 'sequential' } });
    submit(sequential, 'a', 'b');
    expect(sequential.application.nameOf(take(sequential))).to.equal('b');
    expect(rulesOf(sequential)).to.deep.equal([]);
    const idle = keepingQueue({ queue: { dispatchType: 'sequential' } });
    expect(idle.rig.run(() => idle.queue.retrieveNextRequest()).status).to.equal(STATUS_NO_MORE_ENTRIES);
    expect(rulesOf(idle)).to.deep.equal(['C25']);
  });
});

describe('queue, section 2: states', () => {
  it('§2 not accepting: INVALID_DEVICE_STATE', () => {
    const bench = keepingQueue();
    bench.rig.run(bench.queue.drain());
    submit(bench, 'late');
    expect(statusesOf(bench.application)).to.deep.equal({ late: STATUS_INVALID_DEVICE_STATE });
  });

  it('§2 the state says what the queue does: ready, stopped, drained, purged, held', () => {
    const bench = keepingQueue();
    const { queue, rig, device } = bench;
    const idle = NoRequests + DriverNoRequests;
    expect(queue.getState()).to.equal(AcceptRequests + DispatchRequests + idle);
    rig.run(queue.stop());
    expect(queue.getState()).to.equal(AcceptRequests + idle);
    submit(bench, 'a');
    expect(queue.getState()).to.equal(AcceptRequests + DriverNoRequests);
    rig.run(queue.start());
    expect(queue.getState()).to.equal(AcceptRequests + DispatchRequests + NoRequests);
    rig.run(queue.drain());
    expect(queue.getState()).to.equal(DispatchRequests + NoRequests);
    rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    rig.run(device.powerDown());
    expect(queue.getState()).to.equal(DispatchRequests + idle + PnpHeld);
  });

  it('§2 Stop: dispatches no more, accepts; the callback comes when the driver owns nothing', () => {
    const bench = keepingQueue();
    submit(bench, 'a');
    bench.rig.run(bench.queue.stop(() => void bench.rig.log.push('stopped')));
    submit(bench, 'b');
    expect(bench.rig.log).to.deep.equal(['EvtIo a']);
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'completed a', 'stopped']);
    expect(bench.rig.run(() => bench.queue.retrieveNextRequest()).status, 'parallel').to.equal(STATUS_INVALID_DEVICE_STATE);
    bench.rig.run(bench.queue.start());
    expect(bench.rig.log.at(-1)).to.equal('EvtIo b');
  });

  it('§2 Drain: accepts no more, presents the rest; the callback comes when nothing is left', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'sequential' } });
    submit(bench, 'a', 'b');
    bench.rig.run(bench.queue.drain(() => void bench.rig.log.push('drained')));
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    bench.rig.run(() => bench.held[1]!.complete(STATUS_SUCCESS));
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'completed a', 'EvtIo b', 'completed b', 'drained']);
  });

  it('§2 Purge: cancels what waits and what is marked; the callback comes when the rest is complete', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'parallel', numberOfPresentedRequests: 2 } });
    submit(bench, 'marked', 'kept', 'waiting');
    bench.rig.run(bench.held[0]!.markCancelable(completingCancel(bench)));
    bench.rig.log.length = 0;
    bench.rig.run(bench.queue.purge(() => void bench.rig.log.push('purged')));
    expect(bench.rig.log).to.deep.equal(['completed waiting', 'EvtRequestCancel marked', 'completed marked']);
    bench.rig.run(() => bench.held[1]!.complete(STATUS_SUCCESS));
    expect(bench.rig.log.slice(3)).to.deep.equal(['completed kept', 'purged']);
    expect(statusesOf(bench.application)).to.deep.equal({ waiting: STATUS_CANCELLED, marked: STATUS_CANCELLED, kept: STATUS_SUCCESS });
  });

  it('§2 StopAndPurge: as Purge, but new requests are accepted and wait', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'sequential' } });
    submit(bench, 'owned', 'waiting');
    bench.rig.run(bench.queue.stopAndPurge());
    submit(bench, 'new');
    expect(statusesOf(bench.application)).to.deep.equal({ waiting: STATUS_CANCELLED });
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    bench.rig.run(bench.queue.start());
    expect(bench.rig.log.at(-1)).to.equal('EvtIo new');
  });

  it('§2 a request given back during StopAndPurge is cancelled', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    submit(bench, 'a');
    const request = take(bench);
    bench.rig.run(bench.queue.stopAndPurge());
    expect(bench.rig.run(request.requeue())).to.equal(STATUS_SUCCESS);
    expect(statusesOf(bench.application)).to.deep.equal({ a: STATUS_CANCELLED });
  });

  it('§2 the synchronous variants return when the driver has let go', () => {
    for (const variant of ['stopSynchronously', 'stopAndPurgeSynchronously', 'drainSynchronously', 'purgeSynchronously'] as const) {
      const bench = keepingQueue();
      submit(bench, 'a');
      bench.rig.thread(
        0,
        'PnP',
        (function* (): Suspending<void> {
          yield* bench.queue[variant]();
          bench.rig.log.push(`${variant} returns`);
        })(),
      );
      bench.rig.settle();
      expect(bench.rig.log).to.deep.equal(['EvtIo a']);
      bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
      expect(bench.rig.log).to.deep.equal(['EvtIo a', 'completed a', `${variant} returns`]);
    }
  });

  it('C23: a synchronous variant inside a handler of the queue is found before it waits for itself', () => {
    const bench: QueueBench = keepingQueue({
      queue: {
        *evtIoDefault(queue): Suspending<void> {
          yield* queue.stopSynchronously();
        },
      },
    });
    const violation = crashOf(() => submit(bench, 'a'));
    expect(violation).to.include({ rule: 'C23', object: bench.queue.label });
    const raised = keepingQueue({ scope: 'device' });
    const lock = raised.device.callbackLock!;
    raised.rig.run(
      (function* (): Suspending<void> {
        yield* lock.acquire();
        yield* raised.queue.stopSynchronously();
        yield* lock.release();
      })(),
    );
    expect(rulesOf(raised), 'PASSIVE_LEVEL only').to.deep.equal(['C01']);
  });

  it('B20: two Stops at once are fatal; C19: Stop during Drain is a driver mistake', () => {
    const bench = keepingQueue();
    submit(bench, 'a');
    bench.rig.run(bench.queue.drain(() => undefined));
    bench.rig.run(bench.queue.stop(() => undefined));
    expect(rulesOf(bench)).to.deep.equal(['C19']);
    const violation = crashOf(() => bench.rig.run(bench.queue.stop(() => undefined)));
    expect(violation.rule).to.equal('B20');
    expect(violation.bugCheck!.parameters[0]).to.equal(WdfViolation.QUEUE_FATAL_ERROR);
  });
});

describe('queue, section 2: the dispatch loop', () => {
  it('§2 order of a turn: cancel notifications, canceled-on-queue, stop-complete, then requests', () => {
    // All fall due while a handler of the queue runs, so that its loop finds them in one turn.
    const bench: QueueBench = keepingQueue({
      queue: {
        dispatchType: 'manual',
        *evtIoCanceledOnQueue(_queue, request): Suspending<void> {
          bench.rig.log.push('canceled on queue');
          yield* request.complete(STATUS_CANCELLED);
        },
      },
    });
    const [, parked] = submit(bench, 'marked', 'parked', 'new');
    const marked = take(bench);
    bench.rig.run(take(bench).requeue());
    bench.rig.run(marked.markCancelable(completingCancel(bench)));
    bench.queue.readyNotify(function* (queue): Suspending<void> {
      bench.rig.log.push('> ready');
      if (parked!.isDriverOwned || bench.rig.log.length > 1) return;
      yield* queue.stop(() => void bench.rig.log.push('stopped'));
      yield* parked!.cancelIrp();
      yield* marked.cancelIrp();
      bench.rig.log.push('< ready');
    });
    bench.rig.run(bench.queue.start());
    expect(bench.rig.log).to.deep.equal([
      '> ready',
      '< ready',
      'EvtRequestCancel marked',
      'completed marked',
      'canceled on queue',
      'completed parked',
      'stopped',
    ]);
    bench.rig.run(bench.queue.start());
    expect(bench.rig.log.at(-1)).to.equal('> ready');
  });

  it("§2 Start and Requeue run the loop in the caller's context, at once", () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    submit(bench, 'a');
    const irqls: number[] = [];
    bench.queue.readyNotify(() => void irqls.push(bench.rig.kernel.current.irql));
    const request = take(bench);
    new Dpc(bench.rig.kernel, 'DPC', () => dropResult(request.requeue())).queue(bench.rig.kernel.vcpus[0]);
    bench.rig.settle();
    bench.rig.run(bench.queue.start());
    expect(irqls).to.deep.equal([DISPATCH_LEVEL, PASSIVE_LEVEL]);
  });

  it('§2 cancel while a handler of the queue runs: delivered after the handler returns', () => {
    const bench: QueueBench = keepingQueue({
      queue: {
        *evtIoDefault(_queue, request): Suspending<void> {
          if (bench.application.nameOf(request) === 'a') {
            bench.held.push(request);
            return;
          }
          yield* bench.held[0]!.cancelIrp();
          bench.rig.log.push('handler returns');
          yield* request.complete(STATUS_SUCCESS);
        },
      },
    });
    submit(bench, 'a');
    bench.rig.run(bench.held[0]!.markCancelable(completingCancel(bench)));
    submit(bench, 'b');
    expect(bench.rig.log).to.deep.equal(['handler returns', 'completed b', 'EvtRequestCancel a', 'completed a']);
  });

  it('§2 a caller that owns the callback lock defers to a DPC', () => {
    const bench = keepingQueue({ scope: 'device' });
    bench.rig.run(bench.queue.stop());
    submit(bench, 'a');
    const lock = bench.device.callbackLock!;
    bench.rig.run(
      (function* (): Suspending<void> {
        yield* lock.acquire();
        yield* bench.queue.start();
        bench.rig.log.push('Start returns');
        yield* lock.release();
      })(),
    );
    expect(bench.rig.log).to.deep.equal(['Start returns', 'EvtIo a']);
  });

  it('§2 ReadyNotify: on Start with requests present, and on the arrival after a retrieve that missed one being cancelled', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    let notified = 0;
    bench.queue.readyNotify(() => void notified++);
    const [a] = submit(bench, 'a');
    expect(notified).to.equal(1);
    bench.rig.run(bench.queue.stop());
    bench.rig.run(bench.queue.start());
    expect(notified).to.equal(2);
    bench.rig.kernel.gate = { at: () => true };
    bench.rig.thread(1, 'cancel', dropResult(a!.cancelIrp()));
    const canceller = bench.rig.kernel.vcpus[1]!;
    canceller.advance();
    canceller.advance(); // the cancel routine is taken, the request is still counted
    bench.rig.kernel.gate = { at: () => false };
    expect(bench.queue.waitingCount).to.equal(1);
    expect(straight(bench, () => bench.queue.retrieveNextRequest()).status).to.equal(STATUS_NO_MORE_ENTRIES);
    straight(bench, () => bench.device.submit(bench.application.request('b')));
    expect(notified, 'not empty before, but nothing was to be had').to.equal(3);
    bench.rig.settle();
    expect(statusesOf(bench.application)).to.deep.equal({ a: STATUS_CANCELLED });
    expect(bench.application.nameOf(take(bench))).to.equal('b');
  });
});

describe('queue, section 3: ownership', () => {
  it('§3 in queue: cancelled silently when never presented', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual', evtIoCanceledOnQueue: () => expect.fail('it was never presented') } });
    const [a] = submit(bench, 'a', 'b');
    expect(bench.rig.run(a!.cancelIrp())).to.equal(true);
    expect(statusesOf(bench.application)).to.deep.equal({ a: STATUS_CANCELLED });
    expect(bench.queue.waitingCount).to.equal(1);
  });

  it('§3 EvtIoCanceledOnQueue: only for what was presented earlier; the driver completes it and cannot requeue it', () => {
    const bench: QueueBench = keepingQueue({
      queue: {
        dispatchType: 'manual',
        *evtIoCanceledOnQueue(_queue, request): Suspending<void> {
          bench.rig.log.push('canceled on queue');
          expect(yield* request.requeue()).to.equal(STATUS_INVALID_DEVICE_REQUEST);
          bench.held.push(request);
        },
      },
    });
    const [a] = submit(bench, 'a');
    bench.rig.run(take(bench).requeue());
    bench.rig.run(a!.cancelIrp());
    expect([bench.rig.log, a!.isDriverOwned, a!.isCanceled()]).to.deep.equal([['canceled on queue'], true, true]);
    bench.rig.run(() => bench.held[0]!.complete(STATUS_CANCELLED));
    expect([rulesOf(bench), bench.queue.driverOwnedCount]).to.deep.equal([['C13'], 0]);
  });

  it('§3 without EvtIoCanceledOnQueue the framework completes it CANCELLED', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    const [a] = submit(bench, 'a');
    bench.rig.run(take(bench).requeue());
    bench.rig.run(a!.cancelIrp());
    expect(statusesOf(bench.application)).to.deep.equal({ a: STATUS_CANCELLED });
  });

  it('§3 requeued or forwarded while cancelled already: as if cancelled in that queue', () => {
    const requeued = keepingQueue({ queue: { dispatchType: 'manual' } });
    submit(requeued, 'a');
    const request = take(requeued);
    requeued.rig.run(request.cancelIrp());
    expect(requeued.rig.run(request.requeue())).to.equal(STATUS_SUCCESS);
    expect(statusesOf(requeued.application)).to.deep.equal({ a: STATUS_CANCELLED });
    const forwarded = keepingQueue();
    submit(forwarded, 'a');
    const told: IoQueue[] = [];
    const destination = forwarded.rig.createQueue(forwarded.device, {
      dispatchType: 'manual',
      evtIoCanceledOnQueue: (queue) => void told.push(queue),
    });
    forwarded.rig.run(forwarded.held[0]!.cancelIrp());
    expect(forwarded.rig.run(forwarded.held[0]!.forwardToIoQueue(destination))).to.equal(STATUS_SUCCESS);
    expect([told[0] === destination, forwarded.held[0]!.isDriverOwned]).to.deep.equal([true, true]);
  });

  it('§3 delivered or retrieved: complete, forward, requeue, mark, keep; forwarded: nothing, and its context stays', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    submit(bench, 'a');
    const request = take(bench);
    expect(bench.rig.run(() => request.markCancelableEx(() => undefined))).to.equal(STATUS_SUCCESS);
    expect(bench.rig.run(() => request.unmarkCancelable())).to.equal(STATUS_SUCCESS);
    const { context } = request;
    const other = bench.rig.createQueue(bench.device, { dispatchType: 'manual' });
    expect(bench.rig.run(request.forwardToIoQueue(other))).to.equal(STATUS_SUCCESS);
    expect(bench.rig.run(() => request.markCancelableEx(() => undefined))).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(request.isCanceled()).to.equal(false);
    expect([rulesOf(bench), request.context === context]).to.deep.equal([['C10', 'C12'], true]);
  });

  it('§3 completed: nothing; even a look is a finding', () => {
    const bench = keepingQueue();
    submit(bench, 'a');
    bench.rig.run(complete(bench.rig, bench.held[0]!));
    expect(crashOf(() => bench.held[0]!.isCanceled()).rule).to.equal('C09');
  });
});

describe('queue: looking for requests', () => {
  it('FindRequest walks without taking, with a reference; RetrieveFoundRequest takes, or NOT_FOUND', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    const { rig, application, device, queue } = bench;
    const file = rig.openFile(device);
    application.submit(device, application.request('a'), application.request('b', RequestType.Read, 64, file), application.request('c'));
    const first = rig.run(queue.findRequest());
    const second = rig.run(queue.findRequest(first.request));
    expect([first, second].map(({ request }) => application.nameOf(request!))).to.deep.equal(['a', 'b']);
    expect([second.request!.references, queue.waitingCount]).to.deep.equal([2, 3]);
    expect(rig.run(queue.findRequest(null, file)).request).to.equal(second.request);
    expect(rig.run(queue.findRequest(second.request, file)).status).to.equal(STATUS_NO_MORE_ENTRIES);
    rig.run(second.request!.cancelIrp());
    expect(rig.run(() => queue.retrieveFoundRequest(second.request!)).status).to.equal(STATUS_NOT_FOUND);
    expect(rig.run(queue.findRequest(second.request)).status).to.equal(STATUS_NOT_FOUND);
    const taken = rig.run(() => queue.retrieveFoundRequest(first.request!));
    expect(taken.ok && application.nameOf(taken.object)).to.equal('a');
  });

  it('by file object: the oldest one issued through it; stopped queues answer WDF_PAUSED', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'manual' } });
    const { rig, application, device, queue } = bench;
    const file = rig.openFile(device);
    application.submit(device, application.request('a'), application.request('b', RequestType.Read, 64, file));
    const taken = rig.run(() => queue.retrieveRequestByFileObject(file));
    expect(taken.ok && application.nameOf(taken.object)).to.equal('b');
    expect(rig.run(() => queue.retrieveRequestByFileObject(file)).status).to.equal(STATUS_NO_MORE_ENTRIES);
    rig.run(queue.stop());
    expect(rig.run(() => queue.retrieveNextRequest()).status).to.equal(STATUS_WDF_PAUSED);
  });

  it('C25: RetrieveFoundRequest is for manual queues', () => {
    const bench = keepingQueue({ queue: { dispatchType: 'sequential' } });
    const [, b] = submit(bench, 'a', 'b');
    expect(bench.rig.run(() => bench.queue.retrieveFoundRequest(b!)).status).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(rulesOf(bench)).to.deep.equal(['C25']);
  });
});

/** Runs `body` alone on virtual CPU 0, leaving the other one where it stands. */
function straight<T>({ rig }: QueueBench, body: Body<T>): T {
  const outcome: { value?: T } = {};
  rig.thread(
    0,
    'driver',
    (function* (): Suspending<void> {
      outcome.value = yield* started(body);
    })(),
  );
  const cpu = rig.kernel.vcpus[0]!;
  while (cpu.isEnabled()) cpu.advance();
  return outcome.value as T;
}

function* dropResult(body: Suspending<unknown>): Suspending<void> {
  yield* body;
}
