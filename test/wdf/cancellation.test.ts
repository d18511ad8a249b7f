import { expect } from 'chai';
import { describe, it } from 'mocha';
import { Dpc, type Suspending } from '../../src/kernel/index.js';
import {
  DISPATCH_LEVEL,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_SUCCESS,
  WDF_VIOLATION,
  WdfViolation,
  type NtStatus,
} from '../../src/nt/index.js';
import { RequestType, WdfSpinLock, type FileObject, type Request } from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import {
  completingCancel,
  everyInterleaving,
  keepingQueue,
  statusesOf,
  submit,
  type BenchOptions,
  type QueueBench,
} from './bench-queue.js';

/** A request in the driver's hands, not marked. */
function owned(options: BenchOptions = {}): QueueBench & { readonly request: Request } {
  const bench = keepingQueue(options);
  const [request] = submit(bench, 'a');
  bench.rig.log.length = 0;
  return { ...bench, request: request! };
}

/** A request in the driver's hands whose cancel callback completes it. */
function marked(options: BenchOptions = {}): QueueBench & { readonly request: Request } {
  const all = owned(options);
  all.rig.run(all.request.markCancelable(completingCancel(all)));
  return all;
}

const rulesOf = ({ rig }: QueueBench): string[] => rig.kernel.findings.kept.map(({ rule }) => rule);

describe('cancellation: MarkCancelable and MarkCancelableEx', () => {
  it('§4 MarkCancelable, not cancelled: armed, and the callback comes with the cancel', () => {
    const all = marked();
    expect(all.rig.log).to.deep.equal([]);
    expect(all.rig.run(all.request.cancelIrp())).to.equal(true);
    expect(all.rig.log).to.deep.equal(['EvtRequestCancel a', 'completed a']);
    expect(statusesOf(all.application)).to.deep.equal({ a: STATUS_CANCELLED });
    expect(rulesOf(all)).to.deep.equal([]);
  });

  it('§4 MarkCancelable, already cancelled: the callback runs before it returns when no loop is active', () => {
    const all = owned();
    expect(all.rig.run(all.request.cancelIrp()), 'no cancel routine was there').to.equal(false);
    all.rig.run(
      (function* (): Suspending<void> {
        yield* all.request.markCancelable(completingCancel(all));
        all.rig.log.push('MarkCancelable returns');
      })(),
    );
    expect(all.rig.log).to.deep.equal(['EvtRequestCancel a', 'completed a', 'MarkCancelable returns']);
  });

  it('§4 MarkCancelable, already cancelled, inside a handler: the callback runs after the handler has returned', () => {
    const bench: QueueBench = keepingQueue({
      queue: {
        *evtIoDefault(_queue, request): Suspending<void> {
          yield* request.cancelIrp();
          yield* request.markCancelable(completingCancel(bench));
          bench.rig.log.push('handler returns');
        },
      },
    });
    submit(bench, 'a');
    expect(bench.rig.log).to.deep.equal(['handler returns', 'EvtRequestCancel a', 'completed a']);
  });

  it('§4 MarkCancelableEx, not cancelled: SUCCESS and armed', () => {
    const all = owned();
    expect(all.rig.run(() => all.request.markCancelableEx(completingCancel(all)))).to.equal(STATUS_SUCCESS);
    all.rig.run(all.request.cancelIrp());
    expect(all.rig.log).to.deep.equal(['EvtRequestCancel a', 'completed a']);
  });

  it('§4 MarkCancelableEx, already cancelled: CANCELLED, the callback is dropped, the caller completes', () => {
    const all = owned();
    all.rig.run(all.request.cancelIrp());
    expect(all.rig.run(() => all.request.markCancelableEx(completingCancel(all)))).to.equal(STATUS_CANCELLED);
    all.rig.run(() => all.request.complete(STATUS_CANCELLED));
    expect(all.rig.log).to.deep.equal(['completed a']);
    expect(rulesOf(all)).to.deep.equal([]);
  });

  it('§4 purge running: MarkCancelable calls back at once, MarkCancelableEx answers CANCELLED', () => {
    const plain = owned();
    plain.rig.run(plain.queue.purge());
    plain.rig.run(plain.request.markCancelable(completingCancel(plain)));
    expect(plain.rig.log).to.deep.equal(['EvtRequestCancel a', 'completed a']);
    const ex = owned();
    ex.rig.run(ex.queue.purge());
    expect(ex.rig.run(() => ex.request.markCancelableEx(completingCancel(ex)))).to.equal(STATUS_CANCELLED);
  });

  it('§4 the callback pointer is one-shot: a second cancel calls nothing', () => {
    const all = owned();
    let calls = 0;
    all.rig.run(all.request.markCancelable(() => void calls++));
    expect([all.rig.run(all.request.cancelIrp()), all.rig.run(all.request.cancelIrp())]).to.deep.equal([true, false]);
    expect(calls).to.equal(1);
    expect(all.request.isCanceled(), 'delivered: the driver completes it when it likes').to.equal(true);
    all.rig.run(() => all.request.complete(STATUS_CANCELLED));
    expect(rulesOf(all)).to.deep.equal([]);
  });
});

