import { OpKind } from '../kernel/index.js';

const CALLS = [OpKind.Call, OpKind.Update, OpKind.Grant] as const;
const SYNCHRONISATION = [...CALLS, OpKind.Acquire, OpKind.Release, OpKind.Wait, OpKind.Signal, OpKind.Deliver] as const;

/** Kinds of operations before which the scheduler is asked; devices, interrupts and whoever cannot go on are chosen with every one. `words` has points beside these. */
const kindsOf = {
  calls: CALLS,
  synchronisation: SYNCHRONISATION,
  all: Object.values(OpKind),
  words: Object.values(OpKind),
} as const satisfies Record<string, readonly OpKind[]>;

/**
 * How often a controlled execution may switch: before framework calls only; before locks, events and deliveries, too;
 * or before every operation, register accesses included (default). `words`: also before every access to a word of a common buffer,
 * where only devices and what is on the bus can go first.
 */
export type Granularity = keyof typeof kindsOf;
export const GRANULARITIES = Object.keys(kindsOf) as readonly Granularity[];

/** The kinds as a word with a bit each. */
export function kindMask(granularity: Granularity): number {
  return kindsOf[granularity].reduce<number>((mask, kind) => mask | (1 << kind), 0);
}
