import type { RecordedViolation } from '../kernel/index.js';
import { InternalError, UsageError } from '../nt/index.js';
import { placeOfEscaped } from './stack-place.js';

/**
 * What an error says that escaped outside of every execution: code under test left something behind that ran later, a timer of
 * Node's or a promise, and it threw. Null: the lab or a library it uses threw, which is no finding.
 */
export function leftBehindViolation(error: unknown): RecordedViolation | null {
  if (!(error instanceof Error) || error instanceof UsageError || error instanceof InternalError) return null;
  const place = placeOfEscaped(error);
  if (place === null) return null;
  const message = `code under test left something behind (a timer, a promise) that threw ${error.name}: ${error.message} at ${place}, outside of every schedule: what runs later and when is nothing the lab could have again; time comes from the framework's timers, work for later from work items`;
  return { rule: 'L-DRIVER-THREW', severity: 'crash', object: null, step: 0, message };
}

/**
 * Turns a call of process.exit() or process.abort() by code under test, which would take all results along, into an exception at
 * the place that calls it. Returns what undoes it.
 */
export function forbidProcessExit(): () => void {
  const undo = (['exit', 'abort'] as const).map(refuse);
  return () => undo.forEach((restore) => restore());
}

function refuse(name: 'exit' | 'abort'): () => void {
  const kept = Object.getOwnPropertyDescriptor(process, name)!;
  const refused = (): never => {
    const error = new Error(`process.${name}() is called, which would end the process and take all results along`);
    Error.captureStackTrace(error, refused);
    throw error;
  };
  Object.defineProperty(process, name, { ...kept, value: refused });
  return () => void Object.defineProperty(process, name, kept);
}
