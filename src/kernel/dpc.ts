import type { Suspending } from './op.js';
import type { Kernel } from './kernel.js';
import type { VirtualCpu } from './virtual-cpu.js';

/**
 * A deferred procedure call object. One object is queued at most once at a time (queues-requests-cancel section 7):
 * events that queue it while it waits coalesce; queued again while it runs, it may run on another vCPU in parallel.
 */
export class Dpc {
  readonly objectId: number;
  queued = false;
  /** Instances started and not yet ended, over all vCPUs. */
  running = 0;

  constructor(
    private readonly kernel: Kernel,
    readonly name: string,
    private readonly routine: () => Suspending<void>,
  ) {
    this.objectId = kernel.nextObjectId();
  }

  /** True when it was queued, false when it was queued already and nothing was added. */
  queue(cpu: VirtualCpu = this.kernel.current): boolean {
    if (this.queued) return false;
    this.queued = true;
    cpu.queueDpc(this);
    return true;
  }

  /** Withdraws a queued DPC; false when it was not queued. */
  remove(): boolean {
    if (!this.queued) return false;
    this.queued = false;
    return this.kernel.vcpus.some((cpu) => cpu.removeDpc(this));
  }

  *start(): Suspending<void> {
    this.running++;
    yield* this.routine();
    this.running--;
  }
}
