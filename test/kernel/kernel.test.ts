import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  Dpc,
  FINDINGS_KEPT_MAX,
  KernelEvent,
  SpinLock,
  makeOp,
  opKind,
  OpKind,
  opKindName,
  opObject,
  DONE,
  type Suspending,
} from '../../src/kernel/index.js';
import { BugCheck, DISPATCH_LEVEL, PASSIVE_LEVEL, WDF_VIOLATION, type Violation } from '../../src/nt/index.js';
import { bracketed, crashOf, everyPoint, newKernel, oneCall, point, runToEnd } from './bench-kernel.js';

const warning = (message: string): Violation => ({ rule: 'C02', severity: 'warning', object: null, message });

describe('operations', () => {
  it('name an object and a kind in one small integer', () => {
    for (const kind of Object.values(OpKind)) {
      const op = makeOp(123_456, kind);
      expect([opObject(op), opKind(op)]).to.deep.equal([123_456, kind]);
    }
    expect(Object.values(OpKind).map(opKindName)).to.deep.equal(Object.keys(OpKind).map((name) => name.toLowerCase()));
    expect([opKindName(DONE), opKindName(15)]).to.deep.equal(['done', 'unknown']);
  });
});

describe('scheduling points', () => {
  it('suspend when the gate says so, show what stands next, and count', () => {
    const kernel = newKernel(everyPoint);
    const cpu = kernel.vcpus[0]!;
    let passed = 0;
    cpu.queueThread(
      'thread',
      9,
      bracketed(kernel, 9, 'thread', function* () {
        for (let i = 0; i < 3; i++, passed++) yield* point(kernel, 40 + i);
      }),
    );
    expect(cpu.pending, 'a thread that has not begun').to.equal(makeOp(9, OpKind.Deliver));
    const pending = [0, 1, 2].map(() => {
      cpu.advance();
      return opObject(cpu.pending);
    });
    expect([pending, passed, kernel.points]).to.deep.equal([[40, 41, 42], 2, 3]);
    cpu.advance();
    expect([cpu.pending, passed, cpu.isEnabled()]).to.deep.equal([DONE, 3, false]);
  });

  it('cost no suspension when the gate lets pass', () => {
    const kernel = newKernel();
    let steps = 0;
    kernel.vcpus[0]!.queueThread(
      'thread',
      9,
      bracketed(kernel, 9, 'thread', function* () {
        for (; steps < 100; steps++) yield* point(kernel);
      }),
    );
    expect(runToEnd(kernel)).to.equal(1);
    expect([steps, kernel.points]).to.deep.equal([100, 100]);
  });

  it('run threads of one vCPU first-in first-out, one at a time', () => {
    const kernel = newKernel(everyPoint, 1);
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      kernel.vcpus[0]!.queueThread(
        name,
        1,
        bracketed(kernel, 1, name, function* () {
          order.push(name);
          yield* point(kernel);
          order.push(name);
        }),
      );
    }
    runToEnd(kernel);
    expect(order.join('')).to.equal('aabbcc');
  });
});

