import type { Dpc } from './dpc.js';
import type { VirtualCpu } from './virtual-cpu.js';

/** A timer fires by queueing its DPC on the vCPU that armed it. */
export interface KernelTimer {
  readonly name: string;
  readonly dpc: Dpc;
  cpu: VirtualCpu;
  dueNs: number;
  /** 0 for one shot. */
  periodNs: number;
  /** Position in the heap, -1 when not armed. */
  heapIndex: number;
  /** Breaks ties: equal due times fire in the order they were armed. */
  order: number;
}

/** Armed timers, earliest first; a binary heap so that arming and cancelling cost log n. */
export class TimerQueue {
  readonly #heap: KernelTimer[] = [];
  #order = 0;
  /** Counts what changed the queue. */
  changes = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Infinity when nothing is armed. */
  get nextDueNs(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.dueNs;
  }

  /** The earliest due time not before `atNs`; Infinity when there is none. */
  firstDueFrom(atNs: number): number {
    let first = Infinity;
    for (const { dueNs } of this.#heap) if (dueNs >= atNs && dueNs < first) first = dueNs;
    return first;
  }

  /** Some armed timer fires once only: what waits for it is not lost. */
  get hasOneShot(): boolean {
    for (const timer of this.#heap) if (timer.periodNs === 0) return true;
    return false;
  }

  arm(timer: KernelTimer, dueNs: number): void {
    this.cancel(timer);
    this.changes++;
    timer.dueNs = dueNs;
    timer.order = this.#order++;
    timer.heapIndex = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer.heapIndex);
  }

  /** False when the timer was not armed. */
  cancel(timer: KernelTimer): boolean {
    const index = timer.heapIndex;
    if (index < 0) return false;
    this.changes++;
    timer.heapIndex = -1;
    const last = this.#heap.pop()!;
    if (last !== timer) {
      this.#place(last, index);
      this.#down(index);
      this.#up(last.heapIndex);
    }
    return true;
  }

  /** Takes the earliest timer if it is due by `nowNs`, arming it again when periodic. */
  popDue(nowNs: number): KernelTimer | null {
    const timer = this.#heap[0];
    if (timer === undefined || timer.dueNs > nowNs) return null;
    this.cancel(timer);
    if (timer.periodNs > 0) this.arm(timer, timer.dueNs + timer.periodNs);
    return timer;
  }

  /** Every armed timer is due so much later; their order stays. */
  postpone(byNs: number): void {
    for (const timer of this.#heap) timer.dueNs += byNs;
  }

  reset(): void {
    for (const timer of this.#heap) timer.heapIndex = -1;
    if (this.#heap.length > 0) this.#heap.length = 0;
    this.#order = 0;
  }

  #before(a: KernelTimer, b: KernelTimer): boolean {
    return a.dueNs < b.dueNs || (a.dueNs === b.dueNs && a.order < b.order);
  }

  #place(timer: KernelTimer, index: number): void {
    this.#heap[index] = timer;
    timer.heapIndex = index;
  }

  #up(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#before(this.#heap[index]!, this.#heap[parent]!)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(start: number): void {
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      let least = index;
      if (left < this.#heap.length && this.#before(this.#heap[left]!, this.#heap[least]!)) least = left;
      if (left + 1 < this.#heap.length && this.#before(this.#heap[left + 1]!, this.#heap[least]!)) least = left + 1;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!;
    this.#place(this.#heap[b]!, a);
    this.#place(kept, b);
  }
}

/** A timer that is not armed yet. */
export function newTimer(name: string, dpc: Dpc, cpu: VirtualCpu): KernelTimer {
  return { name, dpc, cpu, dueNs: 0, periodNs: 0, heapIndex: -1, order: 0 };
}
