import { DISPATCH_LEVEL, PASSIVE_LEVEL, type Irql } from '../nt/index.js';
import { EventKind } from './event-ring.js';
import { DONE, makeOp, OpKind, type Op, type Suspending } from './op.js';
import type { Dpc } from './dpc.js';
import type { Kernel } from './kernel.js';

/** Something a strand can stand before and not pass: a lock another vCPU holds, an event nobody has set. */
export interface Waitable {
  readonly objectId: number;
  readonly name: string;
  /** Could `cpu` pass now? */
  isAvailableTo(cpu: VirtualCpu): boolean;
  /** Who keeps the waiters waiting, for wait-for graphs; null when nobody in particular. */
  holder(): VirtualCpu | null;
}

/** A driver callback that was entered and not left. */
export interface CallbackFrame {
  readonly name: string;
  readonly outer: CallbackFrame | null;
}

export type ActivationKind = 'thread' | 'dpc' | 'isr';

/** One piece of code started on a vCPU: a passive thread, a DPC or an ISR. Callbacks inside it nest by `yield*`. */
export interface Activation {
  readonly kind: ActivationKind;
  readonly name: string;
  readonly body: Suspending<void>;
  /** IRQL the vCPU had before, restored when the body ends. */
  readonly irqlBefore: Irql;
  /** IRQL the body was started at; it must end at the same. */
  readonly irqlInside: Irql;
  pending: Op;
  /** Scheduling points it has passed; a DPC has a bound. */
  points: number;
  blockedOn: Waitable | null;
  parked: boolean;
  /** Driver callback it is in, the innermost; null outside of any. */
  callback: CallbackFrame | null;
  /** Its number while races are looked for, else -1. */
  task: number;
}

/** More activations than this on one vCPU is an interrupt storm, never legal nesting: one per level and a thread. */
export const ACTIVATION_DEPTH_MAX = 64;

/**
 * A processor: a stack of activations and an IRQL.
 *
 *     stack:   ISR  (DIRQL)      <- runs
 *              DPC  (DISPATCH)   <- interrupted at a scheduling point
 *              thread (PASSIVE)  <- interrupted
 *
 * Code at level n is interrupted only by levels above n; lowering the level lets queued DPCs run at once
 * (queues-requests-cancel sections 1 and 7). A vCPU is one strand: the scheduler decides when it goes on.
 */
export class VirtualCpu {
  readonly kind = 'vcpu';
  irql: Irql = PASSIVE_LEVEL;
  /** What runs: the stack's last. A field, because every choice of a scheduler looks at it. */
  top: Activation | undefined = undefined;
  /** The DPC that is queued first. A field for the same reason. */
  nextDpc: Dpc | undefined = undefined;
  /** ISRs that interrupted other code in the middle. */
  nestedInterrupts = 0;
  readonly #stack: Activation[] = [];
  readonly #ready: Activation[] = [];
  readonly #dpcs: Dpc[] = [];
  /** An array: the tables that a Set outgrows hold on to one another, and to the executions whose threads were in them. */
  readonly #parked: Activation[] = [];
  readonly objectId: number;

  constructor(
    readonly kernel: Kernel,
    readonly id: number,
  ) {
    this.objectId = kernel.nextObjectId('VirtualCpu', this);
  }

  get name(): string {
    return `vCPU ${this.id}`;
  }

  get depth(): number {
    return this.#stack.length;
  }

  /** A queued DPC may run now: the vCPU is below DISPATCH_LEVEL. */
  get dpcIsDue(): boolean {
    return this.nextDpc !== undefined && this.irql < DISPATCH_LEVEL;
  }

  get queuedDpcs(): number {
    return this.#dpcs.length;
  }

  /** Threads that wait for the processor, those that were woken among them. */
  get readyThreads(): number {
    return this.#ready.length;
  }

  /** Threads that left the processor and wait to be woken, in the order they began to. */
  get parkedThreads(): Iterable<Activation> {
    return this.#parked;
  }

  /** Nothing runs, nothing is queued; parked threads may still wait for events. */
  get isIdle(): boolean {
    return this.#stack.length === 0 && this.#ready.length === 0 && this.#dpcs.length === 0;
  }

  /** The operation this strand stands before, DONE when idle. */
  get pending(): Op {
    const { top } = this;
    return this.dpcIsDue || top === undefined ? this.#beginningOp() : top.pending;
  }

  /** Whether `advance` would get anywhere. */
  isEnabled(): boolean {
    return this.enabledOp() !== DONE;
  }

  /** What `advance` would perform, DONE when it would get nowhere. */
  enabledOp(): Op {
    const { top } = this;
    if (this.dpcIsDue || top === undefined) return this.#beginningOp();
    return top.blockedOn === null || top.blockedOn.isAvailableTo(this) ? top.pending : DONE;
  }

