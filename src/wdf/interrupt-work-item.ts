import { DISPATCH_LEVEL } from '../nt/index.js';
import { Dpc, KernelEvent, type Suspending } from '../kernel/index.js';
import type { Device } from './device.js';
import type { Interrupt } from './interrupt.js';

/**
 * EvtInterruptWorkItem: what a DPC does, in a system thread at PASSIVE_LEVEL. One object an interrupt, as with the DPC:
 * events that queue it while it waits coalesce; queued again while it runs, it runs again.
 */
export class InterruptWorkItem {
  readonly #interrupt: Interrupt;
  readonly #callback: (interrupt: Interrupt, device: Device) => Suspending<void>;
  readonly #dpc: Dpc;
  /** Set while none is queued or running. */
  readonly #idle: KernelEvent;
  #queued = false;
  #running = 0;

  constructor(interrupt: Interrupt, callback: (interrupt: Interrupt, device: Device) => Suspending<void>) {
    this.#interrupt = interrupt;
    this.#callback = callback;
    const { kernel, label } = interrupt;
    this.#dpc = new Dpc(kernel, `${label} work item DPC`, () => this.#wakeThread());
    this.#idle = new KernelEvent(kernel, `${label}: its work item to end`);
    this.#idle.set();
  }

  /** False: queued already and not yet started. */
  queue(): boolean {
    if (this.#queued) return false;
    this.#queued = true;
    this.#idle.clear();
    if (this.#interrupt.kernel.current.irql > DISPATCH_LEVEL) this.#dpc.queue();
    else this.#startThread();
    return true;
  }

  *#wakeThread(): Suspending<void> {
    this.#startThread();
  }

  #startThread(): void {
    const { kernel, label, objectId } = this.#interrupt;
    kernel.current.queueThread(`${label} work item`, objectId, this.#run());
  }

  *#run(): Suspending<void> {
    const { kernel, objectId, device } = this.#interrupt;
    this.#queued = false;
    this.#running++;
    const irql = kernel.enter(objectId);
    yield* this.#callback(this.#interrupt, device);
    kernel.leave(irql, objectId, 'EvtInterruptWorkItem');
    this.#running--;
    if (!this.#queued && this.#running === 0) this.#idle.set();
  }

  /** Waits until nothing of it is queued or running; PASSIVE_LEVEL. */
  *flush(): Suspending<void> {
    if (this.#queued || this.#running > 0) yield* this.#idle.wait();
  }
}
