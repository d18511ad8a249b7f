import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { DRIVER_POWER_STATE_FAILURE, STATUS_CANCELLED, STATUS_SUCCESS, STATUS_WDF_PAUSED } from '../../src/nt/index.js';
import { RequestStopAction, type IoQueue, type Request } from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import { completingCancel, keepingQueue, statusesOf, submit, type BenchOptions, type QueueBench } from './bench-queue.js';

const { Suspend, Purge, RequestCancelable } = RequestStopAction;
const rulesOf = ({ rig }: QueueBench): string[] => rig.kernel.findings.kept.map(({ rule }) => rule);

/** A keeping queue whose EvtIoStop logs the flags and then does what the test says; EvtIoResume logs. */
function stopping(onStop: (request: Request, flags: number) => Suspending<void>, options: BenchOptions = {}): QueueBench {
  const bench: QueueBench = keepingQueue({
    ...options,
    queue: {
      *evtIoStop(_queue, request, flags): Suspending<void> {
        bench.rig.log.push(`EvtIoStop ${bench.application.nameOf(request)} 0x${flags.toString(16)}`);
        yield* onStop(request, flags);
      },
      evtIoResume: (_queue, request) => void bench.rig.log.push(`EvtIoResume ${bench.application.nameOf(request)}`),
      ...options.queue,
    },
  });
  return bench;
}

function* nothing(): Suspending<void> {}

/** The power thread goes down on vCPU 0 and says when it is through. */
function beginPowerDown({ rig, device }: QueueBench): void {
  rig.thread(
    0,
    'power',
    (function* (): Suspending<void> {
      yield* device.powerDown();
      rig.log.push('powered down');
    })(),
  );
  rig.settle();
}

