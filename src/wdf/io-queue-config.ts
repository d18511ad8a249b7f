import { STATUS_INVALID_PARAMETER, STATUS_SUCCESS, STATUS_WDF_NO_CALLBACK, type NtStatus } from '../nt/index.js';
import { suspendingCallback, type DriverCallback, type Suspending } from '../kernel/index.js';
import type { ExecutionLevel, SynchronizationScope } from './callback-lock.js';
import type { Device } from './device.js';
import type { IoQueue } from './io-queue.js';
import { REQUEST_TYPES, RequestType, type Request } from './request.js';

/** WDF_IO_QUEUE_DISPATCH_TYPE. */
export type DispatchType = 'sequential' | 'parallel' | 'manual';

export type EvtIo = DriverCallback<[queue: IoQueue, request: Request, lengthBytes: number], void>;

/** EVT_WDF_IO_QUEUE_IO_DEVICE_CONTROL, and of internal control requests. */
export type EvtIoDeviceControl = DriverCallback<
  [queue: IoQueue, request: Request, outputBufferLengthBytes: number, inputBufferLengthBytes: number, ioControlCode: number],
  void
>;

/** EVT_WDF_IO_QUEUE_STATE. */
export type EvtIoQueueState = DriverCallback<[queue: IoQueue], void>;

/** WDF_REQUEST_STOP_ACTION_FLAGS of EvtIoStop. */
export const RequestStopAction = {
  /** The device leaves D0 and will come back. */
  Suspend: 0x1,
  /** The device goes away: the request must be completed. */
  Purge: 0x2,
  /** The request is marked cancelable now. */
  RequestCancelable: 0x1000_0000,
} as const;

/** EVT_WDF_IO_QUEUE_IO_STOP; `actionFlags` are those of RequestStopAction. */
export type EvtIoStop = DriverCallback<[queue: IoQueue, request: Request, actionFlags: number], void>;

/** EVT_WDF_IO_QUEUE_IO_RESUME and EVT_WDF_IO_QUEUE_IO_CANCELED_ON_QUEUE. */
export type EvtIoRequest = DriverCallback<[queue: IoQueue, request: Request], void>;

/** WDF_IO_QUEUE_STATE, bits of `IoQueue.getState`. */
export const IoQueueState = {
  AcceptRequests: 0x1,
  DispatchRequests: 0x2,
  /** Nothing waits. */
  NoRequests: 0x4,
  /** The driver owns nothing of this queue. */
  DriverNoRequests: 0x8,
  /** Power-managed and not in D0. */
  PnpHeld: 0x10,
} as const;

/** WDF_IO_QUEUE_CONFIG. */
export interface IoQueueConfig {
  readonly dispatchType: DispatchType;
  readonly evtIoRead?: EvtIo;
  readonly evtIoWrite?: EvtIo;
  readonly evtIoDeviceControl?: EvtIoDeviceControl;
  readonly evtIoInternalDeviceControl?: EvtIoDeviceControl;
  /** For every request type without a callback of its own. */
  readonly evtIoDefault?: EvtIo;
  /** The device leaves D0: stop work on this request, then complete or acknowledge it (section 8). */
  readonly evtIoStop?: EvtIoStop;
  /** Back in D0: go on with a request that was acknowledged without requeueing. */
  readonly evtIoResume?: EvtIoRequest;
  /** A request was cancelled in the queue after the driver had had it: the driver completes it. */
  readonly evtIoCanceledOnQueue?: EvtIoRequest;
  /** Parallel only: most requests the driver owns at once. Default unlimited. */
  readonly numberOfPresentedRequests?: number;
  /** Requests wait while the device is not in D0. Default true. */
  readonly powerManaged?: boolean;
  /** Level of the queue's callbacks. Default the device's. */
  readonly executionLevel?: ExecutionLevel;
  /** Which callbacks exclude each other: `queue`, those of this queue; `device`, those of all such queues. Default the device's. */
  readonly synchronizationScope?: SynchronizationScope;
  /** Zero-length reads and writes reach the driver. Default false: the framework completes them with SUCCESS. */
  readonly allowZeroLengthRequests?: boolean;
}

/** The length of a read or write, or the arguments of a control request. */
export type EvtIoFunction = (
  queue: IoQueue,
  request: Request,
  lengthBytes: number,
  inputBufferLengthBytes: number,
  ioControlCode: number,
) => Suspending<void>;

/** A queue's callbacks in one form; null where the driver registered none. */
export interface QueueCallbacks {
  /** By request type. */
  readonly io: readonly (EvtIoFunction | undefined)[];
  readonly stop: ((queue: IoQueue, request: Request, actionFlags: number) => Suspending<void>) | null;
  readonly resume: ((queue: IoQueue, request: Request) => Suspending<void>) | null;
  readonly canceledOnQueue: ((queue: IoQueue, request: Request) => Suspending<void>) | null;
}

/** What WdfIoQueueCreate says about a configuration: WDF_NO_CALLBACK, INVALID_PARAMETER or SUCCESS. */
export function checkQueueConfig(device: Device, config: IoQueueConfig): NtStatus {
  const hasCallback = [
    config.evtIoDefault,
    config.evtIoRead,
    config.evtIoWrite,
    config.evtIoDeviceControl,
    config.evtIoInternalDeviceControl,
  ].some((c) => c !== undefined);
  const manual = config.dispatchType === 'manual';
  if (!manual && !hasCallback) return STATUS_WDF_NO_CALLBACK;
  if (manual && hasCallback) return STATUS_INVALID_PARAMETER;
  if (config.numberOfPresentedRequests !== undefined && config.dispatchType !== 'parallel') return STATUS_INVALID_PARAMETER;
  const { executionLevel: level = device.executionLevel, synchronizationScope: scope = device.synchronizationScope } = config;
  // One lock for all of the device's callbacks has one kind.
  if (scope === 'device' && level !== device.executionLevel) return STATUS_INVALID_PARAMETER;
  return STATUS_SUCCESS;
}

export function queueCallbacks(config: IoQueueConfig): QueueCallbacks {
  const { evtIoStop, evtIoResume, evtIoCanceledOnQueue } = config;
  return {
    io: ioCallbacks(config),
    stop: evtIoStop === undefined ? null : suspendingCallback(evtIoStop),
    resume: evtIoResume === undefined ? null : suspendingCallback(evtIoResume),
    canceledOnQueue: evtIoCanceledOnQueue === undefined ? null : suspendingCallback(evtIoCanceledOnQueue),
  };
}

function ioCallbacks(config: IoQueueConfig): (EvtIoFunction | undefined)[] {
  const table = new Array<EvtIoFunction | undefined>(REQUEST_TYPES);
  const set = (type: number, callback: EvtIo | EvtIoDeviceControl | undefined): void => {
    const chosen: EvtIoDeviceControl | undefined = callback ?? config.evtIoDefault;
    if (chosen !== undefined) table[type] = suspendingCallback(chosen);
  };
  set(RequestType.Create, undefined);
  set(RequestType.Read, config.evtIoRead);
  set(RequestType.Write, config.evtIoWrite);
  set(RequestType.DeviceControl, config.evtIoDeviceControl);
  set(RequestType.InternalDeviceControl, config.evtIoInternalDeviceControl);
  return table;
}
