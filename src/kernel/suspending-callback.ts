import { completed, isSuspending } from './completed.js';
import type { Op, Suspending } from './op.js';

/** A driver callback: a generator function when it calls anything that may suspend, a plain function otherwise. */
export type DriverCallback<A extends readonly unknown[], R> = (...args: A) => Suspending<R> | R;

const GeneratorFunction = (Object.getPrototypeOf(function* (): Generator<Op> {}) as object).constructor as new () => unknown;

/**
 * Makes every callback one kind of function, once, when it is registered: generator functions stay as they are,
 * plain ones are wrapped and run when they are called. A plain function that returns a generator
 * (`(q, r) => this.read(q, r)`) is driven too.
 *
 * The wrapper is no generator function: each closure of those has a map of its own in V8's old space, which would keep
 * the machine of an execution alive behind it, one after the other, until the next full collection.
 */
export function suspendingCallback<A extends readonly unknown[], R>(callback: DriverCallback<A, R>): (...args: A) => Suspending<R> {
  if (callback instanceof GeneratorFunction) return callback as (...args: A) => Suspending<R>;
  return (...args: A): Suspending<R> => asSuspending(callback(...args));
}

/** What a callback has given back, to be driven: as it is, or with nothing left to do. Throws AsyncCallbackError. */
export function asSuspending<R>(result: Suspending<R> | R): Suspending<R> {
  if (isSuspending(result)) return result;
  refuseAsync(result);
  return completed(result);
}

/** A callback is an async function: what it awaits runs later, when nobody asks for it and in an order nobody chooses. */
export class AsyncCallbackError extends Error {
  override readonly name = 'AsyncCallbackError';
}

/** What a callback has given back and nobody drives must not be a promise, or an async generator. */
export function refuseAsync(result: unknown): void {
  if (typeof result !== 'object' || result === null) return;
  if (Symbol.asyncIterator in result) throw new AsyncCallbackError('is an async generator function');
  if (!(result instanceof Promise)) return;
  // What becomes of it is nobody's concern any more.
  result.catch(() => undefined);
  throw new AsyncCallbackError('is an async function, or returns a promise');
}
