import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DONE, Dpc, EventKind, makeOp, OpKind, type Gate, type Kernel, type Suspending, type VirtualCpu } from '../../src/kernel/index.js';
import { DISPATCH_LEVEL, PASSIVE_LEVEL } from '../../src/nt/index.js';
import { bracketed, everyPoint, newKernel, point, runToEnd, traceOf } from './bench-kernel.js';

const ISR_LEVEL = 5;
/** Object ids in traces; the vCPUs are 1 and 2. */
const THREAD = 100;
const DPC = 200;
const ISR = 300;
const callbacks = [EventKind.CallbackEnter, EventKind.CallbackLeave];

/** A DPC whose routine passes two scheduling points as the callback `DPC`. */
function newDpc(kernel: Kernel, onRun: () => void = () => undefined): Dpc {
  return new Dpc(kernel, 'EvtInterruptDpc', () =>
    bracketed(kernel, DPC, 'EvtInterruptDpc', function* () {
      onRun();
      yield* point(kernel, DPC);
      yield* point(kernel, DPC);
    }),
  );
}

function isr(kernel: Kernel, inside: () => void = () => undefined): Suspending<void> {
  return bracketed(kernel, ISR, 'EvtInterruptIsr', function* () {
    inside();
    yield* point(kernel, ISR);
  });
}

describe('DPC', () => {
  it('coalesces: queued while it is queued, nothing is added', () => {
    const kernel = newKernel();
    let runs = 0;
    const dpc = newDpc(kernel, () => runs++);
    expect([dpc.queue(), dpc.queue(), dpc.queue(kernel.vcpus[1])]).to.deep.equal([true, false, false]);
    expect(kernel.vcpus.map((cpu) => cpu.queuedDpcs)).to.deep.equal([1, 0]);
    runToEnd(kernel);
    expect([runs, dpc.queued, dpc.running]).to.deep.equal([1, false, 0]);
    expect(dpc.queue()).to.equal(true);
    runToEnd(kernel);
    expect(runs).to.equal(2);
  });

  it('is queued again while it runs, and runs on another vCPU in parallel with itself', () => {
    const kernel = newKernel(everyPoint);
    const [a, b] = [kernel.vcpus[0]!, kernel.vcpus[1]!];
    const dpc = newDpc(kernel);
    dpc.queue(a);
    a.advance();
    expect([dpc.running, dpc.queued, a.irql]).to.deep.equal([1, false, DISPATCH_LEVEL]);
    expect(dpc.queue(b), 'it runs, but is not queued').to.equal(true);
    b.advance();
    expect([dpc.running, b.irql]).to.deep.equal([2, DISPATCH_LEVEL]);
    runToEnd(kernel);
    expect(dpc.running).to.equal(0);
    expect(traceOf(kernel, [EventKind.DpcStart])).to.deep.equal([
      `DpcStart object ${dpc.objectId} cpu 0 irql 2 depth 1`,
      `DpcStart object ${dpc.objectId} cpu 1 irql 2 depth 1`,
    ]);
  });

  it('runs after itself, not inside itself, when its own vCPU queues it again', () => {
    const kernel = newKernel();
    let runs = 0;
    let deepest = 0;
    const dpc: Dpc = newDpc(kernel, () => {
      deepest = Math.max(deepest, kernel.current.depth);
      if (++runs < 3) expect(dpc.queue()).to.equal(true);
    });
    dpc.queue();
    runToEnd(kernel);
    expect([runs, deepest]).to.deep.equal([3, 1]);
  });

  it('can be withdrawn while queued and not later', () => {
    const kernel = newKernel(everyPoint);
    const dpc = newDpc(kernel);
    expect(dpc.remove()).to.equal(false);
    dpc.queue(kernel.vcpus[1]);
    expect(dpc.remove()).to.equal(true);
    expect(kernel.vcpus[1]!.isIdle).to.equal(true);
    dpc.queue();
    kernel.vcpus[0]!.advance();
    expect([dpc.remove(), dpc.running]).to.deep.equal([false, 1]);
    runToEnd(kernel);
    expect(dpc.running).to.equal(0);
  });

  it('whichever is queued first is what the vCPU stands before, whatever comes, goes or is withdrawn', () => {
    const kernel = newKernel();
    const cpu = kernel.vcpus[0]!;
    const dpcs = Array.from({ length: 5 }, () => newDpc(kernel));
    let expected: Dpc[] = [];
    for (let i = 0; i < 500; i++) {
      const dpc = dpcs[(i * i + (i >> 3)) % dpcs.length]!;
      if (i % 7 === 6 && expected.length > 0) {
        cpu.advance();
        expected.shift();
      } else if (dpc.queued) {
        expect(dpc.remove()).to.equal(true);
        expected = expected.filter((each) => each !== dpc);
      } else {
        dpc.queue();
        expected.push(dpc);
      }
      if (i % 100 === 99) {
        kernel.reset();
        for (const each of dpcs) each.queued = false;
        expected = [];
      }
      const op = expected.length === 0 ? DONE : makeOp(expected[0]!.objectId, OpKind.Deliver);
      expect([cpu.pending, cpu.enabledOp(), cpu.dpcIsDue, cpu.queuedDpcs]).to.deep.equal([op, op, op !== DONE, expected.length]);
    }
  });

  it('queued below DISPATCH_LEVEL, runs before the next operation of the code that queued it', () => {
    const kernel = newKernel();
    const order: string[] = [];
    const dpc = newDpc(kernel, () => order.push('dpc'));
    function* body(): Suspending<void> {
      dpc.queue();
      order.push('queued');
      yield* point(kernel, THREAD);
      order.push('operation');
    }
    kernel.runStraight('test', body());
    expect(order).to.deep.equal(['queued', 'dpc', 'operation']);
  });

  it('runs first-in first-out with others of its vCPU', () => {
    const kernel = newKernel();
    const order: number[] = [];
    [3, 1, 2].map((n) => newDpc(kernel, () => order.push(n))).forEach((dpc) => dpc.queue());
    runToEnd(kernel);
    expect(order).to.deep.equal([3, 1, 2]);
  });
});

