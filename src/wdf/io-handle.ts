import { assertInternal } from '../nt/index.js';
import type { Suspending } from '../kernel/index.js';
import type { IoQueue } from './io-queue.js';
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
   * Cancels every request that is outstanding now: the cancel flags of all are set at once, so that completing the
   * first cannot hand the next to the driver; then each is told, in the order they were issued. Requests that their
   * driver does not let go of complete later. At or below DISPATCH_LEVEL.
   */
  *close(): Suspending<void> {
    this.#closed = true;
    const taken: { request: Request; queue: IoQueue; generation: number }[] = [];
    for (const request of this.#requests) {
      const queue = request.beginCancel();
      if (queue !== null) taken.push({ request, queue, generation: request.generation });
    }
    for (const { request, queue, generation } of taken) yield* request.finishCancel(queue, generation);
  }
}
