import {
  NT_SUCCESS,
  PASSIVE_LEVEL,
  STATUS_ACCESS_DENIED,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_PENDING,
  STATUS_SUCCESS,
  type NtStatus,
} from '../nt/index.js';
import { KernelEvent, completed, type Suspending } from '../kernel/index.js';
import type { CallbackLock } from './callback-lock.js';
import type { Created } from './created.js';
import type { Device } from './device.js';
import { FileObject, fileCallbacks, type FileCallbacks, type FileObjectConfig } from './file-object.js';
import { IoQueue } from './io-queue.js';
import { Request, RequestType, type IoCompletion } from './request.js';

/** The open files of a device: create requests, and what an exclusive device allows. */
export class DeviceFiles {
  readonly #device: Device;
  readonly #config: FileObjectConfig | null;
  readonly #callbacks: FileCallbacks;
  readonly #isExclusive: boolean;
  #open = 0;
  /** Create requests are presented in the caller's thread; this queue only holds them meanwhile, as the framework's own does. */
  #createQueue: IoQueue | null = null;

  constructor(device: Device, config: FileObjectConfig | null, isExclusive: boolean) {
    this.#device = device;
    this.#config = config;
    this.#callbacks = fileCallbacks(config);
    this.#isExclusive = isExclusive;
  }

  /** The driver wants to know of files. */
  get areConfigured(): boolean {
    return this.#config !== null;
  }

  get lock(): CallbackLock | null {
    return this.#config?.synchronizationScope === 'device' ? this.#device.callbackLock : null;
  }

  fileClosed(): void {
    this.#open--;
  }

  *open(fileName: string, driverQueue: IoQueue | undefined): Suspending<Created<FileObject>> {
    const device = this.#device;
    const op = device.kernel.callOp(device.objectId);
    if (device.kernel.at(op)) yield op;
    if (this.#isExclusive && this.#open > 0) return { ok: false, status: STATUS_ACCESS_DENIED };
    if (device.kernel.current.irql > PASSIVE_LEVEL) return { ok: false, status: STATUS_INVALID_DEVICE_REQUEST };
    this.#open++;
    const object = new FileObject<unknown>(
      device,
      fileName,
      this.#callbacks,
      this.#config?.contextType?.createFor(device.kernel, fileName),
    );
    const status = yield* this.#create(object, driverQueue);
    if (NT_SUCCESS(status)) return { ok: true, status, object };
    this.#open--;
    yield* object.delete();
    return { ok: false, status };
  }

  /** IRP_MJ_CREATE: to the queue that the driver chose for it, else to EvtDeviceFileCreate; returns when it has completed. */
  #create(fileObject: FileObject, driverQueue: IoQueue | undefined): Suspending<NtStatus> {
    const { create } = this.#callbacks;
    return driverQueue === undefined && create === null
      ? completed<NtStatus>(STATUS_SUCCESS)
      : this.#sendCreate(fileObject, driverQueue, create);
  }

  *#sendCreate(fileObject: FileObject, driverQueue: IoQueue | undefined, create: FileCallbacks['create']): Suspending<NtStatus> {
    const device = this.#device;
    const request = new Request(device.kernel, device.requestContext?.createFor(device.kernel, `${device.label} request`));
    const outcome = new CreateOutcome(new KernelEvent(device.kernel, `${fileObject.label}: its create request`));
    request.prepare(RequestType.Create, null, 0, 0, outcome, fileObject);
    if (driverQueue !== undefined) yield* driverQueue.enqueue(request);
    else yield* this.#present(request, fileObject, create!);
    yield* outcome.completed.wait();
    return outcome.status;
  }

  *#present(request: Request, fileObject: FileObject, create: NonNullable<FileCallbacks['create']>): Suspending<void> {
    const device = this.#device;
    const queue = this.#internalQueue();
    yield* queue.enqueue(request);
    const taken = yield* queue.retrieveRequestByFileObject(fileObject);
    // The device is going: the queue has completed it.
    if (!taken.ok) return;
    const { lock } = this;
    if (lock !== null) yield* lock.acquire();
    const irql = device.kernel.enter(device.objectId, 'EvtDeviceFileCreate');
    yield* create(device, request, fileObject);
    device.kernel.leave(irql, device.objectId, 'EvtDeviceFileCreate');
    if (lock !== null) yield* lock.release();
  }

  #internalQueue(): IoQueue {
    if (this.#createQueue !== null) return this.#createQueue;
    const created = IoQueue.create(this.#device, { dispatchType: 'manual', powerManaged: false, synchronizationScope: 'none' });
    if (!created.ok) throw new TypeError('a manual queue without callbacks can be created');
    return (this.#createQueue = created.object);
  }
}

class CreateOutcome implements IoCompletion {
  status: NtStatus = STATUS_PENDING;

  constructor(readonly completed: KernelEvent) {}

  requestCompleted(_request: Request, status: NtStatus): void {
    this.status = status;
    this.completed.set();
  }
}
