/** Bug check codes the lab raises, under the names Windows prints. */
export const IRQL_NOT_LESS_OR_EQUAL = 0xa;
export const DRIVER_POWER_STATE_FAILURE = 0x9f;
export const DRIVER_VERIFIER_DMA_VIOLATION = 0xe6;
export const WDF_VIOLATION = 0x10d;
export const DPC_WATCHDOG_VIOLATION = 0x133;

/** First parameter of WDF_VIOLATION (wdfbugcodes.h). */
export const WdfViolation = {
  POWER_CALLBACK_HANG: 1,
  RECURSIVE_LOCK: 2,
  REQUEST_OUTSTANDING_REFERENCES: 3,
  REQUIRED_PARAMETER_IS_NULL: 4,
  INVALID_HANDLE: 5,
  REQUEST_FATAL_ERROR: 6,
  OBJECT_ERROR: 7,
  DMA_FATAL_ERROR: 8,
  QUEUE_FATAL_ERROR: 10,
  INVALID_LOCK_OPERATION: 11,
  VERIFIER_IRQL_MISMATCH: 14,
  VERIFIER_CRITICAL_REGION: 15,
} as const;

const codeNames = new Map<number, string>([
  [IRQL_NOT_LESS_OR_EQUAL, 'IRQL_NOT_LESS_OR_EQUAL'],
  [DRIVER_POWER_STATE_FAILURE, 'DRIVER_POWER_STATE_FAILURE'],
  [DRIVER_VERIFIER_DMA_VIOLATION, 'DRIVER_VERIFIER_DMA_VIOLATION'],
  [WDF_VIOLATION, 'WDF_VIOLATION'],
  [DPC_WATCHDOG_VIOLATION, 'DPC_WATCHDOG_VIOLATION'],
]);

/** Code and up to four parameters as a crash dump shows them; absent for rules that only the lab knows. */
export interface BugCheckCode {
  readonly code: number;
  readonly parameters: readonly (number | string)[];
}

export function bugCheckText(bugCheck: BugCheckCode): string {
  const name = codeNames.get(bugCheck.code) ?? 'UNKNOWN_BUG_CHECK';
  // Negative values (a status) print as 32-bit words; addresses may lie beyond 2^32 and print in full.
  const parameters = bugCheck.parameters.map((p) => (typeof p === 'number' ? `0x${(p < 0 ? p >>> 0 : p).toString(16)}` : p));
  return `0x${bugCheck.code.toString(16).toUpperCase()} ${name} (${parameters.join(', ')})`;
}
