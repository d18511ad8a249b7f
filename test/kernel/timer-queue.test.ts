import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Dpc, TimerQueue, type Kernel, type KernelTimer, type VirtualClock } from '../../src/kernel/index.js';
import { newKernel, point, runToEnd } from './bench-kernel.js';

function newTimer(kernel: Kernel, name: string, fired: string[] = []): KernelTimer {
  const dpc: Dpc = new Dpc(kernel, name, function* () {
    fired.push(`${name} on ${kernel.current.id}`);
    yield* point(kernel, dpc.objectId);
  });
  return { name, dpc, cpu: kernel.vcpus[0]!, dueNs: 0, periodNs: 0, heapIndex: -1, order: 0 };
}

/** What the queue must behave like: a list sorted by due time, then by the order of arming. */
class SortedModel {
  readonly #armed: { timer: KernelTimer; dueNs: number; order: number }[] = [];
  #order = 0;

  arm(timer: KernelTimer, dueNs: number): void {
    this.cancel(timer);
    this.#armed.push({ timer, dueNs, order: this.#order++ });
    this.#armed.sort((a, b) => a.dueNs - b.dueNs || a.order - b.order);
  }

  cancel(timer: KernelTimer): boolean {
    const index = this.#armed.findIndex((entry) => entry.timer === timer);
    if (index >= 0) this.#armed.splice(index, 1);
    return index >= 0;
  }

  popDue(nowNs: number): KernelTimer | null {
    const first = this.#armed[0];
    if (first === undefined || first.dueNs > nowNs) return null;
    this.#armed.shift();
    if (first.timer.periodNs > 0) this.arm(first.timer, first.dueNs + first.timer.periodNs);
    return first.timer;
  }

  get size(): number {
    return this.#armed.length;
  }

  get nextDueNs(): number {
    return this.#armed[0]?.dueNs ?? Infinity;
  }
}

const TIMERS = 40;
/** Arming is the most frequent move, so that the heap grows several levels deep. */
const move = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('arm' as const), timer: fc.nat(TIMERS - 1), timeNs: fc.nat(60) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('cancel' as const), timer: fc.nat(TIMERS - 1), timeNs: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('pop' as const), timer: fc.constant(0), timeNs: fc.nat(30) }) },
);

describe('timer queue', () => {
  it('behaves as a sorted list does, ties in the order of arming', () => {
    fc.assert(
      fc.property(fc.array(move, { minLength: 40, maxLength: 200 }), (moves) => {
        const kernel = newKernel();
        const timers = Array.from({ length: TIMERS }, (_, i) => newTimer(kernel, `t${i}`));
        timers[3]!.periodNs = 7;
        timers[4]!.periodNs = 1;
        const queue = new TimerQueue();
        const model = new SortedModel();
        for (const { what, timer, timeNs } of moves) {
          const chosen = timers[timer]!;
          if (what === 'arm') {
            queue.arm(chosen, timeNs);
            model.arm(chosen, timeNs);
          } else if (what === 'cancel') expect(queue.cancel(chosen)).to.equal(model.cancel(chosen));
          else expect(queue.popDue(timeNs)?.name).to.equal(model.popDue(timeNs)?.name);
          expect(queue.size).to.equal(model.size);
          expect(queue.nextDueNs).to.equal(model.nextDueNs);
          for (const one of timers) expect(one.heapIndex >= 0 && one.heapIndex < queue.size).to.equal(one.heapIndex !== -1);
        }
        for (const timer of timers) timer.periodNs = 0;
        while (model.size > 0) expect(queue.popDue(Infinity)?.name).to.equal(model.popDue(Infinity)?.name);
        expect(queue.popDue(Infinity)).to.equal(null);
      }),
      { seed: 8, numRuns: 150 },
    );
  });

  it('drops everything on reset', () => {
    const kernel = newKernel();
    const timer = newTimer(kernel, 't');
    kernel.timers.arm(timer, 5);
    kernel.reset();
    expect(kernel.timers.size).to.equal(0);
    expect(kernel.timers.nextDueNs).to.equal(Infinity);
    expect(kernel.timers.cancel(timer)).to.equal(false);
  });
});

describe('timers in virtual time', () => {
  it('queue their DPC on the vCPU that armed them, when due and not before', () => {
    const kernel = newKernel();
    const fired: string[] = [];
    const once = newTimer(kernel, 'once', fired);
    once.cpu = kernel.vcpus[1]!;
    kernel.timers.arm(once, 100);
    expect(kernel.fireTimers(99)).to.equal(0);
    expect(kernel.fireTimers(100)).to.equal(1);
    expect(fired).to.deep.equal([]);
    runToEnd(kernel);
    expect(fired).to.deep.equal(['once on 1']);
    expect(kernel.fireTimers(1000)).to.equal(0);
  });

  it('fire again and again when periodic, and coalesce while the DPC has not run', () => {
    const kernel = newKernel();
    const fired: string[] = [];
    const periodic = newTimer(kernel, 'tick', fired);
    periodic.periodNs = 10;
    kernel.timers.arm(periodic, 10);
    for (const nowNs of [10, 20, 30]) {
      (kernel.clock as VirtualClock).advanceTo(nowNs);
      expect(kernel.fireTimers(kernel.clock.nowNs())).to.equal(1);
      runToEnd(kernel);
    }
    expect(fired).to.have.length(3);
    expect(kernel.fireTimers(65), 'due at 40, 50 and 60').to.equal(3);
    runToEnd(kernel);
    expect(fired, 'one DPC object is queued at most once').to.have.length(4);
    expect(kernel.timers.nextDueNs).to.equal(70);
  });

  it('need a clock that never runs backwards', () => {
    const { clock } = newKernel();
    const virtual = clock as VirtualClock;
    virtual.advanceTo(50);
    virtual.advanceTo(20);
    expect(virtual.nowNs()).to.equal(50);
    virtual.reset();
    expect(virtual.nowNs()).to.equal(0);
  });
});
