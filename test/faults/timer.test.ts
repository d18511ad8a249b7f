import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending, VirtualClock } from '../../src/kernel/index.js';
import { BugCheck, DISPATCH_LEVEL, PASSIVE_LEVEL, STATUS_INVALID_PARAMETER } from '../../src/nt/index.js';
import { Timer, type Device, type TimerConfig } from '../../src/wdf/index.js';
import { Rig } from '../wdf/rig.js';

const MS = 1_000_000;

interface Bench {
  readonly rig: Rig;
  readonly device: Device;
  readonly timer: Timer;
  /** Virtual milliseconds at which the callback ran, and the levels it ran at. */
  readonly fired: number[];
  readonly levels: number[];
}

function bench(config: Partial<TimerConfig> = {}, scope: 'none' | 'device' = 'none'): Bench {
  const rig = new Rig({ scope });
  const device = rig.createDevice();
  const fired: number[] = [];
  const levels: number[] = [];
  const created = Timer.create(device, {
    evtTimerFunc: () => {
      fired.push(rig.kernel.clock.nowNs() / MS);
      levels.push(rig.kernel.current.irql);
    },
    ...config,
  });
  if (!created.ok) throw new Error('the timer was not created');
  return { rig, device, timer: created.object, fired, levels };
}

/** Lets virtual time come to `untilMs`, timer by timer, running what they cause. */
function pass({ kernel, ...rest }: Rig, untilMs: number): void {
  void rest;
  const clock = kernel.clock as VirtualClock;
  while (kernel.timers.nextDueNs <= untilMs * MS) {
    clock.advanceTo(kernel.timers.nextDueNs);
    kernel.fireTimers(clock.nowNs());
    for (let cpu = kernel.vcpus.find((each) => each.isEnabled()); cpu !== undefined; cpu = kernel.vcpus.find((each) => each.isEnabled()))
      cpu.advance();
  }
  clock.advanceTo(untilMs * MS);
}

