/**
 * The one place that touches `Atomics` (a tidy test keeps it so). Thin functions, inlined by V8.
 * All of them work on shared and on private memory, except that waiting needs shared memory.
 */
export const load = (words: Int32Array, index: number): number => Atomics.load(words, index);
export const store = (words: Int32Array, index: number, value: number): number => Atomics.store(words, index, value);
export const load64 = (words: BigInt64Array, index: number): bigint => Atomics.load(words, index);
export const store64 = (words: BigInt64Array, index: number, value: bigint): bigint => Atomics.store(words, index, value);
export const add = (words: Int32Array, index: number, value: number): number => Atomics.add(words, index, value);
export const or = (words: Int32Array, index: number, mask: number): number => Atomics.or(words, index, mask);
export const and = (words: Int32Array, index: number, mask: number): number => Atomics.and(words, index, mask);
export const exchange = (words: Int32Array, index: number, value: number): number => Atomics.exchange(words, index, value);

/** Stores `value` if the word still holds `expected`; returns what the word held. */
export function compareExchange(words: Int32Array, index: number, expected: number, value: number): number {
  return Atomics.compareExchange(words, index, expected, value);
}

export const notify = (words: Int32Array, index: number): number => Atomics.notify(words, index);

export type WaitResult = 'ok' | 'not-equal' | 'timed-out';

/** Blocks the thread, event loop included: engine workers always, the main thread only from the CLI and with a bound. */
export function waitBlocking(words: Int32Array, index: number, seen: number, timeoutMs: number): WaitResult {
  return Atomics.wait(words, index, seen, timeoutMs);
}

interface WaitAsync {
  waitAsync(
    words: Int32Array,
    index: number,
    seen: number,
    timeoutMs: number,
  ): { async: false; value: WaitResult } | { async: true; value: Promise<WaitResult> };
}

/** Waits without blocking the caller's event loop; a pending wait does not keep the process alive. */
export async function waitOnLoop(words: Int32Array, index: number, seen: number, timeoutMs: number): Promise<WaitResult> {
  const result = (Atomics as unknown as WaitAsync).waitAsync(words, index, seen, timeoutMs);
  return result.value;
}
