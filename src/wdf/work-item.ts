import { DISPATCH_LEVEL, PASSIVE_LEVEL, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS } from '../nt/index.js';
import {
  FxObject,
  makeOp,
  OpKind,
  suspendingCallback,
  type DriverCallback,
  type ObjectAttributes,
  type Suspending,
} from '../kernel/index.js';
import { effectiveLock, type CallbackLock } from './callback-lock.js';
import type { Created } from './created.js';
import { SystemWorkItem } from './system-work-item.js';

/** WDF_WORKITEM_CONFIG. */
export interface WorkItemConfig {
  /** EVT_WDF_WORKITEM, in a system thread at PASSIVE_LEVEL. */
  readonly evtWorkItemFunc: DriverCallback<[workItem: WorkItem], void>;
  /**
   * The callback takes the callback lock of its device or queue, where there is one. Default true, as
   * WDF_WORKITEM_CONFIG_INIT sets it; possible only when those callbacks have execution level `passive`.
   */
  readonly automaticSerialization?: boolean;
}

/**
 * WDFWORKITEM: moves work from DISPATCH_LEVEL to a thread. Child of a device, a queue or an object below them, and
 * deleted with it; deleting waits for a callback that is queued or runs - above PASSIVE_LEVEL a system thread deletes.
 *
 *     idle --enqueue--> queued --> EvtWorkItemFunc --> idle, or queued again (by the callback itself, too)
 */
export class WorkItem<C = unknown> extends FxObject<C> {
  readonly #item: SystemWorkItem;
  readonly #callback: (workItem: WorkItem) => Suspending<void>;
  readonly #lock: CallbackLock | null;
  /** It is being deleted: nothing is queued any more. */
  #isRunningDown = false;

  private constructor(parent: FxObject, config: WorkItemConfig, lock: CallbackLock | null, attributes: ObjectAttributes<C>) {
    super(parent.kernel, 'WorkItem', parent, attributes);
    this.#item = new SystemWorkItem(parent.kernel, this.label, this.objectId, () => this.#run());
    this.#callback = suspendingCallback(config.evtWorkItemFunc);
    this.#lock = lock;
  }

  /**
   * WdfWorkItemCreate. INVALID_DEVICE_REQUEST: no device above the parent, or called above DISPATCH_LEVEL (rule C01);
   * WDF_INCOMPATIBLE_EXECUTION_LEVEL: automatic serialization with callbacks that do not all run at PASSIVE_LEVEL.
   */
  static create<C = unknown>(parent: FxObject, config: WorkItemConfig, attributes: ObjectAttributes<C> = {}): Created<WorkItem<C>> {
    parent.requireLive('WdfWorkItemCreate');
    if (!parent.kernel.requireIrqlAtMost(DISPATCH_LEVEL, 'WdfWorkItemCreate')) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    const { status, lock } = effectiveLock(parent, config.automaticSerialization ?? true, 'passive');
    if (status !== STATUS_SUCCESS) return { ok: false, status };
    return { ok: true, status: STATUS_SUCCESS, object: new WorkItem<C>(parent, config, lock, attributes) };
  }

  override get isPassiveDispose(): boolean {
    return true;
  }

  /** WdfWorkItemGetParentObject. */
  get parentObject(): FxObject {
    this.requireLive('WdfWorkItemGetParentObject');
    return this.parent!;
  }

  /**
   * WdfWorkItemEnqueue, at or below DISPATCH_LEVEL. While it waits in the queue further calls add nothing; once its
   * callback has begun it can be queued again. Rule L-WORK-ITEM: it is being deleted; ignored.
   */
  *enqueue(): Suspending<void> {
    const { kernel } = this;
    const op = makeOp(this.objectId, OpKind.Update);
    if (kernel.at(op)) yield op;
    this.requireLive('WdfWorkItemEnqueue');
    if (!kernel.requireIrqlAtMost(DISPATCH_LEVEL, 'WdfWorkItemEnqueue')) return;
    if (this.#isRunningDown) this.#report(`WdfWorkItemEnqueue is called on ${this.label}, which is being deleted: ignored`);
    else this.#item.enqueue();
  }

  /**
   * WdfWorkItemFlush, at PASSIVE_LEVEL (rule C01): returns when the callback is neither queued nor running. From the
   * callback itself it would wait for ever: rule L-WORK-ITEM, and it returns at once.
   */
  *flush(): Suspending<void> {
    const { kernel } = this;
    const op = makeOp(this.objectId, OpKind.Wait);
    if (kernel.at(op)) yield op;
    this.requireLive('WdfWorkItemFlush');
    if (!kernel.requireIrqlAtMost(PASSIVE_LEVEL, 'WdfWorkItemFlush')) return;
    if (this.#item.isRunByCurrent) this.#report(`WdfWorkItemFlush is called from the callback of ${this.label}: it would wait for itself`);
    else yield* this.#item.flush();
  }

  /** Its callbacks are passive, so its deletion is: above PASSIVE_LEVEL a system thread does it, and this returns before. */
  override *delete(): Suspending<void> {
    const { kernel } = this;
    this.requireLive('WdfObjectDelete');
    if (kernel.current.irql === PASSIVE_LEVEL) {
      yield* super.delete();
      return;
    }
    if (this.#isRunningDown) return;
    this.#isRunningDown = true;
    kernel.current.queueThread(`disposal of ${this.label}`, this.objectId, this.#deleteInThread());
  }

  *#deleteInThread(): Suspending<void> {
    if (this.isLive) yield* super.delete();
  }

  *#run(): Suspending<void> {
    const { kernel } = this;
    const lock = this.#lock;
    if (lock !== null) yield* lock.acquire();
    const irql = kernel.enter(this.objectId, 'EvtWorkItemFunc');
    yield* this.#callback(this);
    kernel.leave(irql, this.objectId, 'EvtWorkItemFunc');
    if (lock !== null) yield* lock.release();
  }

  #report(message: string): void {
    this.kernel.violation({ rule: 'L-WORK-ITEM', severity: 'warning', object: this.label, message });
  }

  /** What is queued still runs; only the callback that deletes its own work item is not waited for. */
  override *dispose(): Suspending<void> {
    this.#isRunningDown = true;
    if (!this.#item.isRunByCurrent) yield* this.#item.flush();
  }
}