describe('WDFTIMER', () => {
  it('fires once, at DISPATCH_LEVEL, when its time has come and not before', () => {
    const { rig, timer, fired, levels } = bench();
    expect(timer.start(10)).to.equal(false);
    pass(rig, 9);
    expect(fired).to.deep.equal([]);
    pass(rig, 100);
    expect([fired, levels]).to.deep.equal([[10], [DISPATCH_LEVEL]]);
  });

  it('started again it is moved, and start says that it was in the queue', () => {
    const { rig, timer, fired } = bench();
    expect([timer.start(10), timer.start(30)]).to.deep.equal([false, true]);
    pass(rig, 100);
    expect(fired).to.deep.equal([30]);
    expect(timer.start(5), 'after it has fired').to.equal(false);
    pass(rig, 200);
    expect(fired).to.deep.equal([30, 105]);
  });

  it('stop says whether it was in the queue; a stopped timer does not fire', () => {
    const { rig, timer, fired } = bench();
    expect(rig.run(timer.stop(false))).to.equal(false);
    timer.start(10);
    expect(rig.run(timer.stop(false))).to.equal(true);
    expect(rig.run(timer.stop(true))).to.equal(false);
    pass(rig, 100);
    expect(fired).to.deep.equal([]);
  });

  it('with a period it fires again and again until it is stopped', () => {
    const { rig, timer, fired } = bench({ periodMs: 20 });
    timer.start(5);
    pass(rig, 70);
    expect(fired).to.deep.equal([5, 25, 45, 65]);
    expect(rig.run(timer.stop(true)), 'a periodic timer is in the queue all the time').to.equal(true);
    pass(rig, 200);
    expect(fired).to.have.length(4);
  });

  it('stop with wait returns when a callback that runs has returned; without, at once', () => {
    for (const wait of [true, false]) {
      const log: string[] = [];
      const { rig, timer } = bench({
        *evtTimerFunc(): Suspending<void> {
          log.push('callback begins');
          // Suspends between the two: the other virtual CPU goes on meanwhile.
          yield rig.kernel.standAt(rig.kernel.callOp(1));
          log.push('callback ends');
        },
      });
      const { kernel } = rig;
      timer.start(1);
      (kernel.clock as VirtualClock).advanceTo(MS);
      kernel.fireTimers(MS);
      const [first, second] = [kernel.vcpus[0]!, kernel.vcpus[1]!];
      first.advance();
      expect(log).to.deep.equal(['callback begins']);
      rig.thread(
        1,
        'stopper',
        (function* () {
          log.push(`stop: ${yield* timer.stop(wait)}`);
        })(),
      );
      while (second.isEnabled()) second.advance();
      while (first.isEnabled()) first.advance();
      while (second.isEnabled()) second.advance();
      const ended = wait ? ['callback ends', 'stop: false'] : ['stop: false', 'callback ends'];
      expect(log).to.deep.equal(['callback begins', ...ended]);
    }
  });

  it('stop with wait above PASSIVE_LEVEL is C01: false, and the timer goes on', () => {
    const { rig, timer } = bench();
    timer.start(10);
    const result = rig.run(
      (function* () {
        rig.kernel.current.irql = DISPATCH_LEVEL;
        const wasQueued = yield* timer.stop(true);
        rig.kernel.current.irql = PASSIVE_LEVEL;
        return wasQueued;
      })(),
    );
    expect(result).to.equal(false);
    expect(rig.kernel.timers.size).to.equal(1);
    expect(rig.kernel.findings.kept.map(({ rule }) => rule)).to.deep.equal(['C01']);
  });

  it('the callback takes the device lock in scope device, unless it is told not to', () => {
    for (const [config, held] of [
      [{}, true],
      [{ automaticSerialization: false }, false],
    ] as const) {
      let wasHeld: boolean | null = null;
      const { rig, timer, device } = bench(
        { ...config, evtTimerFunc: () => void (wasHeld = device.callbackLock!.isHeldByCurrent) },
        'device',
      );
      timer.start(1);
      pass(rig, 2);
      expect(wasHeld).to.equal(held);
    }
  });

  it('goes with its device: it does not fire any more, and its handle is dead (B05)', () => {
    const { rig, timer, device, fired } = bench({ periodMs: 5 });
    timer.start(5);
    pass(rig, 6);
    rig.run(device.delete());
    expect([timer.isLive, rig.kernel.timers.size]).to.deep.equal([false, 0]);
    pass(rig, 100);
    expect(fired).to.deep.equal([5]);
    expect(() => timer.start(1)).to.throw(BugCheck, /WdfTimerStart is called with the handle/);
  });

  it('deleting waits for a callback that runs', () => {
    const log: string[] = [];
    const { rig, timer } = bench({
      *evtTimerFunc(): Suspending<void> {
        yield rig.kernel.standAt(rig.kernel.callOp(1));
        log.push('callback ends');
      },
    });
    const { kernel } = rig;
    timer.start(0);
    kernel.fireTimers(0);
    kernel.vcpus[0]!.advance();
    rig.thread(
      1,
      'deleter',
      (function* () {
        yield* timer.delete();
        log.push('deleted');
      })(),
    );
    while (kernel.vcpus[1]!.isEnabled()) kernel.vcpus[1]!.advance();
    expect(log).to.deep.equal([]);
    rig.settle();
    expect(log).to.deep.equal(['callback ends', 'deleted']);
  });

  it('belongs to a queue as well; a period that is no whole number is refused', () => {
    const { rig, device } = bench();
    const queue = rig.createQueue(device, { dispatchType: 'manual' });
    const created = Timer.create(queue, { evtTimerFunc: () => undefined });
    expect(created.ok && created.object.parentObject).to.equal(queue);
    for (const periodMs of [-1, 0.5, Infinity])
      expect(Timer.create(device, { evtTimerFunc: () => undefined, periodMs }).status).to.equal(STATUS_INVALID_PARAMETER);
  });
});
