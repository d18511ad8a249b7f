import { Mdl } from '../hal/index.js';
import type { RequestType, RequestorMode } from './request-state.js';

/** What the I/O manager builds of a DeviceIoControl call, or another driver of its internal one. */
export interface IoControl {
  /** Default RequestType.DeviceControl. */
  readonly type?: RequestType;
  /** See `ctlCode`; its low bits are the transfer method. */
  readonly ioControlCode: number;
  readonly inputBufferLengthBytes: number;
  readonly outputBufferLengthBytes: number;
  /** Input, and for METHOD_BUFFERED output: one block long enough for the longer of them. */
  readonly systemBuffer?: Mdl | null;
  /** The caller's locked output buffer; of METHOD_NEITHER what its output address names. */
  readonly mdl?: Mdl | null;
  /** Default `user`. */
  readonly requestorMode?: RequestorMode;
}

/** MmBuildMdlForNonPagedPool over the first `lengthBytes` of a system buffer. */
export function allocateSystemMdl({ frames, byteOffset }: Mdl, lengthBytes: number): Mdl {
  return new Mdl(frames, byteOffset, lengthBytes);
}
