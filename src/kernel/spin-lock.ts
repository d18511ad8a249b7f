import { DISPATCH_LEVEL, WDF_VIOLATION, WdfViolation, irqlName, type Irql } from '../nt/index.js';
import { EventKind } from './event-ring.js';
import { COMPLETED } from './completed.js';
import { makeOp, OpKind, type Op, type Suspending } from './op.js';
import type { Kernel } from './kernel.js';
import type { VirtualCpu, Waitable } from './virtual-cpu.js';

/**
 * A kernel spin lock. Acquiring raises the vCPU to `irql` (DISPATCH_LEVEL, or the interrupt's DIRQL) and stands
 * before the lock until its holder lets go; a vCPU that spins is not enabled, so no schedule is spent on it.
 * Taking and releasing are most of what drivers call, so they make a generator only when they are suspended.
 */
export class SpinLock implements Waitable {
  readonly objectId: number;
  #owner: VirtualCpu | null = null;
  #irqlBefore: Irql = 0;

  constructor(
    readonly kernel: Kernel,
    readonly name: string,
    public irql: Irql = DISPATCH_LEVEL,
  ) {
    this.objectId = kernel.nextObjectId('SpinLock', this);
  }

  isAvailableTo(): boolean {
    return this.#owner === null;
  }

  holder(): VirtualCpu | null {
    return this.#owner;
  }

  get isHeldByCurrent(): boolean {
    return this.#owner === this.kernel.current;
  }

  acquire(): Suspending<void> {
    const { kernel } = this;
    const cpu = kernel.current;
    this.#checkAcquire(cpu);
    const irqlBefore = cpu.irql;
    cpu.irql = Math.max(irqlBefore, this.irql);
    const op = makeOp(this.objectId, OpKind.Acquire);
    if (kernel.atWaitable(op, this)) return this.#acquireLater(op, cpu, irqlBefore);
    this.#take(cpu, irqlBefore);
    return COMPLETED;
  }

  *#acquireLater(op: Op, cpu: VirtualCpu, irqlBefore: Irql): Suspending<void> {
    yield op;
    while (this.#owner !== null) yield op;
    this.#take(cpu, irqlBefore);
  }

  #take(cpu: VirtualCpu, irqlBefore: Irql): void {
    const { kernel } = this;
    kernel.passed();
    this.#owner = cpu;
    this.#irqlBefore = irqlBefore;
    kernel.emit(EventKind.LockAcquire, this.objectId, 0, 0);
    if (kernel.races !== null) kernel.races.locked(this.objectId, this.name, this.irql > DISPATCH_LEVEL);
  }

  release(): Suspending<void> {
    const { kernel } = this;
    const cpu = kernel.current;
    if (this.#owner !== cpu) {
      kernel.violation({
        rule: 'B21',
        severity: 'crash',
        object: `${this.name}#${this.objectId}`,
        message: `${this.name} is released by virtual CPU ${cpu.id}, which does not hold it`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_LOCK_OPERATION, this.objectId, 1] },
      });
    }
    const op = makeOp(this.objectId, OpKind.Release);
    if (kernel.at(op)) return this.#releaseLater(op, cpu);
    this.#give(cpu);
    return cpu.dpcIsDue ? this.#letDpcsRun(op) : COMPLETED;
  }

  *#releaseLater(op: Op, cpu: VirtualCpu): Suspending<void> {
    yield op;
    this.#give(cpu);
    if (cpu.dpcIsDue) yield this.kernel.standAt(op);
  }

  /** Lowering the level lets queued DPCs run before the next instruction. */
  *#letDpcsRun(op: Op): Suspending<void> {
    yield this.kernel.standAt(op);
  }

  #give(cpu: VirtualCpu): void {
    const { kernel } = this;
    if (kernel.races !== null) kernel.races.unlocked(this.objectId);
    this.#owner = null;
    cpu.irql = this.#irqlBefore;
    kernel.emit(EventKind.LockRelease, this.objectId, 0, 0);
  }

  #checkAcquire(cpu: VirtualCpu): void {
    if (this.#owner === cpu) {
      this.kernel.violation({
        rule: 'B02',
        severity: 'crash',
        object: `${this.name}#${this.objectId}`,
        message: `${this.name} is acquired again by virtual CPU ${cpu.id}, which holds it already: it would wait for itself for ever`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.RECURSIVE_LOCK, this.objectId] },
      });
    }
    if (cpu.irql > this.irql) {
      this.kernel.violation({
        rule: 'C01',
        severity: 'error',
        object: `${this.name}#${this.objectId}`,
        message: `${this.name} belongs to ${irqlName(this.irql)} and is acquired at ${irqlName(cpu.irql)}`,
      });
    }
  }
}
