import type { Kernel, Suspending } from '../kernel/index.js';
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
 * call): the generator it made was never started, so the call did nothing. The build finds this by types; scenarios
 * in plain JavaScript have only this check, which costs about 0.1 us a call and is installed when one is loaded.
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

/** Plain methods that return what a private generator method made. */
const RETURNS_SUSPENDING = new Set(['dmaCompleted', 'dmaCompletedWithLength', 'dmaCompletedFinal']);

function watchMethods(owner: object, typeName: string): void {
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
    const method: unknown = descriptor.value;
    if (typeof method !== 'function') continue;
    if (Object.getPrototypeOf(method) !== GeneratorFunction && !RETURNS_SUSPENDING.has(name)) continue;
    Object.defineProperty(owner, name, { ...descriptor, value: watched(method as Method, `${typeName}.${name}`) });
  }
}

function watched(method: Method, name: string): Method {
  return function (this: unknown, ...args) {
    const kernel = kernelOf(this) ?? kernelOf(args[0]);
    const body = method.apply(this, args) as Suspending<unknown>;
    if (kernel === null) return body;
    kernel.checkForgottenYield();
    kernel.unstartedCall = name;
    // `yield*` asks for the iterator exactly once, when it starts the call.
    Reflect.defineProperty(body, Symbol.iterator, {
      value: () => {
        kernel.unstartedCall = null;
        return body;
      },
    });
    return body;
  };
}

function kernelOf(value: unknown): Kernel | null {
  if (typeof value !== 'object' || value === null || !('kernel' in value)) return null;
  return value.kernel as Kernel;
}
