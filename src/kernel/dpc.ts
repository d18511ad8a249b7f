import { COMPLETED } from './completed.js';
import { makeOp, OpKind, type Op, type Suspending } from './op.js';
import type { Kernel } from './kernel.js';
import type { VirtualCpu, Waitable } from './virtual-cpu.js';

/**
 * A deferred procedure call object. One object is queued at most once at a time (queues-requests-cancel section 7):
 * events that queue it while it waits coalesce; queued again while it runs, it may run on another vCPU in parallel.
 */
export class Dpc implements Waitable {
  readonly objectId: number;
  queued = false;
  /** Instances started and not yet ended, over all vCPUs. */
  running = 0;

  constructor(
    private readonly kernel: Kernel,
    readonly name: string,
    private readonly routine: () => Suspending<void>,
  ) {
    this.objectId = kernel.nextObjectId('Dpc', this);
  }

  /** True when it was queued, false when it was queued already and nothing was added. */
  queue(cpu: VirtualCpu = this.kernel.current): boolean {
    // Queued already is ordered, too: that instance has not begun.
    if (this.kernel.races !== null) this.kernel.races.release(this.objectId);
    if (this.queued) return false;
    this.queued = true;
    cpu.queueDpc(this);
    return true;
  }

  /** Neither queued nor running: what was, went with the machine it belonged to. */
  reset(): void {
    this.queued = false;
    this.running = 0;
  }

  /** Withdraws a queued DPC; false when it was not queued. */
  remove(): boolean {
    if (!this.queued) return false;
    this.queued = false;
    return this.kernel.vcpus.some((cpu) => cpu.removeDpc(this));
  }

  /** KeFlushQueuedDpcs for this one: neither queued nor running anywhere. */
  isAvailableTo(): boolean {
    return !this.queued && this.running === 0;
  }

  holder(): VirtualCpu | null {
    return null;
  }

  /** Waits until every instance, queued or running on any vCPU, has ended. Below DISPATCH_LEVEL. */
  flush(): Suspending<void> {
    const op = makeOp(this.objectId, OpKind.Wait);
    if (this.kernel.atWaitable(op, this)) return this.#flushLater(op);
    this.#flushed();
    return COMPLETED;
  }

  *#flushLater(op: Op): Suspending<void> {
    yield op;
    while (!this.isAvailableTo()) yield op;
    this.#flushed();
  }

  #flushed(): void {
    this.kernel.passed();
    if (this.kernel.races !== null) this.kernel.races.flushed(this.objectId);
  }

  *start(): Suspending<void> {
    this.running++;
    yield* this.routine();
    this.running--;
    if (this.kernel.races !== null) this.kernel.races.finished(this.objectId);
  }
}
