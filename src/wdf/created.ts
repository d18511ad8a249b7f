import type { NtStatus } from '../nt/index.js';

/** Result of a WdfXxxCreate: the status KMDF returns and, on success, the handle. */
export type Created<T> =
  { readonly ok: true; readonly status: NtStatus; readonly object: T } | { readonly ok: false; readonly status: NtStatus };
