/**
 * NTSTATUS values under their Windows names.
 *
 * A status is a *signed* 32-bit number, so it stays a small integer in V8 and `NT_SUCCESS` is one comparison.
 * The WDF facility (0x20) values follow the public header wdfstatus.h.
 */
export type NtStatus = number;

export const STATUS_SUCCESS = 0x00000000 | 0;
export const STATUS_TIMEOUT = 0x00000102 | 0;
export const STATUS_PENDING = 0x00000103 | 0;
export const STATUS_WDF_QUEUED = 0x40200000 | 0;
export const STATUS_WDF_POSTED = 0x40200002 | 0;
export const STATUS_NO_MORE_ENTRIES = 0x8000001a | 0;
export const STATUS_DEVICE_BUSY = 0x80000011 | 0;
export const STATUS_UNSUCCESSFUL = 0xc0000001 | 0;
export const STATUS_NOT_IMPLEMENTED = 0xc0000002 | 0;
export const STATUS_INFO_LENGTH_MISMATCH = 0xc0000004 | 0;
export const STATUS_INVALID_HANDLE = 0xc0000008 | 0;
export const STATUS_ACCESS_VIOLATION = 0xc0000005 | 0;
export const STATUS_INVALID_PARAMETER = 0xc000000d | 0;
export const STATUS_INVALID_DEVICE_REQUEST = 0xc0000010 | 0;
export const STATUS_MORE_PROCESSING_REQUIRED = 0xc0000016 | 0;
export const STATUS_ACCESS_DENIED = 0xc0000022 | 0;
export const STATUS_BUFFER_TOO_SMALL = 0xc0000023 | 0;
export const STATUS_DELETE_PENDING = 0xc0000056 | 0;
export const STATUS_INSUFFICIENT_RESOURCES = 0xc000009a | 0;
export const STATUS_DEVICE_NOT_READY = 0xc00000a3 | 0;
export const STATUS_IO_TIMEOUT = 0xc00000b5 | 0;
export const STATUS_NOT_SUPPORTED = 0xc00000bb | 0;
export const STATUS_INTERNAL_ERROR = 0xc00000e5 | 0;
export const STATUS_CANCELLED = 0xc0000120 | 0;
export const STATUS_INVALID_DEVICE_STATE = 0xc0000184 | 0;
export const STATUS_IO_DEVICE_ERROR = 0xc0000185 | 0;
export const STATUS_INVALID_BUFFER_SIZE = 0xc0000206 | 0;
export const STATUS_NOT_FOUND = 0xc0000225 | 0;
export const STATUS_NO_MATCH = 0xc0000272 | 0;
export const STATUS_DEVICE_REMOVED = 0xc00002b6 | 0;
export const STATUS_WDF_NO_PACKAGE = 0xc0200200 | 0;
export const STATUS_WDF_INTERNAL_ERROR = 0xc0200201 | 0;
export const STATUS_WDF_PAUSED = 0xc0200203 | 0;
export const STATUS_WDF_BUSY = 0xc0200204 | 0;
export const STATUS_WDF_REQUEST_ALREADY_PENDING = 0xc0200207 | 0;
export const STATUS_WDF_REQUEST_INVALID_STATE = 0xc0200208 | 0;
export const STATUS_WDF_OBJECT_ATTRIBUTES_INVALID = 0xc0200209 | 0;
export const STATUS_WDF_TOO_FRAGMENTED = 0xc020020a | 0;
export const STATUS_WDF_NO_CALLBACK = 0xc020020b | 0;
export const STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL = 0xc020020c | 0;
export const STATUS_WDF_PARENT_ALREADY_ASSIGNED = 0xc020020d | 0;
export const STATUS_WDF_PARENT_IS_SELF = 0xc020020e | 0;
export const STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED = 0xc020020f | 0;
export const STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID = 0xc0200210 | 0;
export const STATUS_WDF_EXECUTION_LEVEL_INVALID = 0xc0200211 | 0;
export const STATUS_WDF_PARENT_NOT_SPECIFIED = 0xc0200212 | 0;
export const STATUS_WDF_TOO_MANY_TRANSFERS = 0xc0200213 | 0;
export const STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS = 0xc0200214 | 0;

const named: Readonly<Record<string, NtStatus>> = {
  STATUS_SUCCESS,
  STATUS_TIMEOUT,
  STATUS_PENDING,
  STATUS_WDF_QUEUED,
  STATUS_WDF_POSTED,
  STATUS_NO_MORE_ENTRIES,
  STATUS_DEVICE_BUSY,
  STATUS_UNSUCCESSFUL,
  STATUS_NOT_IMPLEMENTED,
  STATUS_INFO_LENGTH_MISMATCH,
  STATUS_INVALID_HANDLE,
  STATUS_ACCESS_VIOLATION,
  STATUS_INVALID_PARAMETER,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_MORE_PROCESSING_REQUIRED,
  STATUS_ACCESS_DENIED,
  STATUS_BUFFER_TOO_SMALL,
  STATUS_DELETE_PENDING,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_DEVICE_NOT_READY,
  STATUS_IO_TIMEOUT,
  STATUS_NOT_SUPPORTED,
  STATUS_INTERNAL_ERROR,
  STATUS_CANCELLED,
  STATUS_INVALID_DEVICE_STATE,
  STATUS_IO_DEVICE_ERROR,
  STATUS_INVALID_BUFFER_SIZE,
  STATUS_NOT_FOUND,
  STATUS_NO_MATCH,
  STATUS_DEVICE_REMOVED,
  STATUS_WDF_NO_PACKAGE,
  STATUS_WDF_INTERNAL_ERROR,
  STATUS_WDF_PAUSED,
  STATUS_WDF_BUSY,
  STATUS_WDF_REQUEST_ALREADY_PENDING,
  STATUS_WDF_REQUEST_INVALID_STATE,
  STATUS_WDF_OBJECT_ATTRIBUTES_INVALID,
  STATUS_WDF_TOO_FRAGMENTED,
  STATUS_WDF_NO_CALLBACK,
  STATUS_WDF_INCOMPATIBLE_EXECUTION_LEVEL,
  STATUS_WDF_PARENT_ALREADY_ASSIGNED,
  STATUS_WDF_PARENT_IS_SELF,
  STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED,
  STATUS_WDF_SYNCHRONIZATION_SCOPE_INVALID,
  STATUS_WDF_EXECUTION_LEVEL_INVALID,
  STATUS_WDF_PARENT_NOT_SPECIFIED,
  STATUS_WDF_TOO_MANY_TRANSFERS,
  STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS,
};

const valuesByName = new Map<string, NtStatus>(Object.entries(named));
const namesByValue = new Map<NtStatus, string>(Object.entries(named).map(([name, value]) => [value, name]));

/** True for success and informational values: the sign bit is clear, as in the Windows macro. */
export function NT_SUCCESS(status: NtStatus): boolean {
  return status >= 0;
}

/** `STATUS_CANCELLED` and so on; a value without a name is printed as eight hex digits. */
export function statusName(status: NtStatus): string {
  return namesByValue.get(status) ?? `0x${(status >>> 0).toString(16).padStart(8, '0')}`;
}

/** The value of a status name, with or without the `STATUS_` prefix; undefined for a name nobody knows. */
export function statusByName(name: string): NtStatus | undefined {
  return valuesByName.get(name) ?? valuesByName.get(`STATUS_${name}`);
}
