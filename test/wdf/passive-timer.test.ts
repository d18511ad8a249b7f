import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending, VirtualClock } from '../../src/kernel/index.js';
import {
  PASSIVE_LEVEL,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_NOT_SUPPORTED,
  STATUS_SUCCESS,
  STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
} from '../../src/nt/index.js';
import { Timer, WorkItem, type Device, type ExecutionLevel, type Request, type TimerConfig } from '../../src/wdf/index.js';
import { Application, Rig } from './rig.js';

const MS = 1_000_000;

interface Bench {
  readonly rig: Rig;
  readonly device: Device;
  readonly timer: Timer;
  readonly rules: () => string[];
}

function bench(config: Partial<TimerConfig> = {}, scope: 'none' | 'device' = 'none', level: ExecutionLevel = 'dispatch'): Bench {
  const rig = new Rig({ scope, executionLevel: level });
  const device = rig.createDevice();
  const log = (): number => rig.log.push(`run at ${rig.kernel.current.irql}, ${rig.kernel.clock.nowNs() / MS} ms`);
  const created = Timer.create(device, { evtTimerFunc: () => void log(), executionLevel: 'passive', ...config });
  if (!created.ok) throw new Error('the timer was not created');
  return { rig, device, timer: created.object, rules: () => rig.kernel.findings.kept.map(({ rule }) => rule) };
}

/** Lets the timers that are due at `ms` fire; what they cause runs in `settle`. */
function fireAt({ kernel }: Rig, ms: number): void {
  (kernel.clock as VirtualClock).advanceTo(ms * MS);
  kernel.fireTimers(ms * MS);
}

const statusOf = (device: Device, config: Partial<TimerConfig>): number =>
  Timer.create(device, { evtTimerFunc: () => undefined, ...config }).status;

function* point({ kernel }: Rig): Suspending<void> {
  yield kernel.standAt(kernel.callOp(1));
}

