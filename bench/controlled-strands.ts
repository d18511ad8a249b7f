import { ControlledScheduler } from '../src/backends/controlled-scheduler.js';
import { RandomWalk } from '../src/explore/strategies/index.js';
import { EventRing, Kernel, makeOp, OpKind, VirtualClock, type Suspending } from '../src/kernel/index.js';

/** Kernel object the operations name. */
const WORD_OBJECT = 100;

function* pointStrand(kernel: Kernel, words: Int32Array, operations: number): Suspending<void> {
  const op = makeOp(WORD_OBJECT, OpKind.Update);
  for (let i = 0; i < operations; i++) {
    if (kernel.at(op)) yield op;
    words[0]!++;
  }
}

/**
 * The lab's kernel and controlled scheduler with nothing but scheduling in them: `strands` virtual CPUs, each with a
 * thread of `operations` scheduling points, under the random walk. Runs `schedules` times and returns nanoseconds per
 * operation, the reset between schedules included; the scheduler is kept, as `ControlledBackend` does.
 */
export function runControlledStrands(schedules: number, strands: number, operations: number): number {
  const kernel = new Kernel({ vcpus: strands, clock: new VirtualClock(), events: new EventRing(1024) });
  const strategy = new RandomWalk();
  const scheduler = new ControlledScheduler(kernel, kernel.vcpus, strategy);
  kernel.gate = scheduler;
  const words = new Int32Array(1);
  const begin = performance.now();
  for (let schedule = 0; schedule < schedules; schedule++) {
    kernel.reset();
    strategy.newExecution(schedule);
    for (const cpu of kernel.vcpus) cpu.queueThread('strand', WORD_OBJECT, pointStrand(kernel, words, operations));
    scheduler.restart(strategy);
    scheduler.run();
  }
  const elapsedMs = performance.now() - begin;
  const total = schedules * strands * operations;
  if (words[0] !== (total | 0)) throw new Error(`the controlled scheduler performed ${words[0]} operations of ${total}`);
  return (elapsedMs * 1e6) / total;
}
