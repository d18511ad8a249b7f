import { STATUS_MORE_PROCESSING_REQUIRED, assertInternal, statusName, type NtStatus } from '../nt/index.js';
import { DmaCompletionStatus } from '../hal/index.js';
import { DmaDirection } from '../wdf/dma-enabler.js';
import type { VectorDirection } from './vector.js';

/** A status as vectors write it: without `STATUS_`. */
export function shortStatus(status: NtStatus): string {
  return statusName(status).replace(/^STATUS_/, '');
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

export function completionStatusName(status: DmaCompletionStatus): string {
  return Object.keys(DmaCompletionStatus)[status]!;
}

export function unknownOperation(op: string): never {
  assertInternal(false, 'CONFORMANCE_OP', `the vector makes a call nobody knows: ${op}`);
}
