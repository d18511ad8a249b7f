import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, KernelEvent, SpinLock, type Kernel, type Suspending } from '../../src/kernel/index.js';
import { crashOf, everyPoint, newKernel, oneCall, point, runToEnd } from './bench-kernel.js';

function* waiter(event: KernelEvent, log: string[], name: string): Suspending<void> {
  log.push(`${name} waits`);
  yield* event.wait();
  log.push(`${name} goes on`);
}

function* setter(kernel: Kernel, log: string[], act: () => void): Suspending<void> {
  yield* point(kernel);
  log.push('set');
  act();
  yield* point(kernel);
  log.push('setter ends');
}

describe('kernel event', () => {
  it('parks the thread that waits, and other threads of its vCPU run', () => {
    const kernel = newKernel(everyPoint, 1);
    const cpu = kernel.vcpus[0]!;
    const event = new KernelEvent(kernel, 'idle');
    const log: string[] = [];
    cpu.queueThread('a', 1, waiter(event, log, 'a'));
    cpu.queueThread('b', 2, waiter(event, log, 'b'));
    cpu.queueThread(
      'c',
      3,
      setter(kernel, log, () => event.set()),
    );
    runToEnd(kernel);
    expect(log).to.deep.equal(['a waits', 'b waits', 'set', 'setter ends', 'a goes on', 'b goes on']);
    expect([...cpu.parkedThreads]).to.deep.equal([]);
  });

  it('leaves a vCPU with nothing else to do idle, until another vCPU sets it', () => {
    const kernel = newKernel(everyPoint);
    const [a, b] = [kernel.vcpus[0]!, kernel.vcpus[1]!];
    const event = new KernelEvent(kernel, 'idle');
    const log: string[] = [];
    a.queueThread('a', 1, waiter(event, log, 'a'));
    a.advance();
    a.advance();
    expect([a.isEnabled(), a.isIdle, a.depth]).to.deep.equal([false, true, 0]);
    expect([...a.parkedThreads].map(({ name }) => name)).to.deep.equal(['a']);
    expect(kernel.describeWaits()).to.equal('vCPU 0 (a) waits for idle');
    b.queueThread(
      'b',
      2,
      setter(kernel, log, () => event.set()),
    );
    b.advance();
    b.advance();
    expect(a.isEnabled()).to.equal(true);
    runToEnd(kernel);
    expect(log.at(-1)).to.equal('setter ends');
    expect(log).to.include('a goes on');
  });

  it('lets a DPC run on the vCPU of a parked thread, which may set it', () => {
    const kernel = newKernel();
    const event = new KernelEvent(kernel, 'idle');
    const log: string[] = [];
    const dpc = new Dpc(kernel, 'dpc', () => setter(kernel, log, () => event.set()));
    function* body(): Suspending<void> {
      dpc.queue(kernel.vcpus[1]);
      yield* waiter(event, log, 'a');
    }
    kernel.runStraight('test', body());
    expect(log).to.deep.equal(['a waits', 'set', 'setter ends', 'a goes on']);
  });

  it('stays set until it is cleared', () => {
    const kernel = newKernel();
    const event = new KernelEvent(kernel, 'idle');
    event.set();
    kernel.runStraight(
      'first',
      oneCall(() => event.wait()),
    );
    kernel.runStraight(
      'second',
      oneCall(() => event.wait()),
    );
    event.clear();
    expect(event.isAvailableTo()).to.equal(false);
    expect(
      crashOf(() =>
        kernel.runStraight(
          'third',
          oneCall(() => event.wait()),
        ),
      ).rule,
    ).to.equal('L-DEADLOCK');
  });

  it('releases those who waited even when it is cleared at once', () => {
    const kernel = newKernel(everyPoint, 1);
    const event = new KernelEvent(kernel, 'pulse');
    const log: string[] = [];
    kernel.vcpus[0]!.queueThread('a', 1, waiter(event, log, 'a'));
    kernel.vcpus[0]!.queueThread(
      'b',
      2,
      setter(kernel, log, () => (event.set(), event.clear())),
    );
    runToEnd(kernel);
    expect(log).to.include('a goes on');
  });

  it('C01: nobody waits above PASSIVE_LEVEL', () => {
    const kernel = newKernel();
    const event = new KernelEvent(kernel, 'idle');
    const lock = new SpinLock(kernel, 'lock');
    function* body(): Suspending<void> {
      yield* lock.acquire();
      yield* event.wait();
    }
    const violation = crashOf(() => kernel.runStraight('test', body()));
    expect([violation.rule, violation.object]).to.deep.equal(['C01', `idle#${event.objectId}`]);
    expect(violation.message).to.include('DISPATCH_LEVEL');
  });
});
