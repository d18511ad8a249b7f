import { assertInternal } from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import type { Request } from './request.js';

/**
 * An open handle of the device, WDFFILEOBJECT on the driver's side: requests are issued through it and belong to it
 * until they complete. Closing it (or the end of its process) cancels all of them at once.
 */
export class IoHandle {
  readonly #requests = new Set<Request>();
  #closed = false;

  constructor(readonly name: string) {}

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Requests issued and not completed. */
  get outstanding(): number {
    return this.#requests.size;
  }

  /** The I/O manager issues `request` through this handle. */
  adopt(request: Request): void {
    assertInternal(!this.#closed, 'HANDLE_CLOSED', `a request is issued through ${this.name}, which was closed`);
    this.#requests.add(request);
  }

  release(request: Request): void {
    this.#requests.delete(request);
  }

  /**
   * Cancels every request that is outstanding now, in the order they were issued; those that their driver does not
   * let go of complete later. At or below DISPATCH_LEVEL.
   */
  *close(): Suspending<void> {
    this.#closed = true;
    const pending = [...this.#requests].map((request) => ({ request, generation: request.generation }));
    // A request that completes meanwhile may be in use again for something else, which is not this handle's.
    for (const { request, generation } of pending) if (request.generation === generation) yield* request.cancelIrp();
  }
}
