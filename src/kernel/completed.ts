import { STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import type { Op, Suspending } from './op.js';

/**
 * What a call that had nothing to wait for gives back: `yield*` asks once, gets the value and goes on. A generator would
 * do the same at the price of its frame, which is most of what a short framework call costs.
 */
class Completed<T> implements Suspending<T>, IteratorReturnResult<T> {
  readonly done = true;

  constructor(readonly value: T) {}

  /** It is its own result: one object instead of two. */
  next(): IteratorReturnResult<T> {
    return this;
  }

  return(value: T): IteratorReturnResult<T> {
    return { done: true, value };
  }

  throw(error: unknown): never {
    throw error;
  }

  [Symbol.iterator](): this {
    return this;
  }

  [Symbol.dispose](): void {}

  get [Symbol.toStringTag](): string {
    return 'Completed';
  }
}

/** A suspending call that has ended already, with `value`. */
export function completed<T>(value: T): Suspending<T> {
  return new Completed(value);
}

/** A suspending call without a value that has ended already; one object for all. */
export const COMPLETED: Suspending<void> = new Completed<void>(undefined);

/** A suspending call that has succeeded already. */
export const SUCCEEDED: Suspending<NtStatus> = new Completed<NtStatus>(STATUS_SUCCESS);

const TRUE = new Completed(true);
const FALSE = new Completed(false);

/** A suspending call that has ended already with an answer; one object for each. */
export const answered = (answer: boolean): Suspending<boolean> => (answer ? TRUE : FALSE);

/** A call that its scheduling point has suspended: `return kernel.at(op) ? suspendedAt(op, () => this.#rest()) : this.#rest()`. */
export function* suspendedAt<T>(op: Op, rest: () => Suspending<T>): Suspending<T> {
  yield op;
  return yield* rest();
}

/** What every generator is an instance of: generators of two functions have two shapes, but one prototype above them. */
function AnyGenerator(): void {}
AnyGenerator.prototype = Object.getPrototypeOf(function* (): Generator {}.prototype) as object;

/** Whether `value` is to be driven to its end, rather than what a plain function gave back. */
export function isSuspending<T>(value: Suspending<T> | T): value is Suspending<T> {
  if (typeof value !== 'object' || value === null) return false;
  if (value instanceof AnyGenerator || value instanceof Completed) return true;
  const { throw: raise, [Symbol.iterator]: iterator } = value as { throw?: unknown; [Symbol.iterator]?: unknown };
  return typeof raise === 'function' && typeof iterator === 'function';
}