describe('cancellation: interleavings', () => {
  it('§4 Unmark then cancel: the flag is set only, IsCanceled is TRUE, the driver completes normally', () => {
    const all = marked();
    expect(all.rig.run(() => all.request.unmarkCancelable())).to.equal(STATUS_SUCCESS);
    expect(all.rig.run(all.request.cancelIrp())).to.equal(false);
    expect(all.request.isCanceled()).to.equal(true);
    all.rig.run(() => all.request.complete(STATUS_SUCCESS));
    expect(all.rig.log).to.deep.equal(['completed a']);
    expect(rulesOf(all)).to.deep.equal([]);
  });

  it("§4 cancel then Unmark: CANCELLED; completion is the callback's", () => {
    const all = owned();
    all.rig.run(all.request.markCancelable(() => void all.rig.log.push('EvtRequestCancel')));
    all.rig.run(all.request.cancelIrp());
    expect(all.rig.run(() => all.request.unmarkCancelable())).to.equal(STATUS_CANCELLED);
    expect(all.rig.log).to.deep.equal(['EvtRequestCancel']);
  });

  /** Cancel on one processor, the end of the I/O on the other, in every order of their scheduling points. */
  function race(finish: (request: Request, answers: NtStatus[]) => Suspending<void>): { runs: number; answers: Set<NtStatus> } {
    const seen = new Set<NtStatus>();
    const runs = everyInterleaving(() => {
      const all = marked();
      const answers: NtStatus[] = [];
      // The handle must stay good after the callback has completed the request.
      all.request.reference();
      all.rig.thread(0, 'DPC', finish(all.request, answers));
      all.rig.thread(1, 'cancel', dropResult(all.request.cancelIrp()));
      return {
        rig: all.rig,
        check: (): void => {
          expect(all.application.completed, 'exactly once').to.have.length(1);
          expect(all.application.completed[0]!.status).to.equal(answers[0] === STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_CANCELLED);
          expect(rulesOf(all)).to.deep.equal([]);
          seen.add(answers[0]!);
        },
      };
    });
    return { runs, answers: seen };
  }

  it('§4 cancel against Unmark and complete: exactly one completes in every interleaving, and both orders occur', () => {
    const { runs, answers } = race(function* (request, statuses) {
      const status = yield* request.unmarkCancelable();
      statuses.push(status);
      if (status === STATUS_SUCCESS) yield* request.complete(STATUS_SUCCESS);
    });
    expect(runs).to.be.greaterThan(5);
    expect([...answers].sort()).to.deep.equal([STATUS_CANCELLED, STATUS_SUCCESS].sort());
  });

  it('§4 completing a marked request without Unmark is a race: some interleaving completes it twice', () => {
    let doubles = 0;
    let singles = 0;
    const runs = everyInterleaving(() => {
      const all = marked();
      all.rig.thread(0, 'DPC', () => all.request.complete(STATUS_SUCCESS));
      all.rig.thread(1, 'cancel', dropResult(all.request.cancelIrp()));
      const { rig } = all;
      const advance = rig.kernel.vcpus.map((cpu) => cpu.advance.bind(cpu));
      rig.kernel.vcpus.forEach((cpu, i) => {
        cpu.advance = () => {
          try {
            advance[i]!();
          } catch (error) {
            if (rig.kernel.dead === null) throw error;
            doubles++;
            rig.kernel.vcpus.forEach((each) => each.reset());
          }
        };
      });
      return {
        rig,
        check: (): void => {
          const rules = rulesOf(all);
          if (rules.includes('C08')) return;
          singles++;
          expect(all.application.completed).to.have.length(1);
          expect(rules.length === 0 || rules[0] === 'C07').to.equal(true);
        },
      };
    });
    expect(runs).to.equal(doubles + singles);
    expect(doubles).to.be.greaterThan(0);
    expect(singles).to.be.greaterThan(0);
  });

  it('§4 Unmark after the callback completed the request: invalid handle, bug check 0x10D/5', () => {
    const all = marked();
    all.rig.run(all.request.cancelIrp());
    const violation = crashOf(() => all.rig.run(() => all.request.unmarkCancelable()));
    expect(violation.bugCheck).to.deep.equal({ code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, all.request.objectId] });
  });

  it('§4 completing after Unmark answered CANCELLED is C11, then a double completion (C08)', () => {
    const all = marked({ queue: { dispatchType: 'sequential' } });
    const { rig, request } = all;
    rig.kernel.gate = { at: () => true };
    rig.thread(1, 'cancel', dropResult(request.cancelIrp()));
    const canceller = rig.kernel.vcpus[1]!;
    canceller.advance();
    canceller.advance(); // the cancel routine is taken, the callback not yet called
    rig.kernel.gate = { at: () => false };
    const io = function* (): Suspending<void> {
      expect(yield* request.unmarkCancelable()).to.equal(STATUS_CANCELLED);
      yield* request.complete(STATUS_SUCCESS);
    };
    const violation = crashOf(() => rig.run(io()));
    expect(rulesOf(all)).to.deep.equal(['C11', 'C08']);
    expect(violation.rule).to.equal('C08');
  });

  it('§4 a cancel for a request that has completed does nothing, even when its object is in use again', () => {
    const all = owned();
    all.rig.run(() => all.request.complete(STATUS_SUCCESS));
    expect(all.rig.run(all.request.cancelIrp())).to.equal(false);
    const reused = owned();
    reused.rig.kernel.gate = { at: () => true };
    reused.rig.thread(1, 'cancel', dropResult(reused.request.cancelIrp()));
    reused.rig.kernel.vcpus[1]!.advance();
    reused.rig.kernel.gate = { at: () => false };
    reused.rig.run(() => reused.request.complete(STATUS_SUCCESS));
    reused.request.prepare(RequestType.Read, null, 64, 0, reused.application);
    reused.rig.settle();
    expect(reused.request.isCancelRequested).to.equal(false);
  });
});

