import {
  STATUS_DEVICE_BUSY,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INTERNAL_ERROR,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_WDF_BUSY,
  STATUS_WDF_INTERNAL_ERROR,
  STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS,
  STATUS_WDF_PAUSED,
  type NtStatus,
} from '../nt/index.js';

const WDF_FACILITY = 0x00200000;

/** What the requester gets to see: framework-private codes never reach it (ddi.md section 2, "Status mapping"). */
export function requesterStatus(status: NtStatus): NtStatus {
  if ((status & 0x0fff0000) !== WDF_FACILITY) return status;
  switch (status) {
    case STATUS_WDF_PAUSED:
    case STATUS_WDF_BUSY:
      return STATUS_DEVICE_BUSY;
    case STATUS_WDF_INTERNAL_ERROR:
      return STATUS_INTERNAL_ERROR;
    case STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS:
      return STATUS_INSUFFICIENT_RESOURCES;
    default:
      return STATUS_INVALID_DEVICE_REQUEST;
  }
}
