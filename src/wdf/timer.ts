import { PASSIVE_LEVEL, STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import {
  COMPLETED,
  Dpc,
  FxObject,
  KernelEvent,
  makeOp,
  newTimer,
  OpKind,
  suspendingCallback,
  type DriverCallback,
  type KernelTimer,
  type ObjectAttributes,
  type Suspending,
} from '../kernel/index.js';
import { effectiveLock, type CallbackLock, type ExecutionLevel } from './callback-lock.js';
import type { Created } from './created.js';
import { SystemWorkItem } from './system-work-item.js';

const NS_PER_MS = 1_000_000;
/** MAXLONG. */
const PERIOD_MS_MAX = 0x7fff_ffff;

/** WDF_TIMER_CONFIG. */
export interface TimerConfig {
  /** EVT_WDF_TIMER, at DISPATCH_LEVEL; at PASSIVE_LEVEL, in a system thread, with execution level `passive`. */
  readonly evtTimerFunc: DriverCallback<[timer: Timer], void>;
  /** Fires again every so many milliseconds after the first time. Default 0: once for each start. */
  readonly periodMs?: number;
  /** The callback takes the callback lock of its device or queue, where there is one. Default true, as WDF_TIMER_CONFIG_INIT sets it. */
  readonly automaticSerialization?: boolean;
  /** WDF_OBJECT_ATTRIBUTES ExecutionLevel. Default `dispatch`, whatever the parent has; a `passive` timer fires once for each start. */
  readonly executionLevel?: ExecutionLevel;
  /**
   * By how much it may fire late in order to fire together with another timer: it joins the next one due in that
   * time, and is on time when there is none. Infinity is TolerableDelayUnlimited. Default 0.
   */
  readonly tolerableDelayMs?: number;
  /** Not together with a tolerable delay. Time here has no clock interrupt to wait for: every timer is as exact. Default false. */
  readonly useHighResolutionTimer?: boolean;
}

/**
 * WDFTIMER: calls the driver back when its time has come, on the virtual CPU that started it. Child of a device, a queue
 * or an object below them and deleted with it; deleting stops it and waits for a callback that still runs - above
 * PASSIVE_LEVEL a system thread deletes.
 *
 *     stopped --start--> in the timer queue --due--> DPC queued --> EvtTimerFunc --> stopped, or in the queue again (periodic)
 *                                                       `--> work item queued --> EvtTimerFunc (passive)
 */
export class Timer<C = unknown> extends FxObject<C> {
  readonly #timer: KernelTimer;
  readonly #dpc: Dpc;
  /** Calls the driver at PASSIVE_LEVEL; null for a timer that does so from its DPC. */
  readonly #workItem: SystemWorkItem | null;
  readonly #callback: (timer: Timer) => Suspending<void>;
  readonly #lock: CallbackLock | null;
  readonly #flushed: KernelEvent;
  readonly #periodMs: number;
  readonly #tolerableDelayMs: number;
  /** So many are in `stop` and wait. */
  #stopping = 0;
  /** Calls of start meanwhile, which were ignored. */
  #startsAborted = 0;
  #isRunningDown = false;

  private constructor(parent: FxObject, config: TimerConfig, lock: CallbackLock | null, attributes: ObjectAttributes<C>) {
    super(parent.kernel, 'Timer', parent, attributes);
    const { kernel } = parent;
    this.#dpc = new Dpc(kernel, `${this.label} DPC`, () => this.#expired());
    this.#timer = newTimer(this.label, this.#dpc, kernel.current);
    this.#callback = suspendingCallback(config.evtTimerFunc);
    this.#periodMs = config.periodMs ?? 0;
    this.#tolerableDelayMs = config.tolerableDelayMs ?? 0;
    this.#lock = lock;
    this.#flushed = new KernelEvent(kernel, `${this.label}: its callback has returned`);
    this.#workItem =
      config.executionLevel === 'passive' ? new SystemWorkItem(kernel, this.label, this.objectId, () => this.#callDriver()) : null;
  }

  /**
   * WdfTimerCreate. INVALID_PARAMETER: a period or tolerable delay that is negative or no whole number of milliseconds, a
   * period above MAXLONG, high resolution together with a tolerable delay; NOT_SUPPORTED: a passive timer with a period;
   * INVALID_DEVICE_REQUEST: no device above the parent; WDF_INCOMPATIBLE_EXECUTION_LEVEL: automatic serialization with
   * callbacks of the other execution level.
   */
  static create<C = unknown>(parent: FxObject, config: TimerConfig, attributes: ObjectAttributes<C> = {}): Created<Timer<C>> {
    parent.requireLive('WdfTimerCreate');
    const invalid = configStatus(config);
    if (invalid !== STATUS_SUCCESS) return { ok: false, status: invalid };
    const { status, lock } = effectiveLock(parent, config.automaticSerialization ?? true, config.executionLevel ?? 'dispatch');
    if (status !== STATUS_SUCCESS) return { ok: false, status };
    return { ok: true, status: STATUS_SUCCESS, object: new Timer<C>(parent, config, lock, attributes) };
  }

  override get isPassiveDispose(): boolean {
    return true;
  }

  /** WdfTimerGetParentObject. */
  get parentObject(): FxObject {
    return this.parent!;
  }

  /**
   * WdfTimerStart: due in `dueTimeMs` milliseconds (KMDF's negative, relative due time). True when the timer was in the
   * timer queue already; it is moved then. While somebody stops it and waits the call is ignored, and that stop answers true.
   */
  start(dueTimeMs: number): boolean {
    this.requireLive('WdfTimerStart');
    if (this.#stopping > 0) {
      this.#startsAborted++;
      return false;
    }
    const { kernel } = this;
    const wasQueued = kernel.timers.cancel(this.#timer);
    this.#timer.cpu = kernel.current;
    this.#timer.periodNs = this.#periodMs * NS_PER_MS;
    if (kernel.races !== null) kernel.races.release(this.#dpc.objectId);
    kernel.timers.arm(this.#timer, this.#dueNs(kernel.clock.nowNs() + Math.max(0, dueTimeMs) * NS_PER_MS));
    return wasQueued;
  }

  #dueNs(atNs: number): number {
    if (this.#tolerableDelayMs === 0) return atNs;
    const other = this.kernel.timers.firstDueFrom(atNs);
    return other <= atNs + this.#tolerableDelayMs * NS_PER_MS && other < Infinity ? other : atNs;
  }

  /**
   * WdfTimerStop: true when the timer was in the timer queue. False means that it was not, and its callback may be
   * queued or running: with `wait`, this returns when no callback is. Waiting is for PASSIVE_LEVEL only: above it, rule
   * C01, false, and the timer goes on. From the timer's own callback it would wait for ever: rule L-WORK-ITEM, false.
   */
  *stop(wait: boolean): Suspending<boolean> {
    this.requireLive('WdfTimerStop');
    const { kernel } = this;
    const op = makeOp(this.objectId, OpKind.Update);
    if (kernel.at(op)) yield op;
    if (!wait) return kernel.timers.cancel(this.#timer);
    if (!kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfTimerStop with Wait')) return false;
    if (this.#workItem?.isRunByCurrent === true) {
      this.#report(`WdfTimerStop with Wait is called from the callback of ${this.label}: it would wait for itself`);
      return false;
    }
    return yield* this.#stopAndWait();
  }

  *#stopAndWait(): Suspending<boolean> {
    this.#stopping++;
    const abortedBefore = this.#startsAborted;
    const wasQueued = this.kernel.timers.cancel(this.#timer);
    yield* this.#flush();
    this.#stopping--;
    return wasQueued || this.#startsAborted > abortedBefore;
  }

  #isDpcDue(): boolean {
    return this.#dpc.queued || this.#dpc.running > 0;
  }

  /** Waits for the DPC, then for the thread it may have left the callback to. */
  #flush(): Suspending<void> {
    if (this.#isDpcDue() || this.#workItem !== null) return this.#flushLater();
    if (this.kernel.races !== null) this.kernel.races.flushed(this.#dpc.objectId);
    return COMPLETED;
  }

  *#flushLater(): Suspending<void> {
    while (this.#isDpcDue()) {
      this.#flushed.clear();
      yield* this.#flushed.wait();
    }
    if (this.kernel.races !== null) this.kernel.races.flushed(this.#dpc.objectId);
    if (this.#workItem !== null) yield* this.#workItem.flush();
  }

  /** Its DPC. A passive timer whose callback still waits for a thread adds nothing: two expirations become one. */
  *#expired(): Suspending<void> {
    if (this.#workItem === null) yield* this.#callDriver();
    else this.#workItem.enqueue();
    // This instance counts as running until it has returned, which it does without another scheduling point.
    if (this.#dpc.running === 1 && !this.#dpc.queued) this.#flushed.set();
  }

  *#callDriver(): Suspending<void> {
    const lock = this.#lock;
    if (lock !== null) yield* lock.acquire();
    const irql = this.kernel.enter(this.objectId, 'EvtTimerFunc');
    yield* this.#callback(this);
    this.kernel.leave(irql, this.objectId, 'EvtTimerFunc');
    if (lock !== null) yield* lock.release();
  }

  #report(message: string): void {
    this.kernel.violation({ rule: 'L-WORK-ITEM', severity: 'warning', object: this.label, message });
  }

  /** Disposal is passive: above PASSIVE_LEVEL the timer is stopped at once and a system thread deletes, after this has returned. */
  override *delete(): Suspending<void> {
    const { kernel } = this;
    this.requireLive('WdfObjectDelete');
    if (kernel.current.irql === PASSIVE_LEVEL) {
      yield* super.delete();
      return;
    }
    if (this.#isRunningDown) return;
    this.#isRunningDown = true;
    kernel.timers.cancel(this.#timer);
    kernel.current.queueThread(`disposal of ${this.label}`, this.objectId, this.#deleteInThread());
  }

  *#deleteInThread(): Suspending<void> {
    if (this.isLive) yield* super.delete();
  }

  /** A DPC that has not begun is withdrawn; a callback that runs is waited for, but not by itself. */
  override dispose(): Suspending<void> {
    this.kernel.timers.cancel(this.#timer);
    this.#dpc.remove();
    if (this.#workItem?.isRunByCurrent === true)
      this.#report(`${this.label} is deleted from its own callback: the framework would wait for that callback for ever`);
    else if (this.kernel.current.irql === PASSIVE_LEVEL) return this.#flush();
    return COMPLETED;
  }
}

function configStatus({ periodMs = 0, tolerableDelayMs = 0, useHighResolutionTimer, executionLevel }: TimerConfig): NtStatus {
  if (!Number.isInteger(periodMs) || periodMs < 0 || periodMs > PERIOD_MS_MAX) return STATUS_INVALID_PARAMETER;
  if (tolerableDelayMs !== Infinity && (!Number.isInteger(tolerableDelayMs) || tolerableDelayMs < 0)) return STATUS_INVALID_PARAMETER;
  if (tolerableDelayMs > 0 && useHighResolutionTimer === true) return STATUS_INVALID_PARAMETER;
  return periodMs > 0 && executionLevel === 'passive' ? STATUS_NOT_SUPPORTED : STATUS_SUCCESS;
}
