import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { DISPATCH_LEVEL, DPC_WATCHDOG_VIOLATION, PASSIVE_LEVEL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../../src/nt/index.js';
import { Interrupt, UNCLAIMED_DELIVERIES_MAX, WdfSpinLock, type Device, type InterruptConfig } from '../../src/wdf/index.js';
import { crashOf, everyPoint, point } from '../kernel/bench-kernel.js';
import { Rig, type RigOptions } from './rig.js';

function interruptOf(device: Device, config: InterruptConfig): Interrupt {
  const created = Interrupt.create(device, config);
  if (!created.ok) throw new Error('the interrupt was not created');
  return created.object;
}

function rigWithInterrupt(
  config: (rig: Rig) => InterruptConfig,
  options: RigOptions = {},
): { rig: Rig; device: Device; interrupt: Interrupt } {
  const rig = new Rig({ sources: ['line'], ...options });
  const device = rig.createDevice();
  const interrupt = interruptOf(device, config(rig));
  rig.start(device);
  return { rig, device, interrupt };
}

/** Asserts a vector and lets everything run that follows. */
function raise(rig: Rig, vector = 0): void {
  rig.sources[vector]!.pending = true;
  rig.settle();
}

describe('interrupt: creation', () => {
  it('takes the next resource of the device, or the one that is named', () => {
    const rig = new Rig({ sources: ['message', 'message', 'message'] });
    const device = rig.createDevice();
    const evtInterruptIsr = (): boolean => true;
    const first = interruptOf(device, { evtInterruptIsr });
    const third = interruptOf(device, { evtInterruptIsr, resourceIndex: 2 });
    expect([first.vector.index, first.messageId, third.vector.index, third.messageId]).to.deep.equal([0, 0, 2, 2]);
    expect(Interrupt.create(device, { evtInterruptIsr, resourceIndex: 3 }).status).to.equal(STATUS_INVALID_PARAMETER);
    expect(device.interrupts).to.have.length(2);
  });
});

describe('interrupt: the lock', () => {
  it('the ISR runs at DIRQL under it, the DPC at DISPATCH_LEVEL', () => {
    const { rig } = rigWithInterrupt((bench) => ({
      evtInterruptIsr(interrupt) {
        bench.log.push(`ISR at ${bench.kernel.current.irql}`);
        bench.sources[0]!.pending = false;
        interrupt.queueDpcForIsr();
        return true;
      },
      evtInterruptDpc: () => void bench.log.push(`DPC at ${bench.kernel.current.irql}`),
    }));
    raise(rig);
    expect(rig.log).to.deep.equal([`ISR at ${rig.vectors[0]!.irql}`, `DPC at ${DISPATCH_LEVEL}`]);
    expect(rig.vectors[0]!.delivered).to.equal(1);
  });

  it('keeps the ISR out while it is held, on this processor by its level', () => {
    const { rig, interrupt } = rigWithInterrupt((bench) => ({
      evtInterruptIsr() {
        bench.log.push('ISR');
        bench.sources[0]!.pending = false;
        return true;
      },
    }));
    rig.thread(
      0,
      'driver',
      (function* (): Suspending<void> {
        yield* interrupt.acquireLock();
        rig.sources[0]!.pending = true;
        expect(rig.vectors[0]!.isDeliverable).to.equal(false);
        expect(rig.kernel.current.irql).to.equal(rig.vectors[0]!.irql);
        rig.log.push('work');
        yield* interrupt.releaseLock();
        rig.log.push(`released at ${rig.kernel.current.irql}`);
      })(),
    );
    rig.settle(everyPoint);
    expect(rig.log.slice(0, 2)).to.deep.equal(['work', 'released at 0']);
    expect(rig.log[2]).to.equal('ISR');
  });

  it('keeps the ISR waiting while another processor holds it', () => {
    const { rig, interrupt } = rigWithInterrupt((bench) => ({
      evtInterruptIsr() {
        bench.log.push('ISR');
        bench.sources[0]!.pending = false;
        return true;
      },
    }));
    rig.kernel.gate = everyPoint;
    const holder = rig.kernel.vcpus[1]!;
    rig.thread(
      1,
      'driver',
      (function* (): Suspending<void> {
        yield* interrupt.acquireLock();
        rig.log.push('held');
        yield* interrupt.releaseLock();
        rig.log.push('released');
      })(),
    );
    holder.advance();
    holder.advance(); // holds the lock, stands before its release
    expect(rig.log).to.deep.equal(['held']);
    rig.sources[0]!.pending = true;
    rig.vectors[0]!.deliver();
    const cpu = rig.kernel.vcpus[0]!;
    while (cpu.isEnabled()) cpu.advance();
    expect(rig.log, 'the ISR spins').to.deep.equal(['held']);
    rig.settle();
    expect(rig.log).to.deep.equal(['held', 'released', 'ISR']);
  });

  it('synchronize runs its callback under it and returns the answer', () => {
    const { rig, interrupt } = rigWithInterrupt(() => ({ evtInterruptIsr: () => true }));
    for (const answer of [true, false]) {
      const result = rig.run(
        interrupt.synchronize((self) => {
          expect(self).to.equal(interrupt);
          expect(rig.kernel.current.irql).to.equal(rig.vectors[0]!.irql);
          return answer;
        }),
      );
      expect(result).to.equal(answer);
    }
    expect(rig.kernel.current.irql).to.equal(PASSIVE_LEVEL);
  });

  it('taken twice by one processor is B02, released by another is B21', () => {
    const twice = rigWithInterrupt(() => ({ evtInterruptIsr: () => true }));
    const recursive = function* (): Suspending<void> {
      yield* twice.interrupt.acquireLock();
      yield* twice.interrupt.acquireLock();
    };
    expect(crashOf(() => twice.rig.run(recursive())).rule).to.equal('B02');
    const unheld = rigWithInterrupt(() => ({ evtInterruptIsr: () => true }));
    expect(crashOf(() => unheld.rig.run(unheld.interrupt.releaseLock())).rule).to.equal('B21');
  });

  it('left held by a callback is B22 at once', () => {
    const { rig } = rigWithInterrupt((bench) => ({
      evtInterruptIsr(interrupt) {
        bench.sources[0]!.pending = false;
        interrupt.queueDpcForIsr();
        return true;
      },
      *evtInterruptDpc(interrupt) {
        yield* interrupt.acquireLock();
      },
    }));
    const violation = crashOf(() => raise(rig));
    expect(violation.rule).to.equal('B22');
    expect(violation.message).to.contain('EvtInterruptDpc').and.contain('DISPATCH_LEVEL').and.contain('DIRQL(3)');
  });
});

describe('interrupt: the DPC (section 7)', () => {
  it('is one object: events that queue it while it waits coalesce', () => {
    const queued: boolean[] = [];
    const { rig, device } = rigWithInterrupt((bench) => ({
      evtInterruptIsr(self) {
        queued.push(self.queueDpcForIsr());
        bench.sources[0]!.pending = false;
        return true;
      },
      evtInterruptDpc: () => void bench.log.push('DPC'),
    }));
    const lock = WdfSpinLock.create(device);
    const busy = function* (): Suspending<void> {
      yield* lock.acquire();
      for (let i = 0; i < 3; i++) {
        rig.sources[0]!.pending = true;
        yield* point(rig.kernel);
      }
      rig.log.push('lock is freed');
      yield* lock.release();
    };
    rig.thread(0, 'driver at DISPATCH_LEVEL', busy());
    rig.settle(everyPoint);
    expect(queued).to.deep.equal([true, false, false]);
    expect(rig.log).to.deep.equal(['lock is freed', 'DPC']);
    expect(rig.kernel.vcpus[0]!.nestedInterrupts).to.equal(3);
  });

  it('is dequeued before it runs: an event during it queues it again', () => {
    const queued: boolean[] = [];
    const { rig } = rigWithInterrupt((bench) => ({
      evtInterruptIsr(self) {
        queued.push(self.queueDpcForIsr());
        bench.sources[0]!.pending = false;
        return true;
      },
      *evtInterruptDpc(): Suspending<void> {
        bench.log.push('> DPC');
        if (queued.length === 1) bench.sources[0]!.pending = true;
        yield* point(bench.kernel);
        bench.log.push('< DPC');
      },
    }));
    rig.kernel.gate = everyPoint;
    raise(rig);
    expect(queued).to.deep.equal([true, true]);
    expect(rig.log).to.deep.equal(['> DPC', '< DPC', '> DPC', '< DPC']);
  });

  it('takes the callback lock of the device when it is serialized, and only then', () => {
    for (const automaticSerialization of [true, false]) {
      const held: boolean[] = [];
      const { rig } = rigWithInterrupt(
        (bench) => ({
          automaticSerialization,
          evtInterruptIsr(self) {
            held.push(self.device.callbackLock!.isHeldByCurrent);
            bench.sources[0]!.pending = false;
            return self.queueDpcForIsr();
          },
          evtInterruptDpc: (_self, device) => void held.push(device.callbackLock!.isHeldByCurrent),
        }),
        { scope: 'device' },
      );
      raise(rig);
      expect(held, 'ISR, DPC').to.deep.equal([false, automaticSerialization]);
    }
  });
});

describe('interrupt: shared lines (section 6)', () => {
  /** Two devices on one line; each has a cause of its own and the line is asserted while one of them has. */
  function shared(acknowledges = true): { rig: Rig; causes: boolean[] } {
    const rig = new Rig({ sources: ['line'] });
    const causes = [false, false];
    const source = rig.sources[0]!;
    source.isPending = () => causes.some((cause) => cause);
    causes.forEach((_, i) => {
      const device = rig.createDevice(`device ${i}`);
      interruptOf(device, {
        evtInterruptIsr(interrupt) {
          rig.log.push(`ISR ${i}: ${String(causes[i])}`);
          const mine = causes[i]!;
          if (acknowledges) causes[i] = false;
          if (mine) interrupt.queueDpcForIsr();
          return mine;
        },
        evtInterruptDpc: () => void rig.log.push(`DPC ${i}`),
      });
      rig.start(device);
    });
    return { rig, causes };
  }

  it('FALSE passes the interrupt to the next sharer', () => {
    const { rig, causes } = shared();
    causes[1] = true;
    rig.settle();
    expect(rig.log).to.deep.equal(['ISR 0: false', 'ISR 1: true', 'DPC 1']);
  });

  it('TRUE ends the pass; the line is delivered again while it stays asserted', () => {
    const { rig, causes } = shared();
    causes.fill(true);
    rig.settle();
    expect(rig.log).to.deep.equal(['ISR 0: true', 'ISR 0: false', 'ISR 1: true', 'DPC 0', 'DPC 1']);
    expect(rig.vectors[0]!.delivered).to.equal(2);
  });

  it('D19: a line that nobody claims is a storm, with a bug check', () => {
    const rig = new Rig({ sources: ['line'] });
    for (const name of ['a', 'b']) {
      const device = rig.createDevice(name);
      interruptOf(device, { evtInterruptIsr: () => false });
      rig.start(device);
    }
    const violation = crashOf(() => raise(rig));
    expect(violation).to.include({ rule: 'D19', severity: 'crash', object: 'line 0' });
    expect(violation.bugCheck!.code).to.equal(DPC_WATCHDOG_VIOLATION);
    expect(violation.message).to.contain(String(UNCLAIMED_DELIVERIES_MAX));
    expect(rig.vectors[0]!.delivered).to.equal(UNCLAIMED_DELIVERIES_MAX);
  });

  it('D19: an ISR that claims a line and never acknowledges is a storm, too', () => {
    const { rig, causes } = shared(false);
    causes[1] = true;
    const violation = crashOf(() => rig.settle());
    expect(violation).to.include({ rule: 'D19', severity: 'crash', object: 'line 0' });
    expect(violation.message).to.contain('still asserted');
    expect(rig.vectors[0]!.delivered).to.equal(UNCLAIMED_DELIVERIES_MAX);
  });

  it('a storm is deliveries in a row: quiet in between starts the count anew', () => {
    const rig = new Rig({ sources: ['message'] });
    const device = rig.createDevice();
    let claims = false;
    interruptOf(device, { evtInterruptIsr: () => claims });
    rig.start(device);
    for (let i = 0; i < 2 * UNCLAIMED_DELIVERIES_MAX; i++) {
      claims = i % 500 === 499;
      raise(rig);
    }
    expect(rig.kernel.findings.total).to.equal(0);
    expect(rig.vectors[0]!.unclaimed).to.equal(2 * UNCLAIMED_DELIVERIES_MAX - 4);
  });

  it('a message is taken by its delivery, a line is not', () => {
    const rig = new Rig({ sources: ['message', 'line'] });
    const device = rig.createDevice();
    interruptOf(device, { evtInterruptIsr: () => true });
    interruptOf(device, {
      evtInterruptIsr() {
        rig.log.push(`line pending ${String(rig.sources[1]!.pending)}`);
        rig.sources[1]!.pending = false;
        return true;
      },
    });
    rig.start(device);
    raise(rig, 0);
    expect([rig.sources[0]!.pending, rig.sources[0]!.taken]).to.deep.equal([false, 1]);
    raise(rig, 1);
    expect(rig.log).to.deep.equal(['line pending true']);
  });
});

describe('interrupt: disconnecting', () => {
  it('EvtInterruptDisable runs at DIRQL, then the ISR cannot be reached', () => {
    const { rig, interrupt } = rigWithInterrupt((bench) => ({
      evtInterruptIsr() {
        bench.log.push('ISR');
        bench.sources[0]!.pending = false;
        return true;
      },
      evtInterruptDisable() {
        bench.log.push(`disable at ${bench.kernel.current.irql}`);
        return STATUS_SUCCESS;
      },
    }));
    rig.run(interrupt.disconnect());
    rig.sources[0]!.pending = true;
    rig.vectors[0]!.deliver();
    rig.kernel.vcpus[0]!.advance();
    expect(rig.log).to.deep.equal([`disable at ${rig.vectors[0]!.irql}`]);
    expect(rig.vectors[0]!.unclaimed).to.equal(1);
    rig.run(interrupt.disconnect());
    expect(rig.log, 'a second time does nothing').to.have.length(1);
  });

  it('a DPC that is queued runs before disconnecting ends', () => {
    const { rig, interrupt } = rigWithInterrupt((bench) => ({
      evtInterruptIsr: () => true,
      evtInterruptDpc: () => void bench.log.push(`DPC at ${bench.kernel.current.irql}`),
    }));
    rig.kernel.gate = everyPoint;
    const body = function* (): Suspending<void> {
      expect(interrupt.queueDpcForIsr()).to.equal(true);
      yield* interrupt.disconnect();
      rig.log.push('disconnected');
    };
    rig.run(body());
    expect(rig.log).to.deep.equal([`DPC at ${DISPATCH_LEVEL}`, 'disconnected']);
  });
});
