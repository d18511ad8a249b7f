/**
 * A scheduling point is one small integer: which object, and what is about to be done to it. Two operations on one
 * object depend on each other unless both only read it; partial-order reduction and race detection build on that.
 */
export type Op = number;

/** The strand has nothing left to do, or (an engine) waits for a doorbell. */
export const DONE: Op = -1;

export const OpKind = {
  /** A framework call with no finer meaning. */
  Call: 0,
  Read: 1,
  Write: 2,
  /** Atomic read-modify-write. */
  Update: 3,
  Acquire: 4,
  Release: 5,
  Wait: 6,
  Signal: 7,
  /** An interrupt, DPC or timer begins. */
  Deliver: 8,
  /** A device moves data. */
  Burst: 9,
  /** A waiter in the HAL gets its map registers or channel. */
  Grant: 10,
} as const;
export type OpKind = (typeof OpKind)[keyof typeof OpKind];

/** Kinds there are. */
export const OP_KINDS = Object.keys(OpKind).length;

const opKindNames = Object.entries(OpKind)
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => name.toLowerCase());

export function makeOp(objectId: number, kind: OpKind): Op {
  return (objectId << 4) | kind;
}
export const opObject = (op: Op): number => op >> 4;
export const opKind = (op: Op): OpKind => (op & 15) as OpKind;
export const opKindName = (op: Op): string => (op === DONE ? 'done' : (opKindNames[op & 15] ?? 'unknown'));

/**
 * The type of everything that may be suspended: driver callbacks, framework calls, locks, register accesses.
 * It is called as `yield* f()` and in no other way; a lint rule with types checks that, see docs/architecture.md.
 */
export type Suspending<T> = Generator<Op, T, unknown>;
