import { LockSets } from './lock-sets.js';
import type { ActivationKind } from './virtual-cpu.js';

/** Who makes an access: an activation, or a device. */
export type TaskKind = ActivationKind | 'device';

/** What is remembered of a running activation. */
export class RaceTask {
  kind: TaskKind = 'thread';
  name = '';
  locks = 0;
  readonly callbacks: string[] = [];
  /** Number of the present site; -1 until an access asks for it. */
  site = -1;

  begin(kind: TaskKind, name: string): void {
    this.kind = kind;
    this.name = name;
    this.locks = 0;
    this.callbacks.length = 0;
    this.site = -1;
  }
}

/** Where an access stood, without its moment: who, in which callback, holding what. */
interface Site {
  readonly kind: TaskKind;
  readonly name: string;
  readonly callback: string;
  readonly locks: number;
}

/** One of the two accesses of a race: where it stood, and what it does or did. */
interface RacingAccess {
  readonly site: number;
  readonly verb: string;
}

const DEVICE_ORDER = 'no register written before the step, and no word observed, register read or interrupt taken behind it';

/** Where accesses stand, as small numbers, and what is said of two of them that race. */
export class RaceSites {
  readonly lockSets = new LockSets();
  readonly #sites: Site[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #lockNames = new Map<number, string>();
  readonly #interruptLocks = new Set<number>();

  /** Locks have other names in another execution. */
  reset(): void {
    this.#lockNames.clear();
    this.#interruptLocks.clear();
  }

  nameLock(objectId: number, name: string, isInterruptLock: boolean): void {
    this.#lockNames.set(objectId, name);
    if (isInterruptLock) this.#interruptLocks.add(objectId);
  }

  /** `locks` as a number of `lockSets`. */
  number(kind: TaskKind, name: string, callback: string, locks: number): number {
    const key = `${kind}|${name}|${callback}|${locks}`;
    let site = this.#numbers.get(key);
    if (site === undefined) {
      site = this.#sites.length;
      this.#sites.push({ kind, name, callback, locks });
      this.#numbers.set(key, site);
    }
    return site;
  }

  /** The finding of a race of `name`: now the later access, before the earlier one. */
  describe(name: string, later: RacingAccess, earlier: RacingAccess): { readonly rule: string; readonly message: string } {
    const now = this.#sites[later.site]!;
    const before = this.#sites[earlier.site]!;
    const withDevice = now.kind === 'device' || before.kind === 'device';
    const withIsr = now.kind === 'isr' || before.kind === 'isr' || this.#isInterruptSide(now) !== this.#isInterruptSide(before);
    const wanted = withDevice ? DEVICE_ORDER : this.#missing(now, before, withIsr);
    return {
      rule: withIsr && !withDevice ? 'D17' : 'L-DATA-RACE',
      message: `${this.#whoIs(now)} ${later.verb} ${name}${this.#holding(now)}; ${this.#whoIs(before)} ${earlier.verb} it${this.#holding(before)}, and nothing orders the two: ${wanted}`,
    };
  }

  #isInterruptSide({ locks }: Site): boolean {
    return this.lockSets.locksOf(locks).some((lock) => this.#interruptLocks.has(lock));
  }

  #whoIs({ name, callback }: Site): string {
    return callback === '' ? name : `${callback} (${name})`;
  }

  #holding({ kind, locks }: Site): string {
    if (kind === 'device') return '';
    const held = this.lockSets.locksOf(locks);
    return held.length === 0 ? ' without a lock' : ` holding ${this.#lockNamesOf(held)}`;
  }

  #lockNamesOf(locks: readonly number[]): string {
    return locks.map((lock) => this.#lockNames.get(lock)!).join(' and ');
  }

  #missing(now: Site, before: Site, withIsr: boolean): string {
    const held = [...this.lockSets.locksOf(now.locks), ...this.lockSets.locksOf(before.locks)];
    const wanted = withIsr ? held.filter((lock) => this.#interruptLocks.has(lock)) : held;
    if (wanted.length === 0) return 'both need one lock';
    if (now.locks !== 0 && before.locks !== 0 && !withIsr) return 'they hold no lock in common';
    const lacking = this.lockSets.locksOf(now.locks).includes(wanted[0]!) ? before : now;
    return `${this.#whoIs(lacking)} must hold ${this.#lockNamesOf(wanted.slice(0, 1))}`;
  }
}
