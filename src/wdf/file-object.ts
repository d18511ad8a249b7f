import { assertInternal, STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import { FxObject, suspendingCallback, type DriverCallback, type Suspending } from '../kernel/index.js';
import type { ExecutionLevel, SynchronizationScope } from './callback-lock.js';
import type { ContextType } from './context-type.js';
import type { Device } from './device.js';
import type { IoQueue } from './io-queue.js';
import type { Request } from './request.js';
import { SystemWorkItem } from './system-work-item.js';

/** WDF_FILEOBJECT_CONFIG and its attributes; all callbacks at PASSIVE_LEVEL. */
export interface FileObjectConfig {
  /**
   * EVT_WDF_DEVICE_FILE_CREATE: somebody opens the device. Completes the create request, here or later; with an error
   * status there is no file, and neither of the other callbacks is called. Default: every open succeeds.
   */
  readonly evtDeviceFileCreate?: DriverCallback<[device: Device, request: Request, fileObject: FileObject], void>;
  /** EVT_WDF_FILE_CLEANUP: the last handle is closed; requests may still be outstanding, and are cancelled after this. */
  readonly evtFileCleanup?: DriverCallback<[fileObject: FileObject], void>;
  /** EVT_WDF_FILE_CLOSE: the last request has completed, too. */
  readonly evtFileClose?: DriverCallback<[fileObject: FileObject], void>;
  /** Every file object carries such a context. */
  readonly contextType?: ContextType<object>;
  /** `device`: the callbacks take the device's callback lock, which must be a passive one. Default `none`. */
  readonly synchronizationScope?: 'none' | 'device';
}

/** What WdfDeviceCreate says about it: INVALID_DEVICE_REQUEST when file callbacks, always passive, are to share a lock for DISPATCH_LEVEL. */
export function checkFileObjectConfig(
  config: FileObjectConfig | null,
  deviceLevel: ExecutionLevel,
  deviceScope: SynchronizationScope,
): NtStatus {
  const shares = config?.synchronizationScope === 'device';
  return shares && (deviceLevel !== 'passive' || deviceScope !== 'device') ? STATUS_INVALID_DEVICE_REQUEST : STATUS_SUCCESS;
}

type FileCallback = (fileObject: FileObject) => Suspending<void>;

/** The driver's file callbacks in one form; null where it registered none. */
export interface FileCallbacks {
  readonly create: ((device: Device, request: Request, fileObject: FileObject) => Suspending<void>) | null;
  readonly cleanup: FileCallback | null;
  readonly close: FileCallback | null;
}

export function fileCallbacks(config: FileObjectConfig | null): FileCallbacks {
  const { evtDeviceFileCreate, evtFileCleanup, evtFileClose } = config ?? {};
  return {
    create: evtDeviceFileCreate === undefined ? null : suspendingCallback(evtDeviceFileCreate),
    cleanup: evtFileCleanup === undefined ? null : suspendingCallback(evtFileCleanup),
    close: evtFileClose === undefined ? null : suspendingCallback(evtFileClose),
  };
}

/**
 * WDFFILEOBJECT: an open file of the device; requests are issued through it and belong to it until they complete.
 *
 *     Device.openFile: EvtDeviceFileCreate --> open --close--> EvtFileCleanup, then its requests are cancelled
 *         --last one completed--> EvtFileClose, in the closing thread or in a system thread --> deleted
 */
export class FileObject<C = unknown> extends FxObject<C> {
  readonly #requests = new Set<Request>();
  readonly #callbacks: FileCallbacks;
  readonly #closing: SystemWorkItem;
  #isClosed = false;
  /** EvtFileCleanup has returned and the requests were told: EvtFileClose is due when there are none. */
  #isCleanedUp = false;

  constructor(
    readonly device: Device,
    /** WdfFileObjectGetFileName. */
    readonly fileName: string,
    callbacks: FileCallbacks,
    context: C,
  ) {
    super(device.kernel, 'FileObject', device, { context });
    this.#callbacks = callbacks;
    this.#closing = new SystemWorkItem(device.kernel, `close of ${this.label}`, this.objectId, () => this.#finishClose());
  }

  /** Its last handle was closed: no request can be issued through it any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Requests issued and not completed. */
  get outstanding(): number {
    return this.#requests.size;
  }

  /** The I/O manager issues `request` through this file. */
  adopt(request: Request): void {
    assertInternal(!this.#isClosed, 'FILE_CLOSED', `a request is issued through ${this.label}, which was closed`);
    this.#requests.add(request);
  }

  release(request: Request): void {
    this.#requests.delete(request);
    if (this.#isCleanedUp && this.#requests.size === 0) this.#closing.enqueue();
  }

  /**
   * The last handle is closed, or its process ends: EvtFileCleanup, then every request that is outstanding is cancelled.
   * The cancel flags of all are set at once, so that completing the first cannot hand the next to the driver; then each
   * is told, in the order they were issued. What its driver does not let go of completes later, and EvtFileClose comes
   * after that. PASSIVE_LEVEL.
   */
  *close(): Suspending<void> {
    assertInternal(!this.#isClosed, 'FILE_CLOSED', `${this.label} is closed twice`);
    // Before any point: whoever closes knows what was issued until then.
    this.#isClosed = true;
    const op = this.kernel.callOp(this.objectId);
    if (this.kernel.at(op)) yield op;
    if (this.#callbacks.cleanup !== null) yield* this.#call('EvtFileCleanup', this.#callbacks.cleanup);
    const taken: { request: Request; queue: IoQueue; generation: number }[] = [];
    for (const request of this.#requests) {
      const queue = request.beginCancel();
      if (queue !== null) taken.push({ request, queue, generation: request.generation });
    }
    for (const { request, queue, generation } of taken) yield* request.finishCancel(queue, generation);
    this.#isCleanedUp = true;
    if (this.#requests.size === 0) yield* this.#finishClose();
  }

  *#finishClose(): Suspending<void> {
    if (this.#callbacks.close !== null) yield* this.#call('EvtFileClose', this.#callbacks.close);
    this.device.fileClosed();
    yield* this.delete();
  }

  /** A driver callback of this file, under the device's lock where the configuration says so. */
  *#call(name: string, callback: FileCallback): Suspending<void> {
    const { kernel, objectId } = this;
    const lock = this.device.fileLock;
    if (lock !== null) yield* lock.acquire();
    const irql = kernel.enter(objectId, name);
    yield* callback(this);
    kernel.leave(irql, objectId, name);
    if (lock !== null) yield* lock.release();
  }
}
