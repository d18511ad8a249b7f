import type { Kernel, Op, Suspending } from '../kernel/index.js';
import { CommonBuffer } from './common-buffer.js';
import { DmaEnabler } from './dma-enabler.js';
import { DmaPacketTransaction } from './dma-transaction-packet.js';
import { DmaScatterGatherTransaction } from './dma-transaction-scatter-gather.js';
import { DmaSystemTransaction } from './dma-transaction-system.js';
import { DmaTransaction } from './dma-transaction.js';
import { FileObject } from './file-object.js';
import { Interrupt } from './interrupt.js';
import { IoQueue } from './io-queue.js';
import { Memory } from './memory.js';
import { RegisterBlock } from './register-block.js';
import { Request } from './request.js';
import { Timer } from './timer.js';
import { WdfSpinLock } from './wdf-spin-lock.js';
import { WdfWaitLock } from './wdf-wait-lock.js';
import { WorkItem } from './work-item.js';

type Method = (this: unknown, ...args: unknown[]) => unknown;

const GeneratorFunction = Object.getPrototypeOf(function* (): Generator {}) as object;

let isInstalled = false;

/**
 * From now on, a framework call that is made without `yield*` is found when its callback returns (or at the next such
 * call): it was never started, so it did nothing. The build finds this by types; scenarios in plain JavaScript have
 * only this check, which costs about 0.1 us a call and is installed when one is loaded.
 */
export function watchForForgottenYields(): void {
  if (isInstalled) return;
  isInstalled = true;
  const transactions = { DmaPacketTransaction, DmaScatterGatherTransaction, DmaSystemTransaction };
  const types = {
    IoQueue,
    Request,
    Interrupt,
    RegisterBlock,
    WdfSpinLock,
    WdfWaitLock,
    Timer,
    WorkItem,
    Memory,
    FileObject,
    CommonBuffer,
    ...transactions,
  };
  const seen = new Set<object>([Object.prototype]);
  for (const [name, type] of Object.entries(types)) {
    for (let owner = type.prototype as object; !seen.has(owner); owner = Object.getPrototypeOf(owner) as object) {
      seen.add(owner);
      watchMethods(owner, name.startsWith('Dma') ? 'DmaTransaction' : name);
    }
  }
  for (const [name, owner] of Object.entries({ DmaEnabler, CommonBuffer, DmaTransaction })) watchMethods(owner, name);
}

/** Plain methods that suspend all the same: they return what a generator method made, or that there is nothing to wait for. */
const RETURNS_SUSPENDING: Readonly<Record<string, readonly string[]>> = {
  DmaTransaction: ['create', 'initializeUsingRequest', 'dmaCompleted', 'dmaCompletedWithLength', 'dmaCompletedFinal', 'release'],
  IoQueue: ['retrieveNextRequest', 'retrieveRequestByFileObject', 'retrieveFoundRequest'],
  Request: ['markCancelableEx', 'unmarkCancelable', 'complete', 'completeWithInformation', 'completeWithPriorityBoost'],
  WdfSpinLock: ['acquire', 'release'],
  Interrupt: ['acquireLock', 'releaseLock'],
  RegisterBlock: ['read8', 'read16', 'read32', 'write8', 'write16', 'write32'],
};

function watchMethods(owner: object, typeName: string): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
    const method: unknown = descriptor.value;
    if (typeof method !== 'function') continue;
    if (Object.getPrototypeOf(method) !== GeneratorFunction && RETURNS_SUSPENDING[typeName]?.includes(name) !== true) continue;
    Object.defineProperty(owner, name, { ...descriptor, value: watched(method as Method, `${typeName}.${name}`) });
  }
}

function watched(method: Method, name: string): Method {
  return function (this: unknown, ...args) {
    const kernel = kernelOf(this) ?? kernelOf(args[0]);
    if (kernel === null) return method.apply(this, args);
    kernel.checkForgottenYield();
    kernel.unstartedCall = name;
    return new WatchedCall(kernel, () => method.apply(this, args) as Suspending<unknown>);
  };
}

/** A call that has been made and not started: it starts when `yield*` asks for its iterator, or the kernel for its first step. */
class WatchedCall implements Iterator<Op, unknown> {
  readonly #kernel: Kernel;
  readonly #call: () => Suspending<unknown>;
  #body: Suspending<unknown> | null = null;

  constructor(kernel: Kernel, call: () => Suspending<unknown>) {
    this.#kernel = kernel;
    this.#call = call;
  }

  [Symbol.iterator](): Iterator<Op, unknown> {
    return this.#start();
  }

  #start(): Iterator<Op, unknown> {
    if (this.#body === null) {
      this.#kernel.unstartedCall = null;
      // eslint-disable-next-line dmalab/suspending-under-yield-star -- this is where `yield*` has asked for it
      this.#body = this.#call();
    }
    return this.#body;
  }

  next(): IteratorResult<Op, unknown> {
    return this.#start().next();
  }

  throw(error: unknown): IteratorResult<Op, unknown> {
    return this.#start().throw!(error);
  }
}

function kernelOf(value: unknown): Kernel | null {
  if (typeof value !== 'object' || value === null || !('kernel' in value)) return null;
  return value.kernel as Kernel;
}
