import type { DeviceControlMethod } from './dma-host.js';

/** Low two bits of a control code: how its buffers reach the driver. */
export const IoControlMethod = {
  /** METHOD_BUFFERED: one system buffer for both ways. */
  Buffered: 0,
  /** METHOD_IN_DIRECT: a system buffer, and the caller's locked output buffer, which the driver reads. */
  InDirect: 1,
  /** METHOD_OUT_DIRECT: the same; the driver writes it. */
  OutDirect: 2,
  /** METHOD_NEITHER: the caller's addresses as they are. */
  Neither: 3,
} as const;
export type IoControlMethod = (typeof IoControlMethod)[keyof typeof IoControlMethod];

export const FILE_DEVICE_UNKNOWN = 0x22;
/** Access bits of a control code. */
export const FILE_ANY_ACCESS = 0;

const FUNCTION_CODES = 0x1000;
const DEVICE_TYPES = 0x1_0000;

/** CTL_CODE. Function codes from 0x800 on are free for vendors; `deviceType` is 16 bits, `functionCode` 12. */
export function ctlCode(deviceType: number, functionCode: number, method: IoControlMethod, access = FILE_ANY_ACCESS): number {
  return (deviceType % DEVICE_TYPES) * 0x1_0000 + access * 0x4000 + (functionCode % FUNCTION_CODES) * 4 + method;
}

const METHODS: readonly DeviceControlMethod[] = ['Buffered', 'InDirect', 'OutDirect', 'Neither'];

/** METHOD_FROM_CTL_CODE. */
export function methodOf(ioControlCode: number): DeviceControlMethod {
  return METHODS[ioControlCode % METHODS.length]!;
}
