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

  takeFirst(): Request | null {
    const first = this.#head;
    if (first !== null) this.remove(first);
    return first;
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
