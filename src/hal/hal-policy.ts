/**
 * Where public material leaves the HAL a choice (kmdf hal.md, "HAL policies"). The defaults are those the
 * conformance vectors were made with.
 */
export interface HalPolicy {
  /** Waiting requests are granted inside the call that frees what they need, or later from a DPC. Default `freeing-call`. */
  readonly grantContext: 'freeing-call' | 'dpc';
  /** CancelAdapterChannel may mark an allocation that is about to be made, which then fails. Default false. */
  readonly preCancel: boolean;
  /** A request that waits at the head of its queue starves (L-STARVATION) when so many of other adapters were granted. Default 0: nobody counts as starved. */
  readonly starvationGrants: number;
  /** Drivers reach a 64-bit field of a common buffer in two halves, as a processor of 32 bits does. Default false. */
  readonly tornFields: boolean;
}

export const defaultHalPolicy: HalPolicy = { grantContext: 'freeing-call', preCancel: false, starvationGrants: 0, tornFields: false };

/**
 * How a device reaches a buffer's pages:
 * `direct` - every frame at a constant offset; `bounce` - through pages the HAL owns, copied at map and flush;
 * `iommu` - through pages of a translation window that point at the caller's frames.
 */
export type Addressing = 'direct' | 'bounce' | 'iommu';

/** Nested execution routines on one virtual CPU: deeper is a driver that completes inside EvtProgramDma for ever. */
export const GRANT_DEPTH_MAX = 256;
