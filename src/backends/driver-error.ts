import { BugCheck, InternalError, UsageError } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';

/** Folder of the lab's own compiled code; scenarios in it count as code under test. */
const LAB = new URL('../', import.meta.url).href;
const SCENARIOS = new URL('../scenarios/', import.meta.url).href;

/**
 * What an execution threw, sorted into the three kinds: a BugCheck is recorded already, usage and internal errors pass
 * on, and an exception of the driver's or device's own code becomes the finding L-DRIVER-THREW. Which code threw is
 * told by the first frame of the stack that names a file.
 */
export function recordThrown(error: unknown, kernel: Kernel): void {
  if (error instanceof BugCheck) return;
  if (error instanceof UsageError || error instanceof InternalError || !(error instanceof Error)) throw error;
  const frame = (error.stack ?? '').split('\n').find((line) => line.includes('file:'));
  if (frame === undefined || (frame.includes(LAB) && !frame.includes(SCENARIOS))) throw error;
  const place = /(file:[^)\s]+)/.exec(frame)?.[1] ?? frame.trim();
  try {
    kernel.violation({ rule: 'L-DRIVER-THREW', severity: 'crash', object: kernel.current.top?.name ?? null, message: `the code under test threw ${error.name}: ${error.message} at ${place}` });
  } catch (bugCheck) {
    if (!(bugCheck instanceof BugCheck)) throw bugCheck;
  }
}
