import type { Kernel } from '../kernel/index.js';
import type { MapRegisterGrant } from './map-register-grant.js';

/** sizeof(SCATTER_GATHER_LIST) and of one SCATTER_GATHER_ELEMENT on 64-bit Windows. */
export const LIST_HEADER_BYTES = 16;
export const LIST_ELEMENT_BYTES = 24;

/** Bytes a list buffer of that many elements takes. */
export function listSizeBytes(elements: number): number {
  return LIST_HEADER_BYTES + LIST_ELEMENT_BYTES * elements;
}

/**
 * A scatter/gather list as drivers see it: a reused view over two arrays. It is *revoked* at the moment the framework
 * takes the list away - Packet when EvtProgramDma returns, ScatterGather at the DmaCompleted* call of its transfer,
 * System when the next mapping overwrites it - and reading it after that is rule D61.
 */
export class ScatterGatherList {
  /** Elements the buffer has room for. */
  capacity: number;
  readonly #addresses: number[] = [];
  readonly #lengths: number[] = [];
  #count = 0;
  #revokedBy: string | null = 'it was never built';
  /** The grant whose registers it uses, as a handle; 0 when it holds none. For the HAL. */
  grantHandle = 0;
  /** Handed out by Get/BuildScatterGatherList and not yet put. For the HAL. */
  isOutstanding = false;
  /** For the HAL. */
  grant: MapRegisterGrant | null = null;

  constructor(
    private readonly kernel: Kernel,
    private readonly owner: string,
    capacity: number,
  ) {
    this.capacity = capacity;
  }

  /** NumberOfElements. */
  get count(): number {
    if (this.#revokedBy !== null) this.#reportStale();
    return this.#count;
  }

  /** Logical address of element `index`, as the device must be given it; may lie beyond 2^32. */
  address(index: number): number {
    this.#check(index);
    return this.#addresses[index]!;
  }

  /** Length of element `index`. */
  lengthBytes(index: number): number {
    this.#check(index);
    return this.#lengths[index]!;
  }

  /** A larger buffer; the contents are lost. */
  grow(capacity: number): void {
    this.capacity = Math.max(this.capacity, capacity);
  }

  /** Starts building: empty, and valid again for the driver. */
  begin(): void {
    this.#count = 0;
    this.#revokedBy = null;
  }

  append(address: number, lengthBytes: number): void {
    this.#addresses[this.#count] = address;
    this.#lengths[this.#count] = lengthBytes;
    this.#count++;
  }

  extendLast(lengthBytes: number): void {
    this.#lengths[this.#count - 1]! += lengthBytes;
  }

  /** Takes the list away; `event` says to people what ended it. */
  revoke(event: string): void {
    this.#revokedBy = event;
  }

  #check(index: number): void {
    if (this.#revokedBy !== null) this.#reportStale();
    if (index >= 0 && index < this.#count) return;
    this.kernel.violation({
      rule: 'L-LIST-BOUNDS',
      severity: 'crash',
      object: this.owner,
      message: `element ${index} of a scatter/gather list with ${this.#count} elements is read: beyond the list lies other memory`,
    });
  }

  #reportStale(): void {
    this.kernel.violation({
      rule: 'D61',
      severity: 'error',
      object: this.owner,
      message: `the scatter/gather list of ${this.owner} is read after its lifetime: ${this.#revokedBy}`,
    });
  }
}

/**
 * Two lists used in turn. With one, a driver that keeps the list of a transfer that has ended would soon read the next
 * transfer's elements and nobody would notice; so the list before stays revoked while the next one is in use.
 */
export class ListPair {
  #current: ScatterGatherList;
  #previous: ScatterGatherList;

  constructor(kernel: Kernel, owner: string, capacity: number) {
    this.#current = new ScatterGatherList(kernel, owner, capacity);
    this.#previous = new ScatterGatherList(kernel, owner, capacity);
  }

  /** The list that was taken last. */
  get current(): ScatterGatherList {
    return this.#current;
  }

  /** The other one, for the next transfer. */
  take(): ScatterGatherList {
    const list = this.#previous;
    this.#previous = this.#current;
    this.#current = list;
    return list;
  }

  grow(capacity: number): void {
    this.#current.grow(capacity);
    this.#previous.grow(capacity);
  }
}
