import type { NtStatus } from '../nt/index.js';
import type { DriverCallback } from '../kernel/index.js';
import type { Request } from './request.js';

/** WDF_REQUEST_TYPE, by IRP major function. */
export const RequestType = { Create: 0, Read: 3, Write: 4, DeviceControl: 14, InternalDeviceControl: 15 } as const;
export type RequestType = (typeof RequestType)[keyof typeof RequestType];
/** Entries of a table by type. */
export const REQUEST_TYPES = 16;

/** KPROCESSOR_MODE of whoever issued the request. */
export type RequestorMode = 'user' | 'kernel';

/** WDF_REQUEST_PARAMETERS, as far as the lab's requests have them. */
export interface RequestParameters {
  type: RequestType;
  /** Reads and writes; 0 for others. */
  lengthBytes: number;
  /** Byte offset on the device; reads and writes. */
  deviceOffset: number;
  /** Device control requests; 0 for others. */
  ioControlCode: number;
  inputBufferLengthBytes: number;
  outputBufferLengthBytes: number;
}

/** EVT_WDF_REQUEST_CANCEL: at or below DISPATCH_LEVEL in any context, under the callback lock if there is a scope. */
export type EvtRequestCancel = DriverCallback<[request: Request], void>;

/** The I/O manager's side: told once per request, inside the call that completes it, before the next one is dispatched. */
export interface IoCompletion {
  requestCompleted(request: Request, status: NtStatus, informationBytes: number): void;
}

/** Who may do what with a request (queues-requests-cancel section 3). */
export const Owner = { Nobody: 0, Queue: 1, Driver: 2, Completed: 3 } as const;
export type Owner = (typeof Owner)[keyof typeof Owner];

/**
 * Where a request stands on its way from MarkCancelable to its cancel callback (section 4).
 *
 *     None --mark--> Marked --IoCancelIrp, purge--> Taken --dispatch loop--> Delivered
 *       ^--unmark------|        (from here on UnmarkCancelable answers CANCELLED)
 *
 * A request that waits in a queue goes from None to Taken when it is cancelled.
 */
export const CancelState = { None: 0, Marked: 1, Taken: 2, Delivered: 3 } as const;
export type CancelState = (typeof CancelState)[keyof typeof CancelState];

/** Where a driver-owned request stands in a power transition of its queue (section 8). */
export const PowerMark = { None: 0, ToNotify: 1, Notified: 2 } as const;
export type PowerMark = (typeof PowerMark)[keyof typeof PowerMark];

/** What the driver answered to EvtIoStop. */
export const StopAnswer = { None: 0, Keep: 1, Requeue: 2 } as const;
export type StopAnswer = (typeof StopAnswer)[keyof typeof StopAnswer];

/** Whether the driver ever marked the request cancelable, and what it was answered. */
export const Marking = { Never: 0, Marked: 1, Refused: 2 } as const;
export type Marking = (typeof Marking)[keyof typeof Marking];

/** When a cancellation comes: in a queue, or in one of the windows A to I of transaction-state-machine section 8. */
export type CancelWindow = 'queued' | 'A' | 'B' | 'C' | 'D' | 'E' | 'F' | 'G' | 'H' | 'I';
