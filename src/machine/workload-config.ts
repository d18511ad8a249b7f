/** The traffic a scenario drives through its devices. */
export interface WorkloadConfig {
  /** Requests to complete in all; the run ends at this or at the duration, whichever is first. */
  readonly requests: number;
  /** Closed loop: requests in flight per device. Default 8. */
  readonly outstanding: number;
  /** Open loop: requests due per second per device; 0 means closed loop. Latency counts from the due time, so coordinated omission does not hide waiting. */
  readonly ratePerSecond: number;
  /** Share of reads, as a ratio out of 100. Default 50. */
  readonly readsPercent: number;
  /** Transfer lengths are drawn from this range, log-uniformly. */
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Buffer start and length are multiples of this. Default 4. */
  readonly alignBytes: number;
  /** Most MDLs chained to one buffer. Default 3. */
  readonly maxMdls: number;
  /** Compare every byte of every completed request. Default true; benchmarks turn it off. */
  readonly verifyPayload: boolean;
}
