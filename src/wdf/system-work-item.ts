import { COMPLETED, KernelEvent, type Activation, type Kernel, type Suspending } from '../kernel/index.js';

/**
 * A routine for a system thread at PASSIVE_LEVEL, on the virtual CPU that queued it. Queueing it while it waits adds
 * nothing; it is off the queue before it is called, so queued again while it runs it runs again, perhaps in parallel.
 */
export class SystemWorkItem {
  readonly #kernel: Kernel;
  readonly #name: string;
  readonly #objectId: number;
  readonly #routine: () => Suspending<void>;
  /** Set while it is neither queued nor running. */
  readonly #idle: KernelEvent;
  readonly #running: Activation[] = [];
  #queued = false;

  constructor(kernel: Kernel, name: string, objectId: number, routine: () => Suspending<void>) {
    this.#kernel = kernel;
    this.#name = name;
    this.#objectId = objectId;
    this.#routine = routine;
    this.#idle = new KernelEvent(kernel, `${name} to end`);
    this.#idle.set();
  }

  get isQueued(): boolean {
    return this.#queued;
  }

  /** It has been queued and has not returned. */
  get isBusy(): boolean {
    return this.#queued || this.#running.length > 0;
  }

  /** The running code is this routine, or was called by it: it cannot wait for itself. */
  get isRunByCurrent(): boolean {
    return this.#running.includes(this.#kernel.current.top!);
  }

  /** At or below DISPATCH_LEVEL. False: queued already and not yet started. */
  enqueue(): boolean {
    if (this.#queued) return false;
    this.#queued = true;
    this.#idle.clear();
    this.#kernel.current.queueThread(this.#name, this.#objectId, this.#run());
    return true;
  }

  *#run(): Suspending<void> {
    const thread = this.#kernel.current.top!;
    this.#queued = false;
    this.#running.push(thread);
    yield* this.#routine();
    this.#running.splice(this.#running.indexOf(thread), 1);
    if (!this.isBusy) this.#idle.set();
  }

  /** Waits until it is neither queued nor running; PASSIVE_LEVEL, not from its own routine. */
  flush(): Suspending<void> {
    return this.isBusy ? this.#idle.wait() : COMPLETED;
  }
}