describe('power-managed queues (section 8)', () => {
  it('§8 not in D0: requests wait, retrieving is WDF_PAUSED, arrivals are kept for the resume', () => {
    const bench = keepingQueue();
    bench.rig.run(bench.device.powerDown());
    submit(bench, 'a', 'b');
    expect([bench.rig.log, bench.queue.waitingCount]).to.deep.equal([[], 2]);
    const manual = keepingQueue({ queue: { dispatchType: 'manual' } });
    manual.rig.run(manual.device.powerDown());
    expect(manual.rig.run(() => manual.queue.retrieveNextRequest()).status).to.equal(STATUS_WDF_PAUSED);
    bench.rig.run(bench.device.powerUp());
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'EvtIo b']);
  });

  it('§8 leaving D0: EvtIoStop once for each owned request, Suspend, and the flag of those marked cancelable', () => {
    const bench = stopping(function* (request) {
      yield* request.stopAcknowledge(false);
    });
    submit(bench, 'plain', 'marked');
    bench.rig.run(bench.held[1]!.markCancelable(completingCancel(bench)));
    bench.rig.log.length = 0;
    bench.rig.run(bench.device.powerDown());
    expect(bench.rig.log).to.deep.equal([
      `EvtIoStop plain 0x${Suspend.toString(16)}`,
      `EvtIoStop marked 0x${(Suspend + RequestCancelable).toString(16)}`,
    ]);
    expect(bench.device.pnpState).to.equal('Dx');
  });

  it('§8 leaving D0: a request whose cancellation was taken up gets no EvtIoStop, and the transition waits for it', () => {
    const bench = stopping(nothing);
    submit(bench, 'a');
    bench.rig.run(bench.held[0]!.markCancelable(() => void bench.rig.log.push('EvtRequestCancel')));
    bench.rig.run(bench.held[0]!.cancelIrp());
    bench.rig.log.length = 0;
    beginPowerDown(bench);
    expect(bench.rig.log).to.deep.equal([]);
    bench.rig.run(() => bench.held[0]!.complete(STATUS_CANCELLED));
    expect(bench.rig.log).to.deep.equal(['completed a', 'powered down']);
  });

  it('§8 in EvtIoStop: complete', () => {
    const bench = stopping(function* (request) {
      yield* request.complete(STATUS_SUCCESS);
    });
    submit(bench, 'a');
    bench.rig.run(bench.device.powerDown());
    bench.rig.run(bench.device.powerUp());
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'EvtIoStop a 0x1', 'completed a']);
  });

  it('§8 in EvtIoStop: Unmark and StopAcknowledge(TRUE); redelivered from the head on resume, without EvtIoResume', () => {
    const bench = stopping(
      function* (request, flags) {
        if (flags >= RequestCancelable) expect(yield* request.unmarkCancelable()).to.equal(STATUS_SUCCESS);
        yield* request.stopAcknowledge(true);
      },
      { queue: { dispatchType: 'sequential' } },
    );
    submit(bench, 'a', 'b');
    bench.rig.run(bench.held[0]!.markCancelable(completingCancel(bench)));
    bench.rig.log.length = 0;
    bench.rig.run(bench.device.powerDown());
    expect([bench.queue.driverOwnedCount, bench.queue.waitingCount]).to.deep.equal([0, 2]);
    bench.rig.run(bench.device.powerUp());
    expect(bench.rig.log).to.deep.equal([`EvtIoStop a 0x${(Suspend + RequestCancelable).toString(16)}`, 'EvtIo a']);
  });

  it('§8 in EvtIoStop: StopAcknowledge(FALSE); the driver keeps it and gets EvtIoResume before anything is dispatched', () => {
    const bench = stopping(function* (request) {
      yield* request.stopAcknowledge(false);
    });
    submit(bench, 'a');
    bench.rig.run(bench.device.powerDown());
    submit(bench, 'b');
    bench.rig.run(bench.device.powerUp());
    expect(bench.rig.log).to.deep.equal(['EvtIo a', 'EvtIoStop a 0x1', 'EvtIoResume a', 'EvtIo b']);
    expect(rulesOf(bench)).to.deep.equal([]);
  });

  it('§8 in EvtIoStop: nothing; the power thread waits until the request completes', () => {
    const bench = stopping(nothing);
    submit(bench, 'a', 'b');
    bench.rig.log.length = 0;
    beginPowerDown(bench);
    expect(bench.rig.log).to.deep.equal(['EvtIoStop a 0x1', 'EvtIoStop b 0x1']);
    bench.rig.run(() => bench.held[1]!.complete(STATUS_SUCCESS));
    expect(bench.rig.log.at(-1)).to.equal('completed b');
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    expect(bench.rig.log.slice(-2)).to.deep.equal(['completed a', 'powered down']);
  });

  it('§8 wait: no EvtIoStop registered waits for completion', () => {
    const bench = keepingQueue();
    submit(bench, 'a');
    bench.rig.log.length = 0;
    beginPowerDown(bench);
    expect(bench.rig.log).to.deep.equal([]);
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
    expect(bench.rig.log).to.deep.equal(['completed a', 'powered down']);
  });

  it('§8 wait: nobody answers for 60 s: B01, bug check 0x9F, naming what is missing', () => {
    const bench = stopping(nothing);
    submit(bench, 'a');
    const violation = crashOf(() => bench.rig.run(bench.device.powerDown()));
    expect(violation).to.include({ rule: 'B01', severity: 'crash', object: bench.device.label });
    expect(violation.bugCheck).to.deep.equal({ code: DRIVER_POWER_STATE_FAILURE, parameters: [3, bench.device.objectId] });
    expect(violation.message).to.contain(`1 requests of ${bench.queue.label}`);
    expect(bench.rig.kernel.clock.nowNs()).to.equal(60e9);
  });

  it('§8 the transition waits for handlers that still run on another processor', () => {
    const bench: QueueBench = keepingQueue({
      queue: {
        *evtIoDefault(queue, request): Suspending<void> {
          bench.rig.log.push('> EvtIo');
          yield* queue.findRequest();
          bench.rig.log.push('< EvtIo');
          yield* request.complete(STATUS_SUCCESS);
        },
      },
    });
    bench.rig.kernel.gate = { at: () => true };
    bench.rig.thread(1, 'application', () => bench.device.submit(bench.application.request('a')));
    const [power, application] = bench.rig.kernel.vcpus;
    while (!bench.rig.log.includes('> EvtIo')) application!.advance();
    bench.rig.thread(
      0,
      'power',
      (function* (): Suspending<void> {
        yield* bench.device.powerDown();
        bench.rig.log.push('powered down');
      })(),
    );
    while (power!.isEnabled()) power!.advance();
    expect(bench.rig.log).to.deep.equal(['> EvtIo']);
    bench.rig.settle();
    expect(bench.rig.log).to.deep.equal(['> EvtIo', '< EvtIo', 'completed a', 'powered down']);
  });

  it('§8 a cancel during the EvtIoStop calls is held back until they are made', () => {
    const bench = stopping(function* (request) {
      if (request === bench.held[0]) yield* bench.held[1]!.cancelIrp();
      else expect.fail('its cancellation was taken up before its turn came');
      yield* request.stopAcknowledge(false);
      bench.rig.log.push('acknowledged');
    });
    submit(bench, 'a', 'b');
    bench.rig.run(bench.held[1]!.markCancelable(completingCancel(bench)));
    bench.rig.log.length = 0;
    bench.rig.run(bench.device.powerDown());
    expect(bench.rig.log).to.deep.equal(['EvtIoStop a 0x1', 'acknowledged', 'EvtRequestCancel b', 'completed b']);
  });

  it('§8 a cancel during EvtIoResume is held back until those calls are made', () => {
    const bench: QueueBench = keepingQueue({
      queue: {
        *evtIoStop(_queue, request): Suspending<void> {
          yield* request.stopAcknowledge(false);
        },
        *evtIoResume(_queue: IoQueue, request: Request): Suspending<void> {
          bench.rig.log.push(`EvtIoResume ${bench.application.nameOf(request)}`);
          if (request === bench.held[0]) yield* bench.held[0].cancelIrp();
        },
      },
    });
    submit(bench, 'a', 'b');
    bench.rig.run(bench.held[0]!.markCancelable(completingCancel(bench)));
    bench.rig.run(bench.device.powerDown());
    bench.rig.log.length = 0;
    bench.rig.run(bench.device.powerUp());
    expect(bench.rig.log).to.deep.equal(['EvtIoResume a', 'EvtIoResume b', 'EvtRequestCancel a', 'completed a']);
  });

  it('§8 purge on removal: queued ones cancelled, cancelable ones told, the others EvtIoStop(Purge)', () => {
    const bench = stopping(
      function* (request, flags) {
        if (flags === Purge) yield* request.complete(STATUS_CANCELLED);
        else yield* request.stopAcknowledge(false);
      },
      { queue: { dispatchType: 'parallel', numberOfPresentedRequests: 2 } },
    );
    submit(bench, 'marked', 'kept', 'queued');
    bench.rig.run(bench.held[0]!.markCancelable(completingCancel(bench)));
    bench.rig.log.length = 0;
    bench.rig.run(bench.device.remove());
    expect(bench.rig.log).to.deep.equal([
      `EvtIoStop marked 0x${(Suspend + RequestCancelable).toString(16)}`,
      'EvtIoStop kept 0x1',
      'completed queued',
      'EvtRequestCancel marked',
      'completed marked',
      'EvtIoStop kept 0x2',
      'completed kept',
    ]);
    expect(new Set(Object.values(statusesOf(bench.application)))).to.deep.equal(new Set([STATUS_CANCELLED]));
    expect(rulesOf(bench)).to.deep.equal([]);
  });

  it('C16: StopAcknowledge outside EvtIoStop, or to requeue a marked request, is ignored; a late one counts', () => {
    const outside = keepingQueue();
    submit(outside, 'a');
    outside.rig.run(outside.held[0]!.stopAcknowledge(true));
    expect([rulesOf(outside), outside.held[0]!.isDriverOwned]).to.deep.equal([['C16'], true]);
    const bench = stopping(function* (request) {
      yield* request.stopAcknowledge(true);
    });
    submit(bench, 'a');
    bench.rig.run(bench.held[0]!.markCancelable(() => undefined));
    bench.rig.log.length = 0;
    beginPowerDown(bench);
    expect([rulesOf(bench), bench.device.pnpState]).to.deep.equal([['C16'], 'D0']);
    bench.rig.run(bench.held[0]!.stopAcknowledge(false));
    expect([rulesOf(bench), bench.rig.log.at(-1)]).to.deep.equal([['C16', 'C16'], 'powered down']);
  });

  it('C17: StopAcknowledge(FALSE) without EvtIoResume', () => {
    const bench = keepingQueue({
      queue: {
        *evtIoStop(_queue, request): Suspending<void> {
          yield* request.stopAcknowledge(false);
        },
      },
    });
    submit(bench, 'a');
    bench.rig.run(bench.device.powerDown());
    expect(rulesOf(bench)).to.deep.equal(['C17']);
  });

  it('queues that are not power-managed go on in Dx', () => {
    const bench = keepingQueue({ queue: { powerManaged: false } });
    bench.rig.run(bench.device.powerDown());
    submit(bench, 'a');
    expect(bench.rig.log).to.deep.equal(['EvtIo a']);
    bench.rig.run(() => bench.held[0]!.complete(STATUS_SUCCESS));
  });
});
