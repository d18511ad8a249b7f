import { opKind, OpKind } from '../../kernel/index.js';
import { conflicts } from '../strategies/conflict.js';
import type { Trace, TraceStep } from './traced-run.js';

/** Two operations that the failing schedule performs in this order and the passing one in the other. */
export interface Reordering {
  /** Number of the operation in the failing execution. */
  readonly first: number;
  /** Number of the operation in the passing execution; in the failing one it comes later, or the finding comes before it. */
  readonly second: number;
  /** They touch one object; otherwise they are only where the schedules part. */
  readonly isConflict: boolean;
}

/** Pairs further apart than this behind the parting are not looked for. */
const WINDOW_STEPS = 300;

/**
 * The pair of operations on one object, of different code, that the two executions perform in opposite order: the first
 * behind the place where they part. Where there is none, the two operations at which they part. Null when they do not.
 */
export function findReordering(failing: Trace, passing: Trace): Reordering | null {
  const from = partingStep(failing.steps, passing.steps);
  if (from >= failing.steps.length || from >= passing.steps.length) return null;
  const [failingKeys, passingKeys] = [keysOf(failing.steps), keysOf(passing.steps)];
  const [inFailing, inPassing] = [placesOf(failingKeys), placesOf(passingKeys)];
  for (let a = from; a < Math.min(failing.steps.length, from + WINDOW_STEPS); a++) {
    const first = failing.steps[a]!;
    if (!isAccess(first)) continue;
    const end = Math.min(inPassing.get(failingKeys[a]!) ?? Infinity, passing.steps.length, from + WINDOW_STEPS);
    for (let b = from; b < end; b++) {
      const second = passing.steps[b]!;
      if (laneOf(first) === laneOf(second) || !conflicts(first.op, second.op)) continue;
      if ((inFailing.get(passingKeys[b]!) ?? Infinity) > a) return { first: a, second: b, isConflict: true };
    }
  }
  return { first: from, second: from, isConflict: false };
}

/** First operation that is not the same one's in both. */
export function partingStep(a: readonly TraceStep[], b: readonly TraceStep[]): number {
  let step = 0;
  while (step < a.length && step < b.length && a[step]!.strand === b[step]!.strand && a[step]!.op === b[step]!.op) step++;
  return step;
}

/** That something begins is no access to it. */
const isAccess = ({ op }: TraceStep): boolean => opKind(op) !== OpKind.Deliver;

/** Who performs it: an interrupt on a virtual CPU is not the code below it. */
const laneOf = ({ strand, callback }: TraceStep): string => `${strand}/${callback ?? ''}`;

/** Names the n-th performance of an operation by one strand, the same in executions that order them differently. */
function keysOf(steps: readonly TraceStep[]): string[] {
  const counts = new Map<string, number>();
  return steps.map((step) => {
    const name = `${laneOf(step)}/${step.op}`;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return `${name}/${count}`;
  });
}

function placesOf(keys: readonly string[]): Map<string, number> {
  return new Map(keys.map((key, index) => [key, index]));
}
