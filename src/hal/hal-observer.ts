/** Hears every call on the HAL boundary, in order; conformance compares it with the trace of the reference run. */
export interface HalObserver {
  /** An allocation request was answered; `grant` is 0 unless it was granted with registers. */
  allocate(registers: number, answer: 'granted' | 'queued' | 'refused' | 'too-many', grant: number): void;
  /** A waiting request got its registers. */
  grantWaiting(grant: number, registers: number): void;
  free(grant: number, registers: number): void;
  cancelAllocation(found: boolean): void;
  map(offset: number, askedBytes: number, mappedBytes: number, deviceAddressOffset: number | null): void;
  mapFailed(why: 'cancelled' | 'nothing'): void;
  flush(offset: number, lengthBytes: number): void;
  cancelMapped(found: 'running' | 'marked' | 'already'): void;
  listTooSmall(): void;
}