describe('cancellation: where the callback runs', () => {
  it("§4 at most at DISPATCH_LEVEL: in the canceller's context without a scope, under the lock with one", () => {
    for (const scope of ['none', 'queue', 'device'] as const) {
      const all = owned({ scope });
      const irqls: number[] = [];
      all.rig.run(
        all.request.markCancelable(function* (request): Suspending<void> {
          irqls.push(all.rig.kernel.current.irql);
          yield* request.complete(STATUS_CANCELLED);
        }),
      );
      all.rig.run(all.request.cancelIrp());
      expect(irqls).to.deep.equal([scope === 'none' ? 0 : DISPATCH_LEVEL]);
    }
  });

  it('§4 with a scope it waits for the callback lock, so a serialized DPC excludes it', () => {
    const all = marked({ scope: 'device' });
    const lock = all.device.callbackLock!;
    all.rig.thread(
      0,
      'DPC',
      (function* (): Suspending<void> {
        yield* lock.acquire();
        all.rig.log.push('> DPC');
        yield* all.request.queue!.findRequest();
        all.rig.log.push('< DPC');
        yield* lock.release();
      })(),
    );
    all.rig.kernel.gate = { at: () => true };
    const [dpc, canceller] = all.rig.kernel.vcpus;
    dpc!.advance();
    dpc!.advance(); // holds the lock
    all.rig.thread(1, 'cancel', dropResult(all.request.cancelIrp()));
    while (canceller!.isEnabled()) canceller!.advance();
    expect(all.rig.log, 'the canceller spins').to.deep.equal(['> DPC']);
    all.rig.settle();
    expect(all.rig.log).to.deep.equal(['> DPC', '< DPC', 'EvtRequestCancel a', 'completed a']);
  });

  it('§4 a canceller that holds the callback lock leaves the callback to a DPC', () => {
    const all = marked({ scope: 'device' });
    const lock = all.device.callbackLock!;
    all.rig.run(
      (function* (): Suspending<void> {
        yield* lock.acquire();
        yield* all.request.cancelIrp();
        all.rig.log.push('cancelled');
        yield* lock.release();
      })(),
    );
    expect(all.rig.log).to.deep.equal(['cancelled', 'EvtRequestCancel a', 'completed a']);
  });

  it('§4 a cancel from a DPC runs it in that DPC', () => {
    const all = marked();
    new Dpc(all.rig.kernel, 'canceller', () => dropResult(all.request.cancelIrp())).queue(all.rig.kernel.vcpus[0]);
    all.rig.settle();
    expect(all.rig.log).to.deep.equal(['EvtRequestCancel a', 'completed a']);
  });

  it('§4 remember the handle: who takes it out under the lock completes it, in every interleaving', () => {
    const winners = new Set<string>();
    everyInterleaving(() => {
      const all = owned();
      const { rig, request, application } = all;
      const lock = WdfSpinLock.create(all.device);
      let current: Request | null = request;
      rig.run(
        request.markCancelable(function* (cancelled): Suspending<void> {
          yield* lock.acquire();
          current = null;
          yield* lock.release();
          yield* cancelled.complete(STATUS_CANCELLED);
        }),
      );
      rig.thread(
        0,
        'DPC',
        (function* (): Suspending<void> {
          // Under the lock the callback has not completed it as long as it is remembered.
          yield* lock.acquire();
          const mine = current !== null && (yield* current.unmarkCancelable()) === STATUS_SUCCESS;
          current = null;
          yield* lock.release();
          if (mine) yield* request.complete(STATUS_SUCCESS);
        })(),
      );
      rig.thread(1, 'cancel', dropResult(request.cancelIrp()));
      return {
        rig,
        check: (): void => {
          expect(application.completed).to.have.length(1);
          expect(rulesOf(all)).to.deep.equal([]);
          winners.add(String(application.completed[0]!.status));
        },
      };
    });
    expect(winners.size).to.equal(2);
  });
});

