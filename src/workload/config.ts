/** The traffic a scenario drives through its devices. */
export interface WorkloadConfig {
  /**
   * What requests mean. `storage` (default): each moves bytes between a buffer and a place in the device's memory.
   * `loopback`: writes are frames, which the device sends back, and reads take frames in; a read goes with each write, so
   * reads are at most half of the requests, and all of them have room for `maxBytes`.
   */
  readonly traffic: 'storage' | 'loopback';
  /** Requests to complete over all devices, split evenly; Infinity runs until the duration ends. */
  readonly requests: number;
  /** Closed loop: requests in flight per device. Default 8. */
  readonly outstanding: number;
  /** Threads that submit, each on the next virtual CPU: EvtIo of one request runs beside the DPC of another. Default 2. */
  readonly applications: number;
  /** Open loop: requests due per second per device; 0 (default) means closed loop. Latency counts from the due time, so that coordinated omission does not hide waiting. */
  readonly ratePerSecond: number;
  /** Share of reads in percent. Default 50. */
  readonly readsPercent: number;
  /**
   * Which requests belong to the shares of reads and of cancellations. `drawn` (default): each by chance. `even`: the first
   * one and from there on every so many, whatever the seed; for a few requests that must be of both kinds.
   */
  readonly shares: 'drawn' | 'even';
  /** Share, in percent, of the reads and writes that are issued as device control requests, see IOCTL_TRANSFER_READ. Default 0. */
  readonly deviceControlPercent: number;
  /** Share of all requests, in percent, that are `controlCode` without buffers instead; each must succeed. Default 0. */
  readonly controlPercent: number;
  readonly controlCode: number;
  /** Transfer lengths are drawn log-uniformly from minBytes..maxBytes. Defaults 64 and 16384. */
  readonly minBytes: number;
  readonly maxBytes: number;
  /** Buffer starts, piece lengths and device offsets are multiples of this. Default 4. */
  readonly alignBytes: number;
  /** Most MDLs chained to one buffer. Default 3. */
  readonly maxMdls: number;
  /** Requests that are cancelled while they live, per million. Default 0. */
  readonly cancelPerMillion: number;
  /** Chance per submitted request, in millionths, that the device goes to D3 and back meanwhile. Default 0. */
  readonly powerCyclesPerMillion: number;
  /** Chance per submitted request, in millionths, that the hardware is pulled out; that ends the device's traffic. Default 0. */
  readonly unplugPerMillion: number;
  /** Compare every byte of every completed request. Default true; benchmarks turn it off. */
  readonly verifyPayload: boolean;
}

export const workloadDefaults: WorkloadConfig = {
  traffic: 'storage',
  requests: Infinity,
  outstanding: 8,
  applications: 2,
  ratePerSecond: 0,
  readsPercent: 50,
  shares: 'drawn',
  deviceControlPercent: 0,
  controlPercent: 0,
  controlCode: 0,
  minBytes: 64,
  maxBytes: 16384,
  alignBytes: 4,
  maxMdls: 3,
  cancelPerMillion: 0,
  powerCyclesPerMillion: 0,
  unplugPerMillion: 0,
  verifyPayload: true,
};