describe('a timer with execution level passive', () => {
  it('calls back at PASSIVE_LEVEL, in a thread after its DPC', () => {
    const { rig, timer } = bench();
    timer.start(10);
    fireAt(rig, 10);
    expect(rig.log).to.deep.equal([]);
    rig.settle();
    expect(rig.log).to.deep.equal([`run at ${PASSIVE_LEVEL}, 10 ms`]);
  });

  it('cannot be periodic: NOT_SUPPORTED', () => {
    const { device } = bench();
    expect(statusOf(device, { executionLevel: 'passive', periodMs: 5 })).to.equal(STATUS_NOT_SUPPORTED);
    expect(statusOf(device, { periodMs: 5 })).to.equal(STATUS_SUCCESS);
  });

  it('takes the mutex of passive callbacks; with the other level automatic serialization is refused, both ways', () => {
    let wasHeld = false;
    const passive = bench({ evtTimerFunc: () => void (wasHeld = passive.device.callbackLock!.isHeldByCurrent) }, 'device', 'passive');
    passive.timer.start(0);
    fireAt(passive.rig, 0);
    passive.rig.settle();
    expect(wasHeld).to.equal(true);
    expect(statusOf(passive.device, { executionLevel: 'dispatch' })).to.equal(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    const dispatch = new Rig({ scope: 'device' }).createDevice();
    expect(statusOf(dispatch, { executionLevel: 'passive' })).to.equal(STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL);
    expect(statusOf(dispatch, { executionLevel: 'passive', automaticSerialization: false })).to.equal(STATUS_SUCCESS);
  });

  it('stop with wait waits for a callback that still waits for its thread', () => {
    const { rig, timer } = bench();
    timer.start(1);
    fireAt(rig, 1);
    rig.run(
      (function* (): Suspending<void> {
        rig.log.push(`stop: ${yield* timer.stop(true)}`);
      })(),
    );
    expect(rig.log).to.deep.equal([`run at ${PASSIVE_LEVEL}, 1 ms`, 'stop: false']);
  });

  it('stopped with wait from its own callback is L-WORK-ITEM, and false at once; so is deleting it there', () => {
    const { rig, timer, rules } = bench({
      *evtTimerFunc(own): Suspending<void> {
        rig.log.push(`stop: ${yield* own.stop(true)}`);
        yield* own.delete();
      },
    });
    timer.start(0);
    fireAt(rig, 0);
    rig.settle();
    expect([rig.log, rules(), timer.isDestroyed]).to.deep.equal([['stop: false'], ['L-WORK-ITEM', 'L-WORK-ITEM'], true]);
  });

  it('two expirations before the thread has come make one call', () => {
    const { rig, timer } = bench();
    const dpc = (ms: number): void => {
      timer.start(0);
      fireAt(rig, ms);
      // Only the DPC runs: the thread it queued stands behind.
      rig.kernel.vcpus[0]!.advance();
    };
    rig.thread(
      0,
      'busy',
      (function* (): Suspending<void> {
        for (let i = 0; i < 3; i++) yield* point(rig);
      })(),
    );
    rig.kernel.vcpus[0]!.advance();
    dpc(1);
    dpc(2);
    rig.settle();
    expect(rig.log).to.have.length(1);
  });
});

describe('a timer that is started while somebody stops it and waits', () => {
  it('ignores the start, and the stop answers true', () => {
    const { rig, timer } = bench({
      executionLevel: 'dispatch',
      *evtTimerFunc(own): Suspending<void> {
        yield* point(rig);
        // The habit of drivers that want a period of their own.
        rig.log.push(`start: ${own.start(5)}`);
      },
    });
    timer.start(1);
    fireAt(rig, 1);
    rig.kernel.vcpus[0]!.advance();
    rig.thread(
      1,
      'stopper',
      (function* (): Suspending<void> {
        rig.log.push(`stop: ${yield* timer.stop(true)}`);
      })(),
    );
    while (rig.kernel.vcpus[1]!.isEnabled()) rig.kernel.vcpus[1]!.advance();
    rig.settle();
    expect([rig.log, rig.kernel.timers.size]).to.deep.equal([['start: false', 'stop: true'], 0]);
  });
});

describe('a timer that two threads stop and wait for', () => {
  it('ignores a start until the second of them has its answer, which is true then', () => {
    const { rig, timer } = bench({
      executionLevel: 'dispatch',
      *evtTimerFunc(): Suspending<void> {
        yield* point(rig);
      },
    });
    const [dpcCpu, other] = [rig.kernel.vcpus[0]!, rig.kernel.vcpus[1]!];
    const stop = function* (name: string): Suspending<void> {
      rig.log.push(`${name}: ${yield* timer.stop(true)}`);
    };
    timer.start(1);
    fireAt(rig, 1);
    dpcCpu.advance();
    for (const name of ['first', 'second']) rig.thread(1, name, stop(name));
    while (other.isEnabled()) other.advance();
    while (dpcCpu.isEnabled()) dpcCpu.advance();
    while (rig.log.length === 0) other.advance();
    rig.log.push(`start: ${timer.start(5)}`);
    rig.settle();
    expect([rig.log, rig.kernel.timers.size]).to.deep.equal([['first: false', 'start: false', 'second: true'], 0]);
  });
});

describe('a tolerable delay', () => {
  const due = (tolerableDelayMs: number, otherMs: number | null): number => {
    const { rig, timer } = bench({ tolerableDelayMs });
    if (otherMs !== null) {
      const other = Timer.create(rig.createDevice(), { evtTimerFunc: () => undefined });
      if (other.ok) other.object.start(otherMs);
    }
    timer.start(10);
    for (let ms = 10; ms < 100 && rig.log.length === 0; ms++) {
      fireAt(rig, ms);
      rig.settle();
    }
    return Number(/(\d+) ms/.exec(rig.log[0]!)![1]);
  };

  it('lets the timer fire together with the next one that is due in time', () => {
    expect([due(0, 15), due(20, 15), due(20, 31), due(20, null)]).to.deep.equal([10, 15, 10, 10]);
  });

  it('without a bound joins whatever comes next', () => {
    expect([due(Infinity, 90), due(Infinity, 5)]).to.deep.equal([90, 10]);
  });

  it('does not go together with high resolution: INVALID_PARAMETER; nor is it negative or a fraction', () => {
    const { device } = bench();
    expect(statusOf(device, { tolerableDelayMs: 1, useHighResolutionTimer: true })).to.equal(STATUS_INVALID_PARAMETER);
    expect(statusOf(device, { useHighResolutionTimer: true })).to.equal(STATUS_SUCCESS);
    for (const tolerableDelayMs of [-1, 0.5]) expect(statusOf(device, { tolerableDelayMs })).to.equal(STATUS_INVALID_PARAMETER);
    expect(statusOf(device, { periodMs: 2 ** 31 })).to.equal(STATUS_INVALID_PARAMETER);
  });
});

describe('children of a request', () => {
  /** Creates something below a request and completes it in a DPC or in its handler. */
  function completeWith(makeChild: (request: Request) => { readonly isDestroyed: boolean }, level: 'dpc' | 'handler'): unknown[] {
    const rig = new Rig();
    const device = rig.createDevice();
    let child: { readonly isDestroyed: boolean } | null = null;
    let kept: Request | null = null;
    const queue = rig.createQueue(device, {
      dispatchType: 'parallel',
      *evtIoRead(_queue, request): Suspending<void> {
        child = makeChild(request);
        kept = request;
        if (level === 'handler') yield* request.complete(STATUS_SUCCESS);
      },
    });
    device.setDefaultQueue(queue);
    rig.start(device);
    const application = new Application(rig);
    application.submit(device, application.request('a'));
    if (level === 'dpc') {
      const completer = Timer.create(device, { evtTimerFunc: () => kept!.complete(STATUS_SUCCESS) });
      if (completer.ok) completer.object.start(0);
      fireAt(rig, 0);
    }
    rig.settle();
    return [application.names, child!.isDestroyed, rig.kernel.findings.kept.map(({ rule }) => rule)];
  }

  const timerOf = (request: Request): Timer => {
    const created = Timer.create(request, { evtTimerFunc: () => undefined });
    if (!created.ok) throw new Error('no timer');
    return created.object;
  };
  const workItemOf = (request: Request): WorkItem => {
    const created = WorkItem.create(request, { evtWorkItemFunc: () => undefined });
    if (!created.ok) throw new Error('no work item');
    return created.object;
  };

  it('C26: a timer or a work item below a request that is completed at DISPATCH_LEVEL goes later, in a thread', () => {
    expect(completeWith(timerOf, 'dpc')).to.deep.equal([['a'], true, ['C26']]);
    expect(completeWith(workItemOf, 'dpc')).to.deep.equal([['a'], true, ['C26']]);
  });

  it('at PASSIVE_LEVEL they go with the request, and nothing is said', () => {
    expect(completeWith(timerOf, 'handler')).to.deep.equal([['a'], true, []]);
    expect(completeWith(workItemOf, 'handler')).to.deep.equal([['a'], true, []]);
  });

  it('need a device above: INVALID_DEVICE_REQUEST below a request that is in no queue', () => {
    const rig = new Rig();
    const outside = new Application(rig).request('outside');
    expect(Timer.create(outside, { evtTimerFunc: () => undefined }).status).to.equal(STATUS_INVALID_DEVICE_REQUEST);
  });

  it('a timer that is deleted at DISPATCH_LEVEL is stopped at once and goes later, in a thread', () => {
    const { rig, timer } = bench({
      executionLevel: 'dispatch',
      *evtTimerFunc(own): Suspending<void> {
        own.start(5);
        yield* own.delete();
        rig.log.push(`armed: ${rig.kernel.timers.size}, destroyed: ${own.isDestroyed}`);
      },
    });
    timer.start(0);
    fireAt(rig, 0);
    rig.settle();
    expect([rig.log, timer.isDestroyed]).to.deep.equal([['armed: 0, destroyed: false'], true]);
  });
});