  /** What begins next where no code goes on: a DPC that is due, else a thread. */
  #beginningOp(): Op {
    if (this.dpcIsDue) return makeOp(this.nextDpc!.objectId, OpKind.Deliver);
    return this.#ready.length > 0 ? this.#ready[0]!.pending : DONE;
  }

  /** Starts code on top of whatever runs; the caller has checked that `irql` may interrupt it. */
  push(kind: ActivationKind, name: string, objectId: number, irql: Irql, body: Suspending<void>): void {
    if (this.#stack.length >= ACTIVATION_DEPTH_MAX) {
      this.kernel.violation({
        rule: 'L-STEP-BOUND',
        severity: 'crash',
        object: `vcpu#${this.id}`,
        message: `${ACTIVATION_DEPTH_MAX} activations are stacked on virtual CPU ${this.id}: interrupts arrive faster than they end`,
      });
    }
    if (kind === 'isr' && this.#stack.length > 0) this.nestedInterrupts++;
    const activation = newActivation(kind, name, objectId, this.irql, irql, body);
    if (this.kernel.races !== null) this.kernel.races.began(activation, objectId);
    this.#putOnTop(activation);
    this.irql = irql;
  }

  /**
   * Queues a thread at PASSIVE_LEVEL; threads of one vCPU run first-in first-out and give way only when they wait. `body`
   * is a generator's: a call that may have nothing to wait for (a lock, a register) would do its work here and now.
   */
  queueThread(name: string, objectId: number, body: Suspending<void>): Activation {
    const thread = newActivation('thread', name, objectId, PASSIVE_LEVEL, PASSIVE_LEVEL, body);
    if (this.kernel.races !== null) this.kernel.races.began(thread, objectId);
    this.#ready.push(thread);
    return thread;
  }

  queueDpc(dpc: Dpc): void {
    this.#dpcs.push(dpc);
    this.nextDpc = this.#dpcs[0];
    this.kernel.emit(EventKind.DpcQueue, dpc.objectId, this.id, 0);
  }

  /** Takes a DPC off the queue when its interrupt goes away. */
  removeDpc(dpc: Dpc): boolean {
    const index = this.#dpcs.indexOf(dpc);
    if (index < 0) return false;
    this.#dpcs.splice(index, 1);
    this.nextDpc = this.#dpcs[0];
    return true;
  }

  /** Performs the pending operation and runs to the next suspension. */
  advance(): void {
    this.kernel.current = this;
    if (this.dpcIsDue) this.#startDpc();
    else if (this.top === undefined) this.#putOnTop(this.#ready.shift()!);
    const top = this.top!;
    const result = top.body.next();
    if (result.done === true) this.#end(top);
    else if (top.parked) this.#takeOff();
  }

  #putOnTop(activation: Activation): void {
    this.#stack.push(activation);
    this.top = activation;
  }

  #takeOff(): void {
    this.#stack.pop();
    const { length } = this.#stack;
    // Element -1 would be looked up as a property of that name.
    this.top = length === 0 ? undefined : this.#stack[length - 1];
  }

  #startDpc(): void {
    const dpc = this.#dpcs.shift()!;
    this.nextDpc = this.#dpcs[0];
    // Dequeued before it is called: queueing it again from here on succeeds, even on another vCPU.
    dpc.queued = false;
    this.push('dpc', dpc.name, dpc.objectId, DISPATCH_LEVEL, dpc.start());
    this.kernel.emit(EventKind.DpcStart, dpc.objectId, this.id, 0);
  }

  #end(top: Activation): void {
    if (this.kernel.races !== null) this.kernel.races.ended(top);
    this.#takeOff();
    const exitIrql = this.irql;
    this.irql = top.irqlBefore;
    if (exitIrql !== top.irqlInside) this.kernel.irqlMismatch(top.name, top.irqlInside, exitIrql);
  }

  /** The running thread stands before `waitable` and leaves the processor to other threads until `wake`. */
  park(waitable: Waitable): Activation {
    const top = this.top!;
    top.blockedOn = waitable;
    top.parked = true;
    this.#parked.push(top);
    return top;
  }

  wake(thread: Activation): void {
    thread.blockedOn = null;
    thread.parked = false;
    const index = this.#parked.indexOf(thread);
    if (index >= 0) this.#parked.splice(index, 1);
    this.#ready.push(thread);
  }

  /** Drops everything, as a reset does; abandoned generators are never resumed. */
  reset(): void {
    if (!this.isIdle) this.#stack.length = this.#ready.length = this.#dpcs.length = 0;
    if (this.#parked.length > 0) this.#parked.length = 0;
    this.top = undefined;
    this.nextDpc = undefined;
    this.irql = PASSIVE_LEVEL;
    this.nestedInterrupts = 0;
  }

  /** Bottom to top, for reports: what runs and what it waits for. */
  describe(): { name: string; kind: ActivationKind; waitsFor: string | null }[] {
    return this.#stack.map((a) => ({ name: a.name, kind: a.kind, waitsFor: a.blockedOn?.name ?? null }));
  }
}

function newActivation(
  kind: ActivationKind,
  name: string,
  objectId: number,
  irqlBefore: Irql,
  irqlInside: Irql,
  body: Suspending<void>,
): Activation {
  return {
    kind,
    name,
    body,
    irqlBefore,
    irqlInside,
    pending: makeOp(objectId, OpKind.Deliver),
    points: 0,
    blockedOn: null,
    parked: false,
    callback: null,
    task: -1,
  };
}
