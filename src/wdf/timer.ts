import { PASSIVE_LEVEL, STATUS_INVALID_PARAMETER, STATUS_SUCCESS } from '../nt/index.js';
import {
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
import { effectiveLock, type CallbackLock } from './callback-lock.js';
import type { Created } from './created.js';
import type { Device } from './device.js';
import type { IoQueue } from './io-queue.js';

const NS_PER_MS = 1_000_000;

/** WDF_TIMER_CONFIG. */
export interface TimerConfig {
  /** EVT_WDF_TIMER, at DISPATCH_LEVEL. */
  readonly evtTimerFunc: DriverCallback<[timer: Timer], void>;
  /** Fires again every so many milliseconds after the first time. Default 0: once for each start. */
  readonly periodMs?: number;
  /** The callback takes the callback lock of its device or queue, where there is one. Default true, as WDF_TIMER_CONFIG_INIT sets it. */
  readonly automaticSerialization?: boolean;
}

/**
 * WDFTIMER: calls the driver back at DISPATCH_LEVEL when its time has come, on the virtual CPU that started it. Child of
 * a device or a queue and deleted with it; deleting stops it and waits for a callback that still runs.
 *
 *     stopped --start--> in the timer queue --due--> DPC queued --> EvtTimerFunc --> stopped, or in the queue again (periodic)
 */
export class Timer<C = unknown> extends FxObject<C> {
  readonly #timer: KernelTimer;
  readonly #dpc: Dpc;
  readonly #callback: (timer: Timer) => Suspending<void>;
  readonly #lock: CallbackLock | null;
  readonly #flushed: KernelEvent;
  readonly #periodMs: number;

  private constructor(parent: Device | IoQueue, config: TimerConfig, lock: CallbackLock | null, attributes: ObjectAttributes<C>) {
    super(parent.kernel, 'Timer', parent, attributes);
    const { kernel } = parent;
    this.#dpc = new Dpc(kernel, `${this.label} DPC`, () => this.#run());
    this.#timer = newTimer(this.label, this.#dpc, kernel.current);
    this.#callback = suspendingCallback(config.evtTimerFunc);
    this.#periodMs = config.periodMs ?? 0;
    this.#lock = lock;
    this.#flushed = new KernelEvent(kernel, `${this.label}: its callback has returned`);
  }

  /**
   * WdfTimerCreate. INVALID_PARAMETER for a period that is negative or no whole number of milliseconds;
   * WDF_INCOMPATIBLE_EXECUTION_LEVEL: automatic serialization with callbacks at PASSIVE_LEVEL, which a DPC cannot have.
   */
  static create<C = unknown>(parent: Device | IoQueue, config: TimerConfig, attributes: ObjectAttributes<C> = {}): Created<Timer<C>> {
    parent.requireLive('WdfTimerCreate');
    const { periodMs = 0 } = config;
    if (!Number.isInteger(periodMs) || periodMs < 0) return { ok: false, status: STATUS_INVALID_PARAMETER };
    const { status, lock } = effectiveLock(parent, config.automaticSerialization ?? true, 'dispatch');
    if (status !== STATUS_SUCCESS) return { ok: false, status };
    return { ok: true, status: STATUS_SUCCESS, object: new Timer<C>(parent, config, lock, attributes) };
  }

  /** WdfTimerGetParentObject. */
  get parentObject(): FxObject {
    return this.parent!;
  }

  /**
   * WdfTimerStart: due in `dueTimeMs` milliseconds (KMDF's negative, relative due time). True when the timer was in the
   * timer queue already; it is moved then.
   */
  start(dueTimeMs: number): boolean {
    this.requireLive('WdfTimerStart');
    const { kernel } = this;
    const wasQueued = kernel.timers.cancel(this.#timer);
    this.#timer.cpu = kernel.current;
    this.#timer.periodNs = this.#periodMs * NS_PER_MS;
    if (kernel.races !== null) kernel.races.release(this.#dpc.objectId);
    kernel.timers.arm(this.#timer, kernel.clock.nowNs() + Math.max(0, dueTimeMs) * NS_PER_MS);
    return wasQueued;
  }

  /**
   * WdfTimerStop: true when the timer was in the timer queue. False means that it was not, and its callback may be
   * queued or running: with `wait`, at PASSIVE_LEVEL only (C01), this returns when no callback is.
   */
  *stop(wait: boolean): Suspending<boolean> {
    this.requireLive('WdfTimerStop');
    const { kernel } = this;
    const op = makeOp(this.objectId, OpKind.Update);
    if (kernel.at(op)) yield op;
    const wasQueued = kernel.timers.cancel(this.#timer);
    if (wait && kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfTimerStop with Wait')) yield* this.#flush();
    return wasQueued;
  }

  get #isCallbackDue(): boolean {
    return this.#dpc.queued || this.#dpc.running > 0;
  }

  *#flush(): Suspending<void> {
    while (this.#isCallbackDue) {
      this.#flushed.clear();
      yield* this.#flushed.wait();
    }
  }

  *#run(): Suspending<void> {
    const lock = this.#lock;
    if (lock !== null) yield* lock.acquire();
    const irql = this.kernel.enter(this.objectId, 'EvtTimerFunc');
    yield* this.#callback(this);
    this.kernel.leave(irql, this.objectId, 'EvtTimerFunc');
    if (lock !== null) yield* lock.release();
    // This instance counts as running until it has returned, which it does without another scheduling point.
    if (this.#dpc.running === 1 && !this.#dpc.queued) this.#flushed.set();
  }

  /** A DPC that has not begun is withdrawn; one that runs is waited for, where waiting is allowed. */
  protected override *dispose(): Suspending<void> {
    this.kernel.timers.cancel(this.#timer);
    this.#dpc.remove();
    if (this.kernel.current.irql === PASSIVE_LEVEL) yield* this.#flush();
  }
}
