/** The seam for time. Inside a controlled execution time is virtual and moves only when a timer fires. */
export interface Clock {
  /** Nanoseconds since some fixed moment; never runs backwards. */
  nowNs(): number;
}

/** Wall time, for free-running backends, statistics and progress only; the one user of `performance.now`. */
export class HostClock implements Clock {
  nowNs(): number {
    return Math.round(performance.now() * 1e6);
  }
}

/** Wall time on one scale in all threads of the process, in milliseconds: what busy intervals of engines are stamped with. */
export function hostTimeMs(): number {
  return performance.timeOrigin + performance.now();
}

export class VirtualClock implements Clock {
  #nowNs = 0;

  nowNs(): number {
    return this.#nowNs;
  }

  advanceTo(timeNs: number): void {
    if (timeNs > this.#nowNs) this.#nowNs = timeNs;
  }

  reset(): void {
    this.#nowNs = 0;
  }
}
