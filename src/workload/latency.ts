import { createHistogram } from 'node:perf_hooks';

/** Nanoseconds; longer waits are counted as this. */
const LATENCY_NS_MAX = 3_600_000_000_000;

export interface LatencySummary {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Request latencies in Node's HDR histogram: three figures from a nanosecond to an hour. */
export class LatencyRecorder {
  readonly #histogram = createHistogram({ lowest: 1, highest: LATENCY_NS_MAX, figures: 3 });

  record(ns: number): void {
    this.#histogram.record(ns < 1 ? 1 : ns > LATENCY_NS_MAX ? LATENCY_NS_MAX : Math.round(ns));
  }

  add(other: LatencyRecorder): void {
    this.#histogram.add(other.#histogram);
  }

  /** Zeroes when nothing was recorded. */
  summary(): LatencySummary {
    const h = this.#histogram;
    if (h.count === 0) return { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    return { p50: h.percentile(50), p90: h.percentile(90), p99: h.percentile(99), p999: h.percentile(99.9), max: h.max };
  }

  /** Clearing a histogram of this range costs as much as a small execution: not for one that is empty. */
  reset(): void {
    if (this.#histogram.count > 0) this.#histogram.reset();
  }
}
