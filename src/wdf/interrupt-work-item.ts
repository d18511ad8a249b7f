import { DISPATCH_LEVEL } from '../nt/index.js';
import { Dpc, type Suspending } from '../kernel/index.js';
import type { Device } from './device.js';
import type { Interrupt } from './interrupt.js';
import { SystemWorkItem } from './system-work-item.js';

/**
 * EvtInterruptWorkItem: what a DPC does, in a system thread at PASSIVE_LEVEL. One object an interrupt, as with the DPC:
 * events that queue it while it waits coalesce; queued again while it runs, it runs again.
 */
export class InterruptWorkItem {
  readonly #interrupt: Interrupt;
  readonly #callback: (interrupt: Interrupt, device: Device) => Suspending<void>;
  readonly #dpc: Dpc;
  readonly #item: SystemWorkItem;

  constructor(interrupt: Interrupt, callback: (interrupt: Interrupt, device: Device) => Suspending<void>) {
    this.#interrupt = interrupt;
    this.#callback = callback;
    const { kernel, label, objectId } = interrupt;
    this.#dpc = new Dpc(kernel, `${label} work item DPC`, () => this.#wakeThread());
    this.#item = new SystemWorkItem(kernel, `${label} work item`, objectId, () => this.#run());
  }

  /** From an ISR it goes through a DPC, since a thread cannot be woken there. False: queued already and not yet started. */
  queue(): boolean {
    if (this.#item.isQueued) return false;
    return this.#interrupt.kernel.current.irql > DISPATCH_LEVEL ? this.#dpc.queue() : this.#item.enqueue();
  }

  *#wakeThread(): Suspending<void> {
    this.#item.enqueue();
  }

  *#run(): Suspending<void> {
    const { kernel, objectId, device, callbackLock } = this.#interrupt;
    if (callbackLock !== null) yield* callbackLock.acquire();
    const irql = kernel.enter(objectId, 'EvtInterruptWorkItem');
    yield* this.#callback(this.#interrupt, device);
    kernel.leave(irql, objectId, 'EvtInterruptWorkItem');
    if (callbackLock !== null) yield* callbackLock.release();
  }

  /** Waits until nothing of it is queued or running; PASSIVE_LEVEL. */
  flush(): Suspending<void> {
    return this.#dpc.isAvailableTo() ? this.#item.flush() : this.#flushBoth();
  }

  *#flushBoth(): Suspending<void> {
    yield* this.#dpc.flush();
    yield* this.#item.flush();
  }
}