describe('cancellation: misuse (C07, C10 to C13)', () => {
  it('C10: marking twice, or what waits in a queue, is ignored', () => {
    const all = marked();
    expect(all.rig.run(() => all.request.markCancelableEx(() => undefined))).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    all.rig.run(all.request.markCancelable(() => undefined));
    expect(rulesOf(all)).to.deep.equal(['C10', 'C10']);
    all.rig.run(all.request.cancelIrp());
    expect(all.rig.log, 'the first callback is still the one').to.deep.equal(['EvtRequestCancel a', 'completed a']);
  });

  it('C11: Unmark of a request that is not cancelable is INVALID_DEVICE_REQUEST', () => {
    const all = owned();
    expect(all.rig.run(() => all.request.unmarkCancelable())).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(rulesOf(all)).to.deep.equal(['C11']);
  });

  it('C12: IsCanceled of a marked request is FALSE', () => {
    const all = marked();
    expect(all.request.isCanceled()).to.equal(false);
    expect(rulesOf(all)).to.deep.equal(['C12']);
  });

  it('C07: completing a marked request without Unmark', () => {
    const all = marked();
    all.rig.run(() => all.request.complete(STATUS_SUCCESS));
    expect(rulesOf(all)).to.deep.equal(['C07']);
    expect(all.rig.run(all.request.cancelIrp()), 'completed: nothing to cancel').to.equal(false);
    expect(all.application.completed).to.have.length(1);
  });

  it('C13: a marked request is neither forwarded nor requeued', () => {
    const all = marked();
    const other = all.rig.createQueue(all.device, { dispatchType: 'manual' });
    expect(all.rig.run(all.request.forwardToIoQueue(other))).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(all.rig.run(all.request.requeue())).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(rulesOf(all)).to.deep.equal(['C13', 'C13']);
    expect(all.request.isDriverOwned).to.equal(true);
  });
});

describe('cancellation: closing a file', () => {
  it("cancels all of its requests at once, wherever they are, and nobody else's", () => {
    const bench = keepingQueue({ queue: { dispatchType: 'sequential' } });
    const { rig, application, device, held } = bench;
    const [mine, other] = [rig.openFile(device, 'mine'), rig.openFile(device, 'other')];
    const of = (name: string, file: FileObject): Request => application.request(name, RequestType.Read, 64, file);
    application.submit(device, of('owned', mine), of('waiting', mine), of('other', other));
    rig.run(held[0]!.markCancelable(completingCancel(bench)));
    expect([mine.outstanding, other.outstanding]).to.deep.equal([2, 1]);
    rig.run(mine.close());
    expect(statusesOf(application)).to.deep.equal({ owned: STATUS_CANCELLED, waiting: STATUS_CANCELLED });
    expect([mine.outstanding, mine.isClosed, other.outstanding]).to.deep.equal([0, true, 1]);
    expect(() => of('late', mine)).to.throw('which was closed');
  });

  it('a request that its driver keeps completes later', () => {
    const bench = keepingQueue();
    const file = bench.rig.openFile(bench.device);
    bench.application.submit(bench.device, bench.application.request('a', RequestType.Read, 64, file));
    bench.rig.run(file.close());
    expect([file.outstanding, bench.held[0]!.isCanceled()]).to.deep.equal([1, true]);
    bench.rig.run(() => bench.held[0]!.complete(STATUS_CANCELLED));
    expect(file.outstanding).to.equal(0);
  });
});

function* dropResult(body: Suspending<unknown>): Suspending<void> {
  yield* body;
}
