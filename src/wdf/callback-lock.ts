import { STATUS_INVALID_DEVICE_REQUEST, STATUS_SUCCESS, STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL, type NtStatus } from '../nt/index.js';
import { SpinLock, type FxObject, type Suspending } from '../kernel/index.js';
import { WdfWaitLock } from './wdf-wait-lock.js';

/**
 * WDF_EXECUTION_LEVEL. `dispatch`: callbacks may come at any level up to DISPATCH_LEVEL. `passive`: always at
 * PASSIVE_LEVEL; what comes above it is put off to a system thread.
 */
export type ExecutionLevel = 'dispatch' | 'passive';

/** WDF_SYNCHRONIZATION_SCOPE: which callbacks exclude each other (queues-requests-cancel section 5). */
export type SynchronizationScope = 'none' | 'device' | 'queue';

/** What is held around callbacks that exclude each other: a spin lock, or a mutex where they run at PASSIVE_LEVEL. */
export interface CallbackLock {
  readonly isHeldByCurrent: boolean;
  acquire(): Suspending<void>;
  release(): Suspending<void>;
}

/** An object whose callbacks can be serialized: a device or a queue. */
export interface CallbackOwner extends FxObject {
  readonly executionLevel: ExecutionLevel;
  /** Null when its scope is `none`. */
  readonly callbackLock: CallbackLock | null;
}

export function createCallbackLock(owner: FxObject, level: ExecutionLevel): CallbackLock {
  return level === 'passive' ? WdfWaitLock.create(owner) : new SpinLock(owner.kernel, `${owner.label} callback lock`);
}

/** The nearest device or queue, beginning with the object itself; null when there is none. */
export function callbackOwnerOf(object: FxObject): CallbackOwner | null {
  for (let at: FxObject | null = object; at !== null; at = at.parent) if (isCallbackOwner(at)) return at;
  return null;
}

function isCallbackOwner(object: FxObject): object is CallbackOwner {
  return 'callbackLock' in object && 'executionLevel' in object;
}

export interface EffectiveLock {
  /** INVALID_DEVICE_REQUEST: neither a device nor a queue above `parent`; WDF_INCOMPATIBLE_EXECUTION_LEVEL. */
  readonly status: NtStatus;
  readonly lock: CallbackLock | null;
}

/**
 * The lock that a timer's, work item's or interrupt DPC's callback takes with AutomaticSerialization. A callback that runs at
 * `level` cannot take the lock of a parent with the other execution level: a DPC must not wait, and a thread must not
 * wait at DISPATCH_LEVEL.
 */
export function effectiveLock(parent: FxObject, automaticSerialization: boolean, level: ExecutionLevel): EffectiveLock {
  const owner = callbackOwnerOf(parent);
  if (owner === null) return { status: STATUS_INVALID_DEVICE_REQUEST, lock: null };
  if (!automaticSerialization || owner.callbackLock === null) return { status: STATUS_SUCCESS, lock: null };
  if (owner.executionLevel !== level) return { status: STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL, lock: null };
  return { status: STATUS_SUCCESS, lock: owner.callbackLock };
}