/** Does something once, at the n-th scheduling point of an object, and suspends the code that stood there. */
class OnceGate implements Gate {
  readonly #steps: { op: number; skip: number; act: (cpu: VirtualCpu) => void }[] = [];

  when(op: number, skip: number, act: (cpu: VirtualCpu) => void): this {
    this.#steps.push({ op, skip, act });
    return this;
  }

  at(op: number, cpu: VirtualCpu): boolean {
    const index = this.#steps.findIndex((step) => step.op === op && step.skip-- === 0);
    if (index < 0) return false;
    this.#steps.splice(index, 1)[0]!.act(cpu);
    return true;
  }
}

describe('nested activations', () => {
  it('on one vCPU: an ISR interrupts a DPC that interrupted a passive thread, and each goes on where it stood', () => {
    const kernel = newKernel();
    const dpc = newDpc(kernel);
    const levels: [string, number[]][] = [];
    kernel.gate = new OnceGate()
      .when(kernel.callOp(THREAD), 0, (cpu) => dpc.queue(cpu))
      .when(kernel.callOp(DPC), 1, (cpu) => {
        cpu.push('isr', 'EvtInterruptIsr', ISR, ISR_LEVEL, isr(kernel));
        levels.push([
          cpu
            .describe()
            .map(({ kind }) => kind)
            .join('<'),
          [cpu.irql, cpu.depth],
        ]);
      });
    const [cpu] = kernel.vcpus;
    cpu!.queueThread(
      'EvtIoWrite',
      THREAD,
      bracketed(kernel, THREAD, 'EvtIoWrite', () => point(kernel, THREAD)),
    );
    runToEnd(kernel);
    expect(traceOf(kernel, [...callbacks, EventKind.DpcStart])).to.deep.equal([
      `CallbackEnter object ${THREAD} cpu 0 irql 0 depth 1`,
      `DpcStart object ${dpc.objectId} cpu 0 irql 2 depth 2`,
      `CallbackEnter object ${DPC} cpu 0 irql 2 depth 2`,
      `CallbackEnter object ${ISR} cpu 0 irql 5 depth 3`,
      `CallbackLeave object ${ISR} cpu 0 irql 5 depth 3`,
      `CallbackLeave object ${DPC} cpu 0 irql 2 depth 2`,
      `CallbackLeave object ${THREAD} cpu 0 irql 0 depth 1`,
    ]);
    expect(levels).to.deep.equal([['thread<dpc<isr', [ISR_LEVEL, 3]]]);
    expect([cpu!.nestedInterrupts, cpu!.irql, cpu!.depth, cpu!.isIdle]).to.deep.equal([1, PASSIVE_LEVEL, 0, true]);
    expect(kernel.findings.total).to.equal(0);
  });

  it('on one vCPU: a DPC queued by the ISR waits until the DPC under it has ended', () => {
    const kernel = newKernel();
    const dpc = newDpc(kernel);
    let queuedAgain = false;
    kernel.gate = new OnceGate().when(kernel.callOp(DPC), 0, (cpu) =>
      cpu.push(
        'isr',
        'EvtInterruptIsr',
        ISR,
        ISR_LEVEL,
        isr(kernel, () => (queuedAgain = dpc.queue())),
      ),
    );
    dpc.queue();
    runToEnd(kernel);
    expect(queuedAgain).to.equal(true);
    expect(traceOf(kernel, callbacks).map((line) => line.split(' ').slice(0, 3).join(' '))).to.deep.equal([
      `CallbackEnter object ${DPC}`,
      `CallbackEnter object ${ISR}`,
      `CallbackLeave object ${ISR}`,
      `CallbackLeave object ${DPC}`,
      `CallbackEnter object ${DPC}`,
      `CallbackLeave object ${DPC}`,
    ]);
  });

  it('on two vCPUs: the ISR runs on one while its DPC runs on the other, and queues it once more', () => {
    const kernel = newKernel(everyPoint);
    const [a, b] = [kernel.vcpus[0]!, kernel.vcpus[1]!];
    const dpc = newDpc(kernel);
    dpc.queue(a);
    a.advance();
    b.push(
      'isr',
      'EvtInterruptIsr',
      ISR,
      ISR_LEVEL,
      isr(kernel, () => expect(dpc.queue()).to.equal(true)),
    );
    b.advance();
    expect([a.irql, b.irql, dpc.running, dpc.queued]).to.deep.equal([DISPATCH_LEVEL, ISR_LEVEL, 1, true]);
    expect(b.dpcIsDue, 'the ISR is above DISPATCH_LEVEL').to.equal(false);
    b.advance();
    expect(b.dpcIsDue).to.equal(true);
    b.advance();
    expect(dpc.running).to.equal(2);
    runToEnd(kernel);
    expect(traceOf(kernel, callbacks)).to.deep.equal([
      `CallbackEnter object ${DPC} cpu 0 irql 2 depth 1`,
      `CallbackEnter object ${ISR} cpu 1 irql 5 depth 1`,
      `CallbackLeave object ${ISR} cpu 1 irql 5 depth 1`,
      `CallbackEnter object ${DPC} cpu 1 irql 2 depth 1`,
      `CallbackLeave object ${DPC} cpu 0 irql 2 depth 1`,
      `CallbackLeave object ${DPC} cpu 1 irql 2 depth 1`,
    ]);
    expect(b.nestedInterrupts, 'it interrupted nothing').to.equal(0);
  });

  it('have a bound: an interrupt storm is a finding', () => {
    const kernel = newKernel(everyPoint);
    const cpu = kernel.vcpus[0]!;
    const storm = (): void => {
      for (let i = 0; i < 100; i++) cpu.push('isr', 'EvtInterruptIsr', ISR, ISR_LEVEL, isr(kernel));
    };
    expect(storm).to.throw('64 activations are stacked on virtual CPU 0');
    expect(kernel.findings.kept[0]!.rule).to.equal('L-STEP-BOUND');
    expect(cpu.depth).to.equal(64);
  });
});
