import { DONE, type Op } from '../../kernel/index.js';
import { conflicts } from '../strategies/conflict.js';
import type { StrandModel } from './strand-program.js';

/** What a search that ends came to. */
export interface TraceSearchResult {
  /** Executions to the end, each of another Mazurkiewicz trace. */
  readonly executions: number;
  /** Executions given up because all that was left had been explored from elsewhere. */
  readonly sleepSetBlocked: number;
  /** Executions that broke the model's rule. */
  readonly wrong: number;
}

/** One operation of the present execution, and the node of the search it was chosen at. Sets of strands are bit masks. */
interface Event {
  strand: number;
  op: Op;
  /** By strand: index of its last event that happens before this one or is this one, -1 for none. */
  readonly clock: Int32Array;
  /** Strands to start from here; those that have been are in `done`. */
  backtrack: number;
  done: number;
  /** Strands whose next operation has been explored from an equivalent place. */
  sleep: number;
}

/**
 * Dynamic partial-order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014; after
 * Flanagan, Godefroid, POPL 2005): of all schedules that differ only in the order of independent operations
 * it executes one. Sound where each operation touches the one object it names, and no operation disables
 * another strand's: true of strand models. The strategy `dpor` does the same on whole machines.
 */
export class SourceDpor {
  readonly #events: Event[] = [];
  readonly #races: number[] = [];
  #length = 0;
  #executions = 0;
  #blocked = 0;
  #wrong = 0;

  /** `dependent` says which operations' order matters; default: same object, not both reads. At most 31 strands. */
  constructor(
    private readonly model: StrandModel,
    private readonly dependent: (a: Op, b: Op) => boolean = conflicts,
  ) {
    if (model.strands.length > 31) throw new RangeError(`${model.name} has ${model.strands.length} strands, more than 31`);
  }

  /** Searches until nothing is left. */
  run(): TraceSearchResult {
    this.#length = 0;
    this.#executions = this.#blocked = this.#wrong = 0;
    let prefix = 0;
    do {
      this.#replay(prefix);
      this.#extend();
      prefix = this.#backtrack();
    } while (prefix > 0);
    return { executions: this.#executions, sleepSetBlocked: this.#blocked, wrong: this.#wrong };
  }

  /** The first `length` events again; the last of them is a new choice. */
  #replay(length: number): void {
    this.model.reset();
    for (let at = 0; at < length; at++) this.#perform(at, at === length - 1);
    this.#length = length;
  }

  #extend(): void {
    const { strands } = this.model;
    for (;;) {
      const sleep = this.#sleepAfter(this.#length - 1);
      let enabled = 0;
      for (let i = 0; i < strands.length; i++) if (strands[i]!.pending !== DONE) enabled |= 1 << i;
      if (enabled === 0) {
        this.#executions++;
        if (this.model.isWrong()) this.#wrong++;
        return;
      }
      const awake = enabled & ~sleep;
      if (awake === 0) {
        this.#blocked++;
        return;
      }
      const event = this.#eventAt(this.#length);
      event.sleep = sleep;
      event.done = 0;
      event.strand = lowestOf(awake);
      event.backtrack = 1 << event.strand;
      this.#perform(this.#length++, true);
    }
  }

  #eventAt(index: number): Event {
    const { strands } = this.model;
    return (this.#events[index] ??= { strand: 0, op: DONE, clock: new Int32Array(strands.length), backtrack: 0, done: 0, sleep: 0 });
  }

  /** Who sleeps after the event: who slept or was done at its node, unless the event woke it. Now is after the event. */
  #sleepAfter(index: number): number {
    if (index < 0) return 0;
    const { strand, op, sleep, done } = this.#events[index]!;
    const candidates = (sleep | done) & ~(1 << strand);
    let after = 0;
    for (let i = 0; i < this.model.strands.length; i++) {
      if ((candidates & (1 << i)) !== 0 && !this.dependent(this.model.strands[i]!.pending, op)) after |= 1 << i;
    }
    return after;
  }

  /** Performs the event's operation; a new one is ordered among those before, and its races are noted. */
  #perform(index: number, isNew: boolean): void {
    const event = this.#events[index]!;
    const strand = this.model.strands[event.strand]!;
    event.op = strand.pending;
    if (isNew) {
      this.#order(index);
      for (const race of this.#races) this.#reverse(race, index);
    }
    strand.step();
  }

  /** The event's clock. A conflicting event that nothing in between orders before it races with it. */
  #order(index: number): void {
    const { clock, strand, op } = this.#events[index]!;
    this.#races.length = 0;
    clock.fill(-1);
    for (let i = index - 1; i >= 0; i--) {
      const earlier = this.#events[i]!;
      const isOwn = earlier.strand === strand;
      if (clock[earlier.strand]! >= i || (!isOwn && !this.dependent(earlier.op, op))) continue;
      if (!isOwn) this.#races.push(i);
      for (let s = 0; s < clock.length; s++) clock[s] = Math.max(clock[s]!, earlier.clock[s]!);
    }
    clock[strand] = index;
  }

  #happensBefore(i: number, j: number): boolean {
    return this.#events[j]!.clock[this.#events[i]!.strand]! >= i;
  }

  /**
   * Sees to it that the two racing events are also tried the other way round: from before `first`, some strand starts
   * that can begin what is between them without `first`, followed by `second`.
   */
  #reverse(first: number, second: number): void {
    const node = this.#events[first]!;
    let initials = 0;
    let seen = 0;
    for (let j = first + 1; j <= second; j++) {
      if (j !== second && this.#happensBefore(first, j)) continue;
      const bit = 1 << this.#events[j]!.strand;
      if ((seen & bit) === 0 && !this.#hasPredecessor(first, j)) initials |= bit;
      seen |= bit;
    }
    if ((initials & node.backtrack) === 0) node.backtrack |= 1 << lowestOf(initials);
  }

  /** Whether something between `first` and `j` that does not depend on `first` happens before `j`. */
  #hasPredecessor(first: number, j: number): boolean {
    for (let i = first + 1; i < j; i++) if (!this.#happensBefore(first, i) && this.#happensBefore(i, j)) return true;
    return false;
  }

  /** Takes the next choice at the last node that has one; length of the prefix to replay, 0 at the end of the search. */
  #backtrack(): number {
    for (let index = this.#length - 1; index >= 0; index--) {
      const event = this.#events[index]!;
      event.done |= 1 << event.strand;
      const left = event.backtrack & ~event.done & ~event.sleep;
      if (left === 0) continue;
      event.strand = lowestOf(left);
      return index + 1;
    }
    return 0;
  }
}

function lowestOf(set: number): number {
  return 31 - Math.clz32(set & -set);
}
