import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { DISPATCH_LEVEL, PASSIVE_LEVEL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../../src/nt/index.js';
import { Interrupt, UNCLAIMED_DELIVERIES_MAX, WdfSpinLock, WdfWaitLock, type Device, type InterruptConfig } from '../../src/wdf/index.js';
import { crashOf, everyPoint, point } from '../kernel/bench-kernel.js';
import { everyInterleaving } from './bench-queue.js';
import { Rig, type RigOptions } from './rig.js';

function interruptOf(device: Device, config: InterruptConfig): Interrupt {
  const created = Interrupt.create(device, config);
  if (!created.ok) throw new Error('the interrupt was not created');
  return created.object;
}

function started(config: (rig: Rig) => InterruptConfig, options: RigOptions = {}): { rig: Rig; device: Device; interrupt: Interrupt } {
  const rig = new Rig({ sources: ['message'], ...options });
  const device = rig.createDevice();
  const interrupt = interruptOf(device, config(rig));
  rig.start(device);
  return { rig, device, interrupt };
}

function raise(rig: Rig, vector = 0): void {
  rig.sources[vector]!.pending = true;
  rig.settle();
}

const rulesOf = (rig: Rig): string[] => rig.kernel.findings.kept.map(({ rule }) => rule);

describe('interrupts (section 6)', () => {
  it('§6 device asserts: a level line stays until its cause is cleared, a message is one event', () => {
    for (const kind of ['line', 'message'] as const) {
      const { rig } = started(
        (bench) => ({
          evtInterruptIsr() {
            bench.log.push(`ISR, pending ${String(bench.sources[0]!.pending)}`);
            bench.sources[0]!.pending = false;
            return true;
          },
        }),
        { sources: [kind] },
      );
      raise(rig);
      expect(rig.log).to.deep.equal([`ISR, pending ${String(kind === 'line')}`]);
    }
  });

  it('§6 delivery, edge: every sharer is called, again until a whole pass claims nothing', () => {
    const rig = new Rig({ sources: ['edge'] });
    const causes = [1, 2, 0];
    causes.forEach((_, i) => {
      const device = rig.createDevice(`device ${i}`);
      interruptOf(device, {
        evtInterruptIsr() {
          rig.log.push(`ISR ${i}`);
          if (causes[i] === 0) return false;
          causes[i]!--;
          return true;
        },
      });
      rig.start(device);
    });
    raise(rig);
    expect(rig.log).to.deep.equal([0, 1, 2, 0, 1, 2, 0, 1, 2].map((i) => `ISR ${i}`));
    expect([causes, rig.vectors[0]!.unclaimed, rig.vectors[0]!.delivered]).to.deep.equal([[0, 0, 0], 0, 1]);
    raise(rig);
    expect(rig.vectors[0]!.unclaimed, 'nobody had a cause').to.equal(1);
  });

  it('§6 delivery, edge: an ISR that always claims is a storm (D19)', () => {
    const { rig } = started(() => ({ evtInterruptIsr: () => true }), { sources: ['edge'] });
    const violation = crashOf(() => raise(rig));
    expect(violation.rule).to.equal('D19');
    expect(violation.message).to.contain(String(UNCLAIMED_DELIVERIES_MAX));
  });

  it('§6 spurious: an interrupt that is not connected answers FALSE without calling the ISR', () => {
    const rig = new Rig({ sources: ['line'] });
    const [off, on] = [rig.createDevice('off'), rig.createDevice('on')];
    const sleeping = interruptOf(off, { evtInterruptIsr: () => expect.fail('not connected') });
    interruptOf(on, {
      evtInterruptIsr() {
        rig.log.push('ISR');
        rig.sources[0]!.pending = false;
        return true;
      },
    });
    rig.start(on);
    rig.vectors[0]!.connect(sleeping);
    raise(rig);
    expect(rig.log).to.deep.equal(['ISR']);
  });

  it('§6 concurrency: the same ISR never runs twice at once; it can run while the DPC runs elsewhere', () => {
    let both = 0;
    const runs = everyInterleaving(() => {
      let inIsr = 0;
      let inDpc = 0;
      let left = 2;
      const { rig, interrupt } = started((bench) => ({
        *evtInterruptIsr(self): Suspending<boolean> {
          expect(++inIsr).to.equal(1);
          yield* point(bench.kernel);
          if (inDpc > 0) both++;
          inIsr--;
          self.queueDpcForIsr();
          return true;
        },
        *evtInterruptDpc(): Suspending<void> {
          inDpc++;
          yield* point(bench.kernel);
          inDpc--;
          left--;
        },
      }));
      rig.vectors[0]!.deliver();
      rig.thread(
        1,
        'driver',
        (function* (): Suspending<void> {
          interrupt.queueDpcForIsr();
          yield* point(rig.kernel);
        })(),
      );
      return { rig, check: (): void => void expect([inIsr, left < 2]).to.deep.equal([0, true]) };
    });
    expect(runs).to.be.greaterThan(3);
    expect(both).to.be.greaterThan(0);
  });

  it('§6 lock: what the ISR and the rest share is consistent only under it', () => {
    const torn = (locks: boolean): boolean => {
      let isTorn = false;
      everyInterleaving(() => {
        const saved = { a: 0, b: 0 };
        const { rig, interrupt } = started((bench) => ({
          *evtInterruptIsr(): Suspending<boolean> {
            saved.a = 1;
            yield* point(bench.kernel);
            saved.b = 1;
            return true;
          },
        }));
        rig.vectors[0]!.deliver();
        rig.thread(
          1,
          'driver',
          (function* (): Suspending<void> {
            if (locks) yield* interrupt.acquireLock();
            yield* point(rig.kernel);
            if (saved.a !== saved.b) isTorn = true;
            if (locks) yield* interrupt.releaseLock();
          })(),
        );
        return { rig, check: (): void => undefined };
      });
      return isTorn;
    };
    expect([torn(false), torn(true)]).to.deep.equal([true, false]);
  });

  it('§6 several vectors, one spin lock: synchronised at the highest DIRQL of the set', () => {
    const rig = new Rig({ sources: ['message', 'message'] });
    const device = rig.createDevice();
    const spinLock = WdfSpinLock.create(device);
    const irqls: number[] = [];
    for (let i = 0; i < 2; i++) {
      interruptOf(device, {
        spinLock,
        evtInterruptIsr() {
          irqls.push(rig.kernel.current.irql);
          return true;
        },
      });
    }
    rig.start(device);
    raise(rig, 0);
    raise(rig, 1);
    const highest = rig.vectors[1]!.irql;
    expect([irqls, rig.vectors[0]!.irql < highest]).to.deep.equal([[highest, highest], true]);
  });

  it('§6 passive: ISR at PASSIVE_LEVEL under a wait lock, the vector masked meanwhile; arbitrary threads only try the lock', () => {
    const { rig, interrupt } = started(
      (bench) => ({
        passiveHandling: true,
        *evtInterruptIsr(self): Suspending<boolean> {
          bench.log.push(`ISR at ${bench.kernel.current.irql}, deliverable ${String(bench.vectors[0]!.isDeliverable)}`);
          yield* point(bench.kernel);
          bench.sources[0]!.pending = false;
          return self.queueWorkItemForIsr();
        },
        evtInterruptWorkItem: () => void bench.log.push('work item'),
        evtInterruptEnable() {
          bench.log.push(`enable at ${bench.kernel.current.irql}`);
          return STATUS_SUCCESS;
        },
      }),
      { sources: ['line'] },
    );
    raise(rig);
    expect(rig.log).to.deep.equal(['enable at 0', 'ISR at 0, deliverable false', 'work item']);
    expect([rig.vectors[0]!.unclaimed, rulesOf(rig)]).to.deep.equal([0, []]);
    const tries: boolean[] = [];
    rig.thread(
      0,
      'holder',
      (function* (): Suspending<void> {
        yield* interrupt.acquireLock();
        yield* point(rig.kernel);
        yield* interrupt.releaseLock();
      })(),
    );
    rig.kernel.gate = everyPoint;
    rig.kernel.vcpus[0]!.advance();
    rig.kernel.vcpus[0]!.advance();
    rig.thread(
      1,
      'arbitrary',
      (function* (): Suspending<void> {
        tries.push(yield* interrupt.tryToAcquireLock());
      })(),
    );
    const other = rig.kernel.vcpus[1]!;
    while (other.isEnabled()) other.advance();
    rig.settle();
    rig.thread(
      1,
      'arbitrary',
      (function* (): Suspending<void> {
        tries.push(yield* interrupt.tryToAcquireLock());
        yield* interrupt.releaseLock();
      })(),
    );
    rig.settle();
    expect(tries).to.deep.equal([false, true]);
  });

  it('C21, B02, B21: a wait lock above PASSIVE_LEVEL, twice, or released by another', () => {
    const bench = (): { rig: Rig; lock: WdfWaitLock; spin: WdfSpinLock } => {
      const rig = new Rig();
      const device = rig.createDevice();
      return { rig, lock: WdfWaitLock.create(device), spin: WdfSpinLock.create(device) };
    };
    const raised = bench();
    raised.rig.run(
      (function* (): Suspending<void> {
        yield* raised.spin.acquire();
        yield* raised.lock.acquire();
        yield* raised.lock.release();
        yield* raised.spin.release();
      })(),
    );
    expect(rulesOf(raised.rig)).to.deep.equal(['C21']);
    const twice = bench();
    const recursive = function* (): Suspending<void> {
      yield* twice.lock.acquire();
      yield* twice.lock.acquire();
    };
    expect(crashOf(() => twice.rig.run(recursive())).rule).to.equal('B02');
    const free = bench();
    expect(crashOf(() => free.rig.run(free.lock.release())).rule).to.equal('B21');
    everyInterleaving(() => {
      const { rig, lock } = bench();
      let inside = 0;
      for (const cpu of [0, 1]) {
        rig.thread(
          cpu,
          `thread ${cpu}`,
          (function* (): Suspending<void> {
            yield* lock.acquire();
            expect(++inside, 'one at a time').to.equal(1);
            yield* point(rig.kernel);
            inside--;
            yield* lock.release();
            rig.log.push('done');
          })(),
        );
      }
      return { rig, check: (): void => void expect(rig.log).to.have.length(2) };
    });
  });

  it('C20: the lock before Enable and after Disable is not taken', () => {
    const rig = new Rig({ sources: ['message'] });
    const device = rig.createDevice();
    const interrupt = interruptOf(device, { evtInterruptIsr: () => true });
    const use = function* (): Suspending<number> {
      yield* interrupt.acquireLock();
      const { irql } = rig.kernel.current;
      yield* interrupt.releaseLock();
      return irql;
    };
    expect(rig.run(use())).to.equal(PASSIVE_LEVEL);
    rig.start(device);
    expect(rig.run(use())).to.equal(rig.vectors[0]!.irql);
    rig.run(device.powerDown());
    expect(rig.run(use())).to.equal(PASSIVE_LEVEL);
    expect(rig.run(interrupt.synchronize(() => true))).to.equal(false);
    expect(rulesOf(rig)).to.deep.equal(['C20', 'C20', 'C20', 'C20', 'C20']);
  });
});

describe('DPCs and work items (section 7)', () => {
  it('§7 one DPC object: events coalesce, and the DPC must drain all saved causes', () => {
    let causes = 0;
    const { rig, interrupt } = started((bench) => ({
      evtInterruptIsr(self) {
        causes++;
        self.queueDpcForIsr();
        return true;
      },
      evtInterruptDpc() {
        bench.log.push(`DPC drains ${causes}`);
        causes = 0;
      },
    }));
    rig.run(
      (function* (): Suspending<void> {
        yield* interrupt.acquireLock();
        expect([interrupt.queueDpcForIsr(), interrupt.queueDpcForIsr()]).to.deep.equal([true, false]);
        causes = 2;
        yield* interrupt.releaseLock();
      })(),
    );
    expect(rig.log).to.deep.equal(['DPC drains 2']);
  });

  it('§7 dequeued before it is called: a second instance can run on another processor in parallel', () => {
    let running = 0;
    let parallel = 0;
    const { rig, interrupt } = started((bench) => ({
      evtInterruptIsr: () => true,
      *evtInterruptDpc(): Suspending<void> {
        running++;
        parallel = Math.max(parallel, running);
        yield* point(bench.kernel);
        running--;
      },
    }));
    rig.kernel.gate = everyPoint;
    for (const cpu of [0, 1]) {
      rig.thread(
        cpu,
        'driver',
        (function* (): Suspending<void> {
          interrupt.queueDpcForIsr();
          yield* point(rig.kernel);
        })(),
      );
    }
    const [first, second] = rig.kernel.vcpus;
    first!.advance();
    first!.advance(); // the DPC runs on vCPU 0 and stands at its point
    second!.advance();
    second!.advance();
    rig.settle();
    expect(parallel).to.equal(2);
  });

  it('§7 runs after the ISR has returned and the processor drops below DISPATCH_LEVEL, where it was queued', () => {
    const { rig, device } = started((bench) => ({
      evtInterruptIsr(self) {
        bench.log.push('ISR');
        return self.queueDpcForIsr();
      },
      evtInterruptDpc: () => void bench.log.push(`DPC at ${bench.kernel.current.irql} on vCPU ${bench.kernel.current.id}`),
    }));
    const lock = WdfSpinLock.create(device);
    rig.thread(
      0,
      'driver',
      (function* (): Suspending<void> {
        yield* lock.acquire();
        rig.sources[0]!.pending = true;
        yield* point(rig.kernel);
        rig.log.push('lock is freed');
        yield* lock.release();
      })(),
    );
    rig.settle(everyPoint);
    expect(rig.log).to.deep.equal(['ISR', 'lock is freed', `DPC at ${DISPATCH_LEVEL} on vCPU 0`]);
  });

  it('§7 level: a DPC must not wait', () => {
    const { rig } = started((bench) => ({
      evtInterruptIsr: (self) => self.queueDpcForIsr(),
      *evtInterruptDpc(self): Suspending<void> {
        bench.log.push('DPC');
        const queue = bench.createQueue(self.device, { dispatchType: 'manual' });
        yield* queue.drainSynchronously();
      },
    }));
    raise(rig);
    expect([rig.log, rulesOf(rig)]).to.deep.equal([['DPC'], ['C01']]);
  });

  it('§7 disconnect flushes DPCs and work items', () => {
    const { rig, device, interrupt } = started((bench) => ({
      evtInterruptIsr: () => true,
      evtInterruptDisable() {
        bench.log.push('disable');
        return STATUS_SUCCESS;
      },
      evtInterruptWorkItem: () => void bench.log.push(`work item at ${bench.kernel.current.irql}`),
    }));
    rig.thread(
      0,
      'power',
      (function* (): Suspending<void> {
        expect([interrupt.queueWorkItemForIsr(), interrupt.queueWorkItemForIsr()]).to.deep.equal([true, false]);
        yield* device.powerDown();
        rig.log.push('powered down');
      })(),
    );
    rig.settle();
    expect(rig.log).to.deep.equal(['disable', `work item at ${PASSIVE_LEVEL}`, 'powered down']);
  });

  it('§7 a work item queued by an ISR goes through a DPC and runs at PASSIVE_LEVEL', () => {
    const { rig } = started((bench) => ({
      evtInterruptIsr: (self) => self.queueWorkItemForIsr(),
      evtInterruptWorkItem: () => void bench.log.push(`${bench.kernel.current.top!.kind} at ${bench.kernel.current.irql}`),
    }));
    raise(rig);
    expect(rig.log).to.deep.equal([`thread at ${PASSIVE_LEVEL}`]);
    const both = { evtInterruptIsr: () => true, evtInterruptDpc: () => undefined, evtInterruptWorkItem: () => undefined };
    expect(Interrupt.create(rig.createDevice(), { ...both, resourceIndex: 0 }).status).to.equal(STATUS_INVALID_PARAMETER);
  });

  it('§7 clear only what was copied: clearing everything loses a cause that came between', () => {
    const lost = (clearsAll: boolean): number => {
      let worst = 0;
      everyInterleaving(() => {
        let saved = 0;
        let handled = 0;
        const { rig, interrupt } = started((bench) => ({
          evtInterruptIsr(self) {
            saved |= handled === 0 && saved === 0 ? 1 : 2;
            self.queueDpcForIsr();
            return true;
          },
          *evtInterruptDpc(self): Suspending<void> {
            yield* self.acquireLock();
            const copy = saved;
            yield* self.releaseLock();
            yield* point(bench.kernel);
            yield* self.acquireLock();
            saved = clearsAll ? 0 : saved & ~copy;
            yield* self.releaseLock();
            handled |= copy;
          },
        }));
        rig.vectors[0]!.deliver();
        rig.thread(1, 'second interrupt', serviceOnce(interrupt));
        return { rig, check: (): void => void (worst = Math.max(worst, 3 & ~(handled | saved))) };
      });
      return worst;
    };
    expect(lost(true)).to.be.greaterThan(0);
    expect(lost(false)).to.equal(0);
  });
});

function* serviceOnce(interrupt: Interrupt): Suspending<void> {
  yield* interrupt.service();
}
