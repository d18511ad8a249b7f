import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, SeededRandom, SpinLock, type Kernel, type Suspending } from '../../src/kernel/index.js';
import { DISPATCH_LEVEL, PASSIVE_LEVEL, WDF_VIOLATION } from '../../src/nt/index.js';
import { crashOf, everyPoint, newKernel, oneCall, point, runToEnd } from './bench-kernel.js';

/** Raises a counter by reading it, letting others run, and writing it back: loses counts unless the lock works. */
function* addSlowly(kernel: Kernel, lock: SpinLock | null, counter: { value: number }, times: number): Suspending<void> {
  for (let i = 0; i < times; i++) {
    if (lock !== null) yield* lock.acquire();
    const { value } = counter;
    yield* point(kernel);
    counter.value = value + 1;
    if (lock !== null) yield* lock.release();
  }
}

function countTo(seed: number, locked: boolean): number {
  const kernel = newKernel(everyPoint);
  const lock = locked ? new SpinLock(kernel, 'counter lock') : null;
  const counter = { value: 0 };
  kernel.vcpus[0]!.queueThread('a', 1, addSlowly(kernel, lock, counter, 5));
  kernel.vcpus[1]!.queueThread('b', 2, addSlowly(kernel, lock, counter, 5));
  runToEnd(kernel, new SeededRandom(seed));
  return counter.value;
}

