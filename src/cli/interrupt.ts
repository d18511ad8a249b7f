import { forbidProcessExit, leftBehindViolation } from '../backends/left-behind.js';
import type { RecordedViolation } from '../kernel/index.js';
import { InternalError } from '../nt/index.js';
import { isAbort } from './errors.js';
import type { Io } from './io.js';

/** What came of a body that could be interrupted. */
interface Interruptible<T> {
  /** Null: it was interrupted before there was any. */
  readonly result: T | null;
  /** The finding that an error is which escaped meanwhile; null: none did. */
  readonly leftBehind: RecordedViolation | null;
}

/**
 * Runs `body` with a signal that the first interruption aborts. The body then returns whole results so far; when it
 * throws the abort instead, there are none. Handlers are installed only meanwhile: elsewhere
 * the system's own way of dying at Ctrl-C is right, a scenario module may spin while it is loaded. An error that escapes from
 * code under test is a finding, the lab's own is thrown.
 */
export async function interruptible<T>(io: Io, onSignal: () => void, body: (signal: AbortSignal) => Promise<T>): Promise<Interruptible<T>> {
  const controller = new AbortController();
  const uncaught: unknown[] = [];
  const allowExit = forbidProcessExit();
  const undo = io.onInterrupt((interruption) => {
    if (interruption.kind === 'uncaught') uncaught.push(interruption.error);
    else onSignal();
    controller.abort();
  });
  try {
    const result = await body(controller.signal);
    return { result, leftBehind: blame(uncaught) };
  } catch (error) {
    const leftBehind = blame(uncaught);
    if (isAbort(error, controller.signal)) return { result: null, leftBehind };
    throw error;
  } finally {
    undo();
    allowExit();
  }
}

/** The first error that escaped is told. */
function blame(uncaught: readonly unknown[]): RecordedViolation | null {
  if (uncaught.length === 0) return null;
  const violation = leftBehindViolation(uncaught[0]);
  if (violation === null) throw escaped(uncaught[0]);
  return violation;
}

/** An error nobody awaited; the run it belongs to is worth nothing. */
function escaped(error: unknown): InternalError {
  if (error instanceof InternalError) return error;
  const wrapped = new InternalError('UNCAUGHT', `an error escaped: ${error instanceof Error ? error.message : String(error)}`);
  wrapped.cause = error;
  return wrapped;
}
