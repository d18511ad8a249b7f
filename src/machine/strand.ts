import type { Op } from '../kernel/index.js';

export type StrandKind = 'vcpu' | 'engine' | 'interrupt' | 'bus' | 'timer' | 'actor';

/**
 * Anything that runs, as the scheduler sees it: it stands before one operation, it can go on or not, and when it is
 * chosen it performs that operation and runs to its next point. Ids are places in the machine's list; virtual CPUs
 * come first, so a vCPU's id is its strand's.
 */
export interface Strand {
  readonly id: number;
  readonly kind: StrandKind;
  readonly name: string;
  readonly pending: Op;
  isEnabled(): boolean;
  /** `pending` of a strand that is enabled, DONE of another: both in one look, for schedulers. */
  enabledOp(): Op;
  /** `op` is what `enabledOp` has just said. */
  advance(op: Op): void;
}