describe('spin lock', () => {
  it('excludes two vCPUs from each other under every drawn schedule; without it counts are lost', () => {
    const seeds = Array.from({ length: 100 }, (_, seed) => seed);
    expect(seeds.map((seed) => countTo(seed, true)).filter((count) => count !== 10)).to.deep.equal([]);
    expect(seeds.filter((seed) => countTo(seed, false) < 10).length).to.be.greaterThan(50);
  });

  it('keeps a spinning vCPU out of the schedule until the holder lets go, and says who holds it', () => {
    const kernel = newKernel(everyPoint);
    const [a, b] = [kernel.vcpus[0]!, kernel.vcpus[1]!];
    const lock = new SpinLock(kernel, 'ring lock');
    const counter = { value: 0 };
    a.queueThread('writer', 1, addSlowly(kernel, lock, counter, 1));
    b.queueThread('reader', 2, addSlowly(kernel, lock, counter, 1));
    a.advance(); // stands before acquire
    a.advance(); // holds it, stands inside
    b.advance(); // stands before acquire
    expect([a.isEnabled(), b.isEnabled()]).to.deep.equal([true, false]);
    expect([a.irql, b.irql]).to.deep.equal([DISPATCH_LEVEL, DISPATCH_LEVEL]);
    expect(lock.holder()).to.equal(a);
    expect(kernel.describeWaits()).to.equal('vCPU 1 (reader) waits for ring lock, held by vCPU 0 (writer)');
    a.advance(); // stands before release
    expect(b.isEnabled()).to.equal(false);
    a.advance(); // released, ended
    expect([a.irql, b.isEnabled(), a.isIdle]).to.deep.equal([PASSIVE_LEVEL, true, true]);
    runToEnd(kernel);
    expect(counter.value).to.equal(2);
    expect(kernel.findings.total).to.equal(0);
  });

  it('is not entered while it is held, even when the gate would let everybody pass', () => {
    const kernel = newKernel(everyPoint);
    const lock = new SpinLock(kernel, 'lock');
    kernel.vcpus[0]!.queueThread('owner', 1, addSlowly(kernel, lock, { value: 0 }, 1));
    kernel.vcpus[0]!.advance();
    kernel.vcpus[0]!.advance();
    kernel.gate = { at: () => false };
    kernel.vcpus[1]!.queueThread('other', 2, addSlowly(kernel, lock, { value: 0 }, 1));
    for (let i = 0; i < 3; i++) {
      kernel.vcpus[1]!.advance(); // as a scheduler must not, while it is not enabled
      expect([lock.holder(), kernel.vcpus[1]!.isEnabled()]).to.deep.equal([kernel.vcpus[0], false]);
    }
    runToEnd(kernel);
    expect([lock.holder(), kernel.vcpus[1]!.isIdle]).to.deep.equal([null, true]);
  });

  it('raises to its level and restores the level before, nested too', () => {
    const kernel = newKernel();
    const outer = new SpinLock(kernel, 'outer');
    const inner = new SpinLock(kernel, 'interrupt lock', 7);
    const levels: number[] = [];
    const note = (): unknown => levels.push(kernel.current.irql);
    function* body(): Suspending<void> {
      note();
      yield* outer.acquire();
      note();
      yield* inner.acquire();
      note();
      expect([outer.isHeldByCurrent, inner.isHeldByCurrent]).to.deep.equal([true, true]);
      yield* inner.release();
      note();
      yield* outer.release();
      note();
    }
    kernel.runStraight('test', body());
    expect(levels).to.deep.equal([0, DISPATCH_LEVEL, 7, DISPATCH_LEVEL, 0]);
    expect([outer.isHeldByCurrent, inner.isHeldByCurrent]).to.deep.equal([false, false]);
  });

  it('B02: acquired again by the vCPU that holds it', () => {
    const kernel = newKernel();
    const lock = new SpinLock(kernel, 'lock');
    function* body(): Suspending<void> {
      yield* lock.acquire();
      yield* lock.acquire();
    }
    const violation = crashOf(() => kernel.runStraight('test', body()));
    expect([violation.rule, violation.severity, violation.object]).to.deep.equal(['B02', 'crash', `lock#${lock.objectId}`]);
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [2, lock.objectId] });
  });

  it('B21: released by a vCPU that does not hold it, whoever holds it', () => {
    const kernel = newKernel(everyPoint);
    const lock = new SpinLock(kernel, 'lock');
    kernel.vcpus[0]!.queueThread('owner', 1, addSlowly(kernel, lock, { value: 0 }, 1));
    kernel.vcpus[0]!.advance();
    kernel.vcpus[0]!.advance();
    expect(lock.holder()).to.equal(kernel.vcpus[0]);
    kernel.vcpus[1]!.queueThread(
      'thief',
      2,
      oneCall(() => lock.release()),
    );
    const violation = crashOf(() => kernel.vcpus[1]!.advance());
    expect([violation.rule, violation.severity]).to.deep.equal(['B21', 'crash']);
    expect(violation.message).to.include('virtual CPU 1');
    expect(lock.holder(), 'the owner still holds it').to.equal(kernel.vcpus[0]);
  });

  it('B21: released by nobody who ever acquired it', () => {
    const kernel = newKernel();
    expect(
      crashOf(() =>
        kernel.runStraight(
          'test',
          oneCall(() => new SpinLock(kernel, 'lock').release()),
        ),
      ).rule,
    ).to.equal('B21');
  });

  it('C01: acquired above its level is a finding, not a crash', () => {
    const kernel = newKernel();
    const low = new SpinLock(kernel, 'low');
    const high = new SpinLock(kernel, 'high', 9);
    function* body(): Suspending<void> {
      yield* high.acquire();
      yield* low.acquire();
      yield* low.release();
      yield* high.release();
    }
    kernel.runStraight('test', body());
    expect(kernel.findings.kept.map(({ rule, severity }) => [rule, severity])).to.deep.equal([['C01', 'error']]);
    expect(kernel.findings.kept[0]!.message).to.include('DIRQL(9)');
    expect(kernel.vcpus[0]!.irql).to.equal(PASSIVE_LEVEL);
  });

  it('holds back a queued DPC until it is released, and no instruction longer', () => {
    const kernel = newKernel();
    const order: string[] = [];
    const dpc = new Dpc(kernel, 'dpc', function* () {
      order.push('dpc');
      yield* point(kernel);
    });
    const lock = new SpinLock(kernel, 'lock');
    function* body(): Suspending<void> {
      yield* lock.acquire();
      dpc.queue();
      yield* point(kernel);
      order.push('inside');
      yield* lock.release();
      order.push('after');
    }
    kernel.runStraight('test', body());
    expect(order).to.deep.equal(['inside', 'dpc', 'after']);
  });
});
