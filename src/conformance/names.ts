import { STATUS_MORE_PROCESSING_REQUIRED, assertInternal, statusByName, statusName, type NtStatus } from '../nt/index.js';
import { DmaCompletionStatus } from '../hal/index.js';
import { DmaDirection } from '../wdf/dma-enabler.js';
import type { VectorDirection } from './vector.js';

/** Failures that only vectors name, with values of the customer range; a power callback may return anything. */
const otherFailures: string[] = [];
const OTHER_FAILURES = 0xe000_0000 | 0;

/** A status as vectors write it: without `STATUS_`. */
export function shortStatus(status: NtStatus): string {
  return otherFailures[status - OTHER_FAILURES] ?? statusName(status).replace(/^STATUS_/, '');
}

/** The status a vector names. */
export function statusOf(name: string): NtStatus {
  const status = statusByName(name);
  if (status !== undefined) return status;
  const at = otherFailures.indexOf(name);
  return OTHER_FAILURES + (at >= 0 ? at : otherFailures.push(name) - 1);
}

/** What the three completion calls return in KMDF: FALSE for MORE_PROCESSING_REQUIRED, TRUE for the rest. */
export function completionResult(status: NtStatus): [boolean, string] {
  return [status !== STATUS_MORE_PROCESSING_REQUIRED, shortStatus(status)];
}

export function directionName(direction: DmaDirection): string {
  return direction === DmaDirection.ReadFromDevice ? 'Read' : 'Write';
}

export function directionValue(direction: VectorDirection): number {
  if (direction === 'Read') return DmaDirection.ReadFromDevice;
  return direction === 'Write' ? DmaDirection.WriteToDevice : direction;
}

/** A number as a parameter of type size_t takes it. */
export function sizeT(value: unknown): number {
  return (value as number) < 0 ? (value as number) + 2 ** 64 : (value as number);
}

/** A number as a parameter of type ULONG takes it. */
export function ulong(value: number): number {
  return value - Math.floor(value / 2 ** 32) * 2 ** 32;
}

export function completionStatusName(status: DmaCompletionStatus): string {
  return Object.keys(DmaCompletionStatus)[status]!;
}

export function unknownOperation(op: string): never {
  assertInternal(false, 'CONFORMANCE_OP', `the vector makes a call nobody knows: ${op}`);
}