describe('IRQL check (B22)', () => {
  it('a callback that returns with a lock held', () => {
    const kernel = newKernel();
    const lock = new SpinLock(kernel, 'lock');
    const violation = crashOf(() =>
      kernel.runStraight(
        'test',
        bracketed(kernel, 77, 'EvtIoRead', () => lock.acquire()),
      ),
    );
    expect([violation.rule, violation.message]).to.deep.equal([
      'B22',
      'EvtIoRead was entered at PASSIVE_LEVEL and returned at DISPATCH_LEVEL',
    ]);
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [14, PASSIVE_LEVEL, DISPATCH_LEVEL] });
  });

  it('a callback that releases a lock its caller took', () => {
    const kernel = newKernel();
    const lock = new SpinLock(kernel, 'lock');
    function* body(): Suspending<void> {
      yield* lock.acquire();
      yield* bracketed(kernel, 77, 'EvtProgramDma', () => lock.release());
    }
    const violation = crashOf(() => kernel.runStraight('test', body()));
    expect(violation.message).to.equal('EvtProgramDma was entered at DISPATCH_LEVEL and returned at PASSIVE_LEVEL');
  });

  it('a DPC that ends at another level than it was started at; the vCPU is back at the level before', () => {
    const kernel = newKernel();
    const interruptLock = new SpinLock(kernel, 'interrupt lock', 6);
    new Dpc(kernel, 'EvtDpcFunc', () => interruptLock.acquire()).queue();
    const violation = crashOf(() => runToEnd(kernel));
    expect(violation.message).to.equal('EvtDpcFunc was entered at DISPATCH_LEVEL and returned at DIRQL(6)');
    expect([kernel.vcpus[0]!.irql, kernel.vcpus[0]!.depth]).to.deep.equal([PASSIVE_LEVEL, 0]);
  });

  it('lets a balanced callback pass', () => {
    const kernel = newKernel();
    const lock = new SpinLock(kernel, 'lock');
    function* body(): Suspending<string> {
      yield* bracketed(kernel, 77, 'EvtIoRead', function* () {
        yield* lock.acquire();
        yield* lock.release();
      });
      return 'done';
    }
    expect(kernel.runStraight('test', body())).to.equal('done');
    expect(kernel.findings.total).to.equal(0);
  });
});

