import { SeededRandom } from '../kernel/index.js';
import { PLATFORM_FAULT_KINDS, type PlatformFaultKind } from './fault-kind.js';
import type { FaultPlan } from './fault-plan.js';

/** No call is singled out. */
export const NO_CALL = 0;

/**
 * The platform's side of a fault plan, asked by the HAL and the framework at the places where Windows may say no.
 * Draws come from one seeded source, in the order of the calls: the same schedule gives the same faults.
 *
 * A *fallible call* is one that may fail for want of resources: a common buffer, a scatter/gather list, map registers,
 * an adapter, a transaction. They are counted from 1; `failCall` makes exactly that one fail, whatever the plan says.
 */
export class PlatformFaults {
  /** Fallible calls made so far. */
  calls = 0;
  /** The call to fail; NO_CALL for none. Survives `reset`. */
  failCall = NO_CALL;
  /** Bit n: the n-th fault that is drawn, of the first 32, does not happen. Survives `reset`. */
  leftOut = 0;
  /** What the call that `failCall` names was for; null until it has failed. */
  failedCall: string | null = null;
  #drawn = 0;
  readonly #plan: FaultPlan;
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #injected: Record<PlatformFaultKind, number> = { 'allocation-failure': 0, 'short-map': 0, 'delayed-grant': 0 };

  constructor(plan: FaultPlan, seed: number) {
    this.#plan = plan;
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
  }

  /** As before the first draw. */
  reset(): void {
    this.calls = 0;
    this.failedCall = null;
    this.#drawn = 0;
    this.#random.reseed(this.#seed);
    for (const kind of PLATFORM_FAULT_KINDS) this.#injected[kind] = 0;
  }

  injected(kind: PlatformFaultKind): number {
    return this.#injected[kind];
  }

  /** Asked once by every fallible call, before it takes anything. True: it must fail. `what` names the call in reports. */
  failsAllocation(what: string): boolean {
    this.calls++;
    if (this.calls === this.failCall) {
      this.failedCall = what;
      this.#injected['allocation-failure']++;
      return true;
    }
    return this.#draw('allocation-failure');
  }

  /** MapTransfer is to map less than it could. Only asked when it can: `shortens` counts at once. */
  shortensMap(): boolean {
    return this.#draw('short-map');
  }

  /** An allocation that could be granted at once is to wait for its turn. */
  delaysGrant(): boolean {
    return this.#draw('delayed-grant');
  }

  #draw(kind: PlatformFaultKind): boolean {
    const ratio = this.#plan[kind];
    if (ratio === undefined || ratio.numerator === 0 || !this.#random.chance(ratio.numerator, ratio.denominator)) return false;
    const drawn = this.#drawn++;
    if (drawn < 32 && (this.leftOut & (1 << drawn)) !== 0) return false;
    this.#injected[kind]++;
    return true;
  }
}
