import { PASSIVE_LEVEL, irqlName } from '../nt/index.js';
import { COMPLETED } from './completed.js';
import { makeOp, OpKind, type Op, type Suspending } from './op.js';
import type { Kernel } from './kernel.js';
import type { Activation, VirtualCpu, Waitable } from './virtual-cpu.js';

/**
 * A notification event: threads at PASSIVE_LEVEL wait until it is set, and it stays set until `clear`.
 * Setting is legal at any level up to DISPATCH_LEVEL.
 */
export class KernelEvent implements Waitable {
  readonly objectId: number;
  #signalled = false;
  readonly #waiters: { cpu: VirtualCpu; thread: Activation }[] = [];

  constructor(
    readonly kernel: Kernel,
    readonly name: string,
  ) {
    this.objectId = kernel.nextObjectId('KernelEvent', this);
  }

  isAvailableTo(): boolean {
    return this.#signalled;
  }

  holder(): VirtualCpu | null {
    return null;
  }

  set(): void {
    this.#signalled = true;
    if (this.kernel.races !== null) this.kernel.races.release(this.objectId);
    const waiters = this.#waiters;
    const { length } = waiters;
    for (let i = 0; i < length; i++) waiters[i]!.cpu.wake(waiters[i]!.thread);
    // One by one: setting the length is a call into the runtime, and the next one to wait would have to make room again.
    for (let i = 0; i < length; i++) waiters.pop();
  }

  clear(): void {
    this.#signalled = false;
  }

  wait(): Suspending<void> {
    const { kernel } = this;
    const cpu = kernel.current;
    if (cpu.irql > PASSIVE_LEVEL) {
      kernel.violation({
        rule: 'C01',
        severity: 'crash',
        object: `${this.name}#${this.objectId}`,
        message: `a wait for ${this.name} at ${irqlName(cpu.irql)}: only code at PASSIVE_LEVEL may wait`,
      });
    }
    const op = makeOp(this.objectId, OpKind.Wait);
    const goesLater = kernel.at(op);
    if (goesLater || !this.#signalled) return this.#waitLater(op, cpu, goesLater);
    if (kernel.races !== null) kernel.races.acquire(this.objectId);
    return COMPLETED;
  }

  *#waitLater(op: Op, cpu: VirtualCpu, goesLater: boolean): Suspending<void> {
    if (goesLater) yield op;
    // Woken is satisfied: a `clear` right after `set` does not send those back who waited already.
    if (!this.#signalled) {
      this.#waiters.push({ cpu, thread: cpu.park(this) });
      yield op;
    }
    if (this.kernel.races !== null) this.kernel.races.acquire(this.objectId);
  }
}