describe('C01: maximum IRQL of a framework method', () => {
  it('is a warning the method can act on', () => {
    const kernel = newKernel();
    expect(kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfTimerStop')).to.equal(true);
    kernel.current.irql = DISPATCH_LEVEL;
    expect(kernel.requireIrqlAtMost(DISPATCH_LEVEL, 'WdfRequestComplete')).to.equal(true);
    expect(kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfTimerStop')).to.equal(false);
    expect(kernel.findings.kept.map(({ rule, severity, object }) => [rule, severity, object])).to.deep.equal([
      ['C01', 'warning', 'WdfTimerStop'],
    ]);
    expect(kernel.dead).to.equal(null);
  });
});

describe('a dead machine', () => {
  it('throws the same bug check at every later scheduling point, on every vCPU', () => {
    const kernel = newKernel(everyPoint);
    const [a, b] = [kernel.vcpus[0]!, kernel.vcpus[1]!];
    b.queueThread(
      'bystander',
      1,
      bracketed(kernel, 1, 'bystander', function* () {
        yield* point(kernel);
        yield* point(kernel);
      }),
    );
    b.advance();
    a.queueThread(
      'culprit',
      2,
      oneCall(() => new SpinLock(kernel, 'lock').release()),
    );
    expect(() => a.advance()).to.throw(BugCheck);
    const { dead } = kernel;
    expect(dead).to.be.instanceOf(BugCheck);
    expect(() => b.advance())
      .to.throw(BugCheck)
      .that.equals(dead);
    expect(kernel.findings.total, 'told once').to.equal(1);
  });

  it('lives again after a reset: no code, no findings, the same object ids', () => {
    const kernel = newKernel(everyPoint);
    const firstId = new SpinLock(kernel, 'lock').objectId;
    const emptyHash = kernel.events.hash();
    kernel.vcpus[1]!.queueThread(
      'culprit',
      2,
      oneCall(() => new SpinLock(kernel, 'lock').release()),
    );
    expect(() => kernel.vcpus[1]!.advance()).to.throw(BugCheck);
    kernel.reset();
    expect([kernel.dead, kernel.points, kernel.findings.total, kernel.events.hash()]).to.deep.equal([null, 0, 0, emptyHash]);
    expect(kernel.vcpus.map((cpu) => cpu.isIdle && cpu.irql === PASSIVE_LEVEL)).to.deep.equal([true, true]);
    expect(new SpinLock(kernel, 'lock').objectId).to.equal(firstId);
    expect(runToEnd(kernel)).to.equal(0);
  });
});

describe('objects that are kept', () => {
  it('have their id and name after a reset, and what came behind them has neither', () => {
    const kernel = newKernel();
    const kept = new SpinLock(kernel, 'kept');
    kernel.keepObjects();
    const left = new SpinLock(kernel, 'left');
    kernel.reset();
    const names = [kept, left].map(({ objectId }) => [kernel.objectName(objectId), kernel.objectType(objectId)]);
    expect(names).to.deep.equal([
      ['kept', 'SpinLock'],
      ['the machine', 'machine'],
    ]);
    expect(kernel.nextObjectId('Nameless')).to.equal(left.objectId);
    expect(kernel.objectName(left.objectId)).to.equal(`Nameless#${left.objectId}`);
  });
});

describe('findings', () => {
  it('are kept in order with their step, and counted beyond the number kept', () => {
    const kernel = newKernel();
    for (let i = 0; i < FINDINGS_KEPT_MAX + 5; i++) {
      kernel.points = i * 10;
      kernel.violation(warning(`finding ${i}`));
    }
    expect([kernel.findings.total, kernel.findings.kept.length]).to.deep.equal([FINDINGS_KEPT_MAX + 5, FINDINGS_KEPT_MAX]);
    expect(kernel.findings.kept[3]).to.deep.include({ message: 'finding 3', step: 30 });
    kernel.findings.reset();
    expect([kernel.findings.total, kernel.findings.kept.length]).to.deep.equal([0, 0]);
  });

  it('have the step of whoever counts operations', () => {
    const kernel = newKernel();
    kernel.points = 50;
    kernel.counter = { steps: 7 };
    kernel.violation(warning('counted'));
    expect(kernel.findings.kept[0]!.step).to.equal(7);
  });
});

describe('runStraight', () => {
  it('gives the value back and runs the DPCs and threads its code started', () => {
    const kernel = newKernel();
    const ran: string[] = [];
    const dpc = new Dpc(kernel, 'dpc', function* () {
      ran.push(`dpc on ${kernel.current.id}`);
      yield* point(kernel);
    });
    function* body(): Suspending<number> {
      dpc.queue(kernel.vcpus[1]);
      yield* point(kernel);
      ran.push('body');
      return 42;
    }
    expect(kernel.runStraight('test', body())).to.equal(42);
    expect(ran).to.deep.equal(['body', 'dpc on 1']);
  });

  it('puts the gate back, also after a crash', () => {
    const kernel = newKernel(everyPoint);
    kernel.runStraight('test', point(kernel));
    expect(kernel.gate).to.equal(everyPoint);
    expect(() =>
      kernel.runStraight(
        'test',
        oneCall(() => new SpinLock(kernel, 'lock').release()),
      ),
    ).to.throw(BugCheck);
    expect(kernel.gate).to.equal(everyPoint);
  });

  it('L-DEADLOCK: a wait for an event nobody sets names the event', () => {
    const kernel = newKernel();
    const event = new KernelEvent(kernel, 'drain finished');
    const violation = crashOf(() =>
      kernel.runStraight(
        'EvtDeviceD0Exit',
        oneCall(() => event.wait()),
      ),
    );
    expect([violation.rule, violation.object]).to.deep.equal(['L-DEADLOCK', 'EvtDeviceD0Exit']);
    expect(violation.message).to.equal(
      'EvtDeviceD0Exit waits for something nobody will do: vCPU 0 (EvtDeviceD0Exit) waits for drain finished',
    );
  });

  it('L-DEADLOCK: two vCPUs that hold what the other wants name the circle', () => {
    const kernel = newKernel(everyPoint);
    const [first, second] = [new SpinLock(kernel, 'lock A'), new SpinLock(kernel, 'lock B')];
    function* both(one: SpinLock, other: SpinLock): Suspending<void> {
      yield* one.acquire();
      yield* other.acquire();
      yield* other.release();
      yield* one.release();
    }
    const other = kernel.vcpus[1]!;
    other.queueThread('cancel', 1, both(second, first));
    other.advance();
    other.advance();
    expect(second.holder()).to.equal(other);
    const { message, rule } = crashOf(() => kernel.runStraight('complete', both(first, second)));
    expect(rule).to.equal('L-DEADLOCK');
    expect(message).to.include('vCPU 0 (complete) waits for lock B, held by vCPU 1 (cancel)');
    expect(message).to.include('vCPU 1 (cancel) waits for lock A, held by vCPU 0 (complete)');
  });
});
