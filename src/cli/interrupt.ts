import { InternalError } from '../nt/index.js';
import { isAbort } from './errors.js';
import type { Io } from './io.js';

/**
 * Runs `body` with a signal that the first interruption aborts. The body then returns whole results so far; when it
 * throws the abort instead, there are none and the answer is null. Handlers are installed only meanwhile: elsewhere
 * the system's own way of dying at Ctrl-C is right, a scenario module may spin while it is loaded.
 */
export async function interruptible<T>(io: Io, onSignal: () => void, body: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const controller = new AbortController();
  const uncaught: unknown[] = [];
  const undo = io.onInterrupt((interruption) => {
    if (interruption.kind === 'uncaught') uncaught.push(interruption.error);
    else onSignal();
    controller.abort();
  });
  try {
    const result = await body(controller.signal);
    if (uncaught.length > 0) throw escaped(uncaught[0]);
    return result;
  } catch (error) {
    if (uncaught.length > 0) throw escaped(uncaught[0]);
    if (isAbort(error, controller.signal)) return null;
    throw error;
  } finally {
    undo();
  }
}

/** An error nobody awaited; the run it belongs to is worth nothing. */
function escaped(error: unknown): InternalError {
  if (error instanceof InternalError) return error;
  const wrapped = new InternalError('UNCAUGHT', `an error escaped: ${error instanceof Error ? error.message : String(error)}`);
  wrapped.cause = error;
  return wrapped;
}
