/** The seam for the host's event loop: the only file that sets host timers. */

/** Gives the event loop one full turn, so that worker messages, signals and timers are served. */
export function hostTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves after `ms` of wall time; keeps the process alive meanwhile. */
export function hostDelay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Calls `tick` every `ms` until the returned function is called; does not keep the process alive. */
export function hostInterval(ms: number, tick: () => void): () => void {
  const timer = setInterval(tick, ms);
  timer.unref();
  return () => clearInterval(timer);
}
