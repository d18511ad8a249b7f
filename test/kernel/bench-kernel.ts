import { expect } from 'chai';
import {
  EventKind,
  eventName,
  EventRing,
  Kernel,
  VirtualClock,
  type EventRecord,
  type Gate,
  type RandomSource,
  type Suspending,
} from '../../src/kernel/index.js';
import { BugCheck, type Violation } from '../../src/nt/index.js';

/** Suspends at every scheduling point, so that a test decides by `advance` who goes on. */
export const everyPoint: Gate = { at: () => true };

export function newKernel(gate?: Gate, vcpus = 2): Kernel {
  const kernel = new Kernel({ vcpus, clock: new VirtualClock(), events: new EventRing(1024) });
  if (gate !== undefined) kernel.gate = gate;
  return kernel;
}

/** A scheduling point with no meaning of its own. */
export function* point(kernel: Kernel, objectId = 0): Suspending<void> {
  const op = kernel.callOp(objectId);
  if (kernel.at(op)) yield op;
}

/** The body of a thread that makes one call: a call that need not be suspended has done its work when it is made. */
export function* oneCall(call: () => Suspending<void>): Suspending<void> {
  yield* call();
}

const ADVANCES_MAX = 10_000;

/** Advances enabled vCPUs until none is: the lowest id first, or drawn from `random`. Returns the advances made. */
export function runToEnd(kernel: Kernel, random?: RandomSource): number {
  for (let advances = 0; advances < ADVANCES_MAX; advances++) {
    const enabled = kernel.vcpus.filter((cpu) => cpu.isEnabled());
    if (enabled.length === 0) return advances;
    enabled[random?.below(enabled.length) ?? 0]!.advance();
  }
  throw new Error(`no end after ${ADVANCES_MAX} advances`);
}

/** The violation `run` dies of. */
export function crashOf(run: () => unknown): Violation {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(BugCheck);
    return (error as BugCheck).violation;
  }
  throw new Error('nothing was thrown');
}

/** The events so far as lines `CallbackEnter object cpu irql depth`, for reading in a diff. */
export function traceOf(kernel: Kernel, kinds: readonly EventKind[] = Object.values(EventKind)): string[] {
  const line = (e: EventRecord): string => `${eventName(e.kind)} object ${e.object} cpu ${e.strand} irql ${e.irql} depth ${e.depth}`;
  return [...kernel.events.newest()].filter(({ kind }) => kinds.some((known) => known === kind)).map(line);
}

/** A callback as the framework calls it: bracketed by `enter` and `leave`. */
export function* bracketed(kernel: Kernel, objectId: number, name: string, inside: () => Suspending<void>): Suspending<void> {
  const irql = kernel.enter(objectId, name);
  yield* inside();
  kernel.leave(irql, objectId, name);
}
