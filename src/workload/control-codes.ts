import { FILE_DEVICE_UNKNOWN, IoControlMethod, ctlCode } from '../wdf/index.js';

/*
 * Control codes of the workload's own: a driver that takes transfers as device control requests handles these. The
 * input buffer holds the byte offset on the device, low and high word; the output buffer is what is moved.
 */

/** From the device into the output buffer (METHOD_OUT_DIRECT). */
export const IOCTL_TRANSFER_READ = ctlCode(FILE_DEVICE_UNKNOWN, 0x800, IoControlMethod.OutDirect);
/** From the output buffer to the device (METHOD_IN_DIRECT). */
export const IOCTL_TRANSFER_WRITE = ctlCode(FILE_DEVICE_UNKNOWN, 0x801, IoControlMethod.InDirect);
/** Length of their input buffer. */
export const TRANSFER_INPUT_BYTES = 8;
