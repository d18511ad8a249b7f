import type { Irql } from '../nt/index.js';
import { FxObject, SpinLock, type Suspending } from '../kernel/index.js';

/** WDFSPINLOCK: raises to DISPATCH_LEVEL while held. Not recursive; released by its holder (rules B02, B21, C21). */
export class WdfSpinLock extends FxObject {
  readonly #lock: SpinLock;

  constructor(parent: FxObject) {
    super(parent.kernel, 'SpinLock', parent);
    this.#lock = new SpinLock(parent.kernel, this.label);
  }

  /** WdfSpinLockCreate. */
  static create(parent: FxObject): WdfSpinLock {
    return new WdfSpinLock(parent);
  }

  acquire(): Suspending<void> {
    return this.#lock.acquire();
  }

  release(): Suspending<void> {
    return this.#lock.release();
  }

  /** The lock of an interrupt that shares it: it raises to the highest DIRQL of them all. */
  atLeast(irql: Irql): SpinLock {
    this.#lock.irql = Math.max(this.#lock.irql, irql);
    return this.#lock;
  }
}
