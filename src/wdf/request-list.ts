import type { Request } from './request.js';

/** A FIFO of requests linked through the requests themselves: queueing and taking allocate nothing. */
export class RequestList {
  #head: Request | null = null;
  #tail: Request | null = null;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get head(): Request | null {
    return this.#head;
  }

  append(request: Request): void {
    request.next = null;
    request.previous = this.#tail;
    if (this.#tail === null) this.#head = request;
    else this.#tail.next = request;
    this.#tail = request;
    this.#count++;
  }

  prepend(request: Request): void {
    request.previous = null;
    request.next = this.#head;
    if (this.#head === null) this.#tail = request;
    else this.#head.previous = request;
    this.#head = request;
    this.#count++;
  }

  remove(request: Request): void {
    if (request.previous === null) this.#head = request.next;
    else request.previous.next = request.next;
    if (request.next === null) this.#tail = request.previous;
    else request.next.previous = request.previous;
    request.next = null;
    request.previous = null;
    this.#count--;
  }
}

/**
 * Cancelled requests whose notification is still to come, in the order of their cancellation. A request on it is on
 * its queue's driver-owned list as well, so it has a link of its own.
 */
export class CancelList {
  #head: Request | null = null;
  #tail: Request | null = null;

  get isEmpty(): boolean {
    return this.#head === null;
  }

  append(request: Request): void {
    request.nextCanceled = null;
    if (this.#tail === null) this.#head = request;
    else this.#tail.nextCanceled = request;
    this.#tail = request;
    request.cancelList = this;
  }

  takeFirst(): Request {
    const first = this.#head!;
    this.remove(first);
    return first;
  }

  /** Cancellations in a queue at one time are few: found by walking. */
  remove(request: Request): void {
    let previous: Request | null = null;
    for (let at = this.#head; at !== null; previous = at, at = at.nextCanceled) {
      if (at !== request) continue;
      if (previous === null) this.#head = at.nextCanceled;
      else previous.nextCanceled = at.nextCanceled;
      if (this.#tail === at) this.#tail = previous;
      break;
    }
    request.nextCanceled = null;
    request.cancelList = null;
  }
}
