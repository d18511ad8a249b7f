import { BugCheck, InternalError, UsageError } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';

/** Folder of the lab's own compiled code; scenarios in it count as code under test. */
const LAB = new URL('../', import.meta.url).href;
const SCENARIOS = new URL('../scenarios/', import.meta.url).href;

/**
 * What an execution threw, sorted into the three kinds: a BugCheck is recorded already, usage and internal errors pass
 * on, and an exception of the driver's or device's own code becomes the finding L-DRIVER-THREW. Which code threw is
 * told by the innermost frames of the stack.
 */
export function recordThrown(error: unknown, kernel: Kernel): void {
  if (error instanceof BugCheck) return;
  if (error instanceof UsageError || error instanceof InternalError) throw error;
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const place = error instanceof Error ? placeOf(error) : 'a place it does not tell';
  // Neither the code under test nor a call it made: the lab's own defect.
  if (place === null) throw error;
  try {
    kernel.violation({
      rule: 'L-DRIVER-THREW',
      severity: 'crash',
      object: kernel.current.top?.name ?? null,
      message: `the code under test threw ${what} at ${place}`,
    });
  } catch (bugCheck) {
    if (!(bugCheck instanceof BugCheck)) throw bugCheck;
  }
}

/**
 * Where the code under test threw: the innermost frame of the stack is its own, or it is of a framework call that this
 * code made directly, with an argument nothing can be done with. Null: the lab threw by itself.
 */
function placeOf(error: Error): string | null {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at .*file:/.test(line));
  const index = frames.slice(0, 4).findIndex((frame) => !frame.includes(LAB) || frame.includes(SCENARIOS));
  if (index < 0) return null;
  const place = /(file:[^)\s]+)/.exec(frames[index]!)?.[1] ?? frames[index]!.trim();
  return index === 0 ? place : `${place}, in a framework call that cannot take its argument`;
}
