import { PASSIVE_LEVEL, WDF_VIOLATION, WdfViolation } from '../nt/index.js';
import { FxObject, KernelEvent, makeOp, OpKind, type Activation, type Suspending } from '../kernel/index.js';

/** WDFWAITLOCK: threads at PASSIVE_LEVEL leave the processor until it is free. Not recursive; released by its holder (rules B02, B21, C21). */
export class WdfWaitLock extends FxObject {
  readonly #free: KernelEvent;
  #owner: Activation | null = null;

  constructor(parent: FxObject) {
    super(parent.kernel, 'WaitLock', parent);
    this.#free = new KernelEvent(parent.kernel, this.label);
  }

  /** WdfWaitLockCreate. */
  static create(parent: FxObject): WdfWaitLock {
    return new WdfWaitLock(parent);
  }

  get isHeldByCurrent(): boolean {
    return this.#owner !== null && this.#owner === this.kernel.current.top;
  }

  /** WdfWaitLockAcquire without a time limit. */
  *acquire(): Suspending<void> {
    const { kernel } = this;
    if (this.isHeldByCurrent)
      this.#report('B02', 'is acquired again by the thread that holds it: it would wait for itself for ever', WdfViolation.RECURSIVE_LOCK);
    if (kernel.current.irql > PASSIVE_LEVEL) {
      kernel.violation({
        rule: 'C21',
        severity: 'error',
        object: this.label,
        message: `${this.label} is acquired above PASSIVE_LEVEL, where nobody may wait`,
      });
    }
    const op = makeOp(this.objectId, OpKind.Acquire);
    if (kernel.at(op)) yield op;
    while (this.#owner !== null) {
      this.#free.clear();
      yield* this.#free.wait();
    }
    this.#owner = kernel.current.top!;
    if (kernel.races !== null) kernel.races.locked(this.objectId, this.label);
  }

  /** WdfWaitLockAcquire with a time limit of zero: false when somebody holds it. */
  *tryToAcquire(): Suspending<boolean> {
    const op = makeOp(this.objectId, OpKind.Acquire);
    if (this.kernel.at(op)) yield op;
    if (this.#owner !== null) return false;
    this.#owner = this.kernel.current.top!;
    if (this.kernel.races !== null) this.kernel.races.locked(this.objectId, this.label);
    return true;
  }

  *release(): Suspending<void> {
    const op = makeOp(this.objectId, OpKind.Release);
    if (this.kernel.at(op)) yield op;
    if (!this.isHeldByCurrent) this.#report('B21', 'is released by a thread that does not hold it', WdfViolation.INVALID_LOCK_OPERATION);
    if (this.kernel.races !== null) this.kernel.races.unlocked(this.objectId);
    this.#owner = null;
    this.#free.set();
  }

  #report(rule: string, what: string, parameter: number): void {
    this.kernel.violation({
      rule,
      severity: 'crash',
      object: this.label,
      message: `${this.label} ${what}`,
      bugCheck: { code: WDF_VIOLATION, parameters: [parameter, this.objectId] },
    });
  }
}
