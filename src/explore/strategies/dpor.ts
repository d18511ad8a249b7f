import { DONE, opKind, opObject, OpKind, type Op } from '../../kernel/index.js';
import { InternalError, UsageError } from '../../nt/index.js';
import type { Machine } from '../../machine/machine.js';
import type { Strand } from '../../machine/strand.js';
import type { SearchProof } from '../../machine/report.js';
import type { Strategy } from '../../backends/strategy.js';
import { Footprint } from './footprint.js';
import { StepWatch, footprintOfOp } from './step-watch.js';
import { placeAtOrAfter } from './systematic.js';

/** Steps of one execution; a longer one is not taken apart, and the search is no proof then. */
export const DPOR_STEPS_MAX = 2000;

/** Leaps of time ahead of others in an execution, unless somebody says otherwise. */
export const LEAPS_MAX = 1;

/** Most strands: sets of them are bit masks. */
const STRANDS_MAX = 31;

/** One step of the present execution, and the node of the search it was chosen at. */
interface Step {
  strand: number;
  op: Op;
  footprint: Footprint;
  /** By strand: its last step that happens before this one or is this one, -1 for none. */
  readonly clock: Int32Array;
  enabled: number;
  /** Strands to start from here; those that have been are in `done`. */
  backtrack: number;
  done: number;
  /** Strands whose next step has been explored from an equivalent place, and what it touched. */
  sleep: number;
  readonly slept: (Footprint | null)[];
  /** Preemptions before this step. */
  preemptions: number;
  /** Level of its processor before this step; 0 for another strand. */
  irql: number;
}

/**
 * Dynamic partial-order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas, POPL 2014) on whole
 * machines: of all schedules that differ only in the order of independent steps it executes one to its end. What a step
 * touches is seen when it has been performed, see `StepWatch`; a model's step is the operation it names. With a bound on
 * preemptions sleep sets are off, and a race is also turned round where the strand of its first step got the processor
 * (Coons, Musuvathi, McKinley, OOPSLA 2013).
 */
export class Dpor implements Strategy {
  readonly #steps: Step[] = [];
  readonly #covered = new Int32Array(STRANDS_MAX);
  readonly #races: number[] = [];
  /** Strand of time, -1 when there is none. */
  #timers = -1;
  #watch: StepWatch | null = null;
  #machine: Machine | null = null;
  /** Steps that are taken as they were; the last of them is a new choice. */
  #prefix = 0;
  /** Steps begun in this execution. */
  #length = 0;
  /** The node for the next step has been made. */
  #arrived = false;
  #isOpen = false;
  /** All that was left had been explored from elsewhere: the rest of the execution is not looked at. */
  #isCut = false;
  #isStarted = false;
  #executions = 0;
  #redundant = 0;
  #tooLong = false;

  readonly #preemptionsMax: number;
  readonly #leapsMax: number;

  /** Within bounds: `preemptions` of an execution, default any number; `leaps` of time ahead of others, default 1. */
  constructor(
    readonly name: string = 'dpor',
    bounds: { readonly preemptions?: number; readonly leaps?: number } = {},
    /** Whether two steps depend on each other; only a test says something else. */
    private readonly dependent: (a: Footprint, b: Footprint) => boolean = (a, b) => a.dependsOn(b),
  ) {
    this.#preemptionsMax = bounds.preemptions ?? Infinity;
    this.#leapsMax = bounds.leaps ?? LEAPS_MAX;
  }

  get leftOut(): boolean {
    return this.#tooLong;
  }

  /** What the search has come to. */
  get proof(): SearchProof {
    return {
      executions: this.#executions,
      redundant: this.#redundant,
      preemptions: this.#preemptionsMax === Infinity ? null : this.#preemptionsMax,
      leaps: this.#leapsMax,
      tellsObjectsApart: this.#watch?.tellsObjectsApart ?? false,
    };
  }

  /** The steps of the execution that has ended, first to last. */
  get lastSteps(): readonly {
    readonly strand: number;
    readonly op: Op;
    readonly footprint: Footprint;
    readonly clock: Int32Array;
  }[] {
    return this.#steps.slice(0, this.#length);
  }

  watch(machine: Machine, strands: readonly Strand[]): void {
    if (strands.length > STRANDS_MAX) {
      throw new UsageError(
        'USAGE_PARAMETER',
        `the machine has ${strands.length} strands: processors, devices, vectors, cancellations, time`,
        {
          where: '--strategy',
          expected: `at most ${STRANDS_MAX} for ${this.name}; fewer devices or another strategy`,
        },
      );
    }
    this.#timers = strands.findIndex((strand) => strand.kind === 'timer');
    // Whether leaving a processor costs depends on more than what a step touches: with a bound, all their steps are dependent.
    if (machine !== this.#machine) this.#watch = new StepWatch(machine, strands, this.#preemptionsMax === Infinity);
    this.#machine = machine;
  }

  newExecution(): boolean {
    if (this.#isStarted && !this.#backtrack()) return false;
    this.#isStarted = true;
    this.#length = 0;
    this.#arrived = this.#isOpen = this.#isCut = false;
    return true;
  }

  pick(enabled: Int32Array, all: number, current: number): number {
    const count = this.#mayLeap(enabled, all) ? all : all - 1;
    // Without a bound any order will do, and who is first is no timer; with one, going on is free.
    const straight = placeAtOrAfter(enabled, count, this.#preemptionsMax === Infinity ? -1 : current);
    if (this.#isCut) return straight;
    this.#endStep();
    if (this.#isCut || !this.#fits()) return straight;
    if (this.#length >= this.#prefix) {
      let mask = 0;
      for (let i = 0; i < count; i++) mask |= 1 << enabled[i]!;
      return this.#extend(mask, enabled, count, straight);
    }
    const wanted = this.#steps[this.#length]!.strand;
    for (let i = 0; i < count; i++) {
      if (enabled[i] !== wanted) continue;
      this.#arrived = true;
      return i;
    }
    throw new InternalError(
      'SEARCH_LOST',
      `step ${this.#length} was strand ${wanted}, which cannot go on now: the same choices led elsewhere`,
    );
  }

  /** Time, which comes last, may leap ahead of others so often only: a periodic timer could do so for ever. */
  #mayLeap(enabled: Int32Array, count: number): boolean {
    return enabled[count - 1] !== this.#timers || this.#machine!.kernel.timeLeaps < this.#leapsMax;
  }

  #fits(): boolean {
    if (this.#length < DPOR_STEPS_MAX) return true;
    this.#tooLong = this.#isCut = true;
    return false;
  }

  /** A new node; the place of the strand that starts from it. */
  #extend(mask: number, enabled: Int32Array, count: number, straight: number): number {
    const step = this.#nodeAt(this.#length);
    this.#inheritSleep(step);
    step.enabled = mask;
    step.done = 0;
    step.preemptions = this.#preemptionsBefore(this.#length);
    for (let k = 0; k < count; k++) {
      const place = (straight + k) % count;
      const strand = enabled[place]!;
      if ((step.sleep & (1 << strand)) !== 0) continue;
      step.strand = strand;
      step.backtrack = 1 << strand;
      this.#arrived = true;
      return place;
    }
    this.#isCut = true;
    return straight;
  }

  #nodeAt(index: number): Step {
    return (this.#steps[index] ??= {
      strand: 0,
      op: DONE,
      footprint: new Footprint(),
      clock: new Int32Array(STRANDS_MAX),
      enabled: 0,
      backtrack: 0,
      done: 0,
      sleep: 0,
      slept: [],
      preemptions: 0,
      irql: 0,
    });
  }

  /** Who sleeps at a node: who slept or was done at the one before, unless the step between woke it. */
  #inheritSleep(step: Step): void {
    step.sleep = 0;
    const before = this.#steps[this.#length - 1];
    if (this.#length === 0 || before === undefined || this.#preemptionsMax !== Infinity) return;
    const candidates = (before.sleep | before.done) & ~(1 << before.strand);
    for (let s = 0; s < STRANDS_MAX; s++) {
      if ((candidates & (1 << s)) === 0) continue;
      const slept = before.slept[s]!;
      if (this.dependent(slept, before.footprint)) continue;
      step.sleep |= 1 << s;
      step.slept[s] = slept;
    }
  }

  executed(strand: number, op: Op): void {
    if (this.#isCut) return;
    if (!this.#arrived) {
      // Nobody asked: there was one that could go on, or the granularity knows no point here.
      if (this.#isOpen && strand === this.#steps[this.#length - 1]!.strand && this.#watch?.isInside(op) === true) return;
      this.#endStep();
      if (!this.#fits()) return;
      if (this.#length >= this.#prefix) {
        const step = this.#nodeAt(this.#length);
        this.#inheritSleep(step);
        if ((step.sleep & (1 << strand)) !== 0) {
          this.#isCut = true;
          return;
        }
        step.enabled = step.backtrack = 1 << strand;
        step.done = 0;
        step.strand = strand;
        step.preemptions = this.#preemptionsBefore(this.#length);
      }
    }
    const step = this.#steps[this.#length++]!;
    this.#arrived = false;
    this.#isOpen = true;
    step.op = op;
    step.irql = this.#machine?.kernel.vcpus[strand]?.irql ?? 0;
    this.#watch?.begin();
  }

  stopped(): void {
    if (!this.#isCut) this.#endStep();
  }

  finished(): void {
    // A model, or an execution that broke off, has nobody to say that it stopped.
    if (this.#isOpen && !this.#isCut) this.#endStep();
    if (this.#isCut) this.#redundant++;
    else this.#executions++;
  }

  /** The step that was performed is looked at: what it touched, and what it races with. */
  #endStep(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const index = this.#length - 1;
    const step = this.#steps[index]!;
    if (this.#watch === null) footprintOfOp(step.strand, step.op, step.footprint);
    else this.#watch.end(step.strand, step.op, step.footprint);
    if (index < this.#prefix - 1) return;
    // Whom the step stopped or moved before it could go on may go first.
    if (this.#watch !== null) this.#addBacktrack(index, step.footprint.displaced & step.enabled);
    this.#order(index);
  }

  /**
   * The step's clock; an earlier step that it depends on is a race, unless something between the two orders them. What
   * cannot be turned round orders nothing here: behind a release stands the acquire that can.
   */
  #order(index: number): void {
    const { clock, strand, footprint, op } = this.#steps[index]!;
    const own = this.#lastOf(strand, index);
    const covered = this.#covered;
    clock.fill(-1);
    if (own >= 0) clock.set(this.#steps[own]!.clock);
    covered.set(clock);
    this.#races.length = 0;
    for (let i = index - 1; i >= 0; i--) {
      const earlier = this.#steps[i]!;
      if (earlier.strand === strand || covered[earlier.strand]! >= i || !this.dependent(earlier.footprint, footprint)) continue;
      merge(clock, earlier.clock);
      if (this.#cannotTurn(i, earlier, own, strand, op)) continue;
      this.#races.push(i);
      merge(covered, earlier.clock);
    }
    clock[strand] = index;
    for (const race of this.#races) this.#reverse(race, index);
  }

  #lastOf(strand: number, before: number): number {
    for (let i = before - 1; i >= 0; i--) if (this.#steps[i]!.strand === strand) return i;
    return -1;
  }

  /**
   * The earlier step is what lets the later one happen: a release its acquire, a doorbell the device's first step; or it
   * stands at a level that keeps out the interrupt which came later, even if that had been pending.
   */
  #cannotTurn(index: number, earlier: Step, own: number, strand: number, op: Op): boolean {
    if (opKind(earlier.op) === OpKind.Release && opKind(op) === OpKind.Acquire && opObject(earlier.op) === opObject(op)) return true;
    if (this.#watch?.isKeptOut(strand, earlier.strand, earlier.irql) === true) return true;
    if (own > index || (earlier.enabled & (1 << strand)) !== 0) return false;
    return (this.#steps[index + 1]!.enabled & (1 << strand)) !== 0;
  }

  #happensBefore(i: number, j: number): boolean {
    return this.#steps[j]!.clock[this.#steps[i]!.strand]! >= i;
  }

  /** Sees to it that what is between the two without `first`, followed by `second`, is begun from before `first`. */
  #reverse(first: number, second: number): void {
    let initials = 0;
    let seen = 0;
    for (let j = first + 1; j <= second; j++) {
      if (j !== second && this.#happensBefore(first, j)) continue;
      const bit = 1 << this.#steps[j]!.strand;
      if ((seen & bit) === 0 && !this.#hasPredecessor(first, j)) initials |= bit;
      seen |= bit;
    }
    const node = this.#steps[first]!;
    const able = initials & node.enabled;
    if (this.#preemptionsMax === Infinity) {
      if ((able & node.backtrack) === 0) this.#addBacktrack(first, able === 0 ? node.enabled : able & -able);
      return;
    }
    this.#addBacktrack(first, able === 0 ? node.enabled : able);
    let start = first;
    while (start > 0 && this.#steps[start - 1]!.strand === node.strand) start--;
    const ableThere = initials & this.#steps[start]!.enabled;
    this.#addBacktrack(start, ableThere === 0 ? this.#steps[start]!.enabled : ableThere);
  }

  #addBacktrack(index: number, strands: number): void {
    this.#steps[index]!.backtrack |= strands;
  }

  /** Whether something between `first` and `j` that does not depend on `first` happens before `j`. */
  #hasPredecessor(first: number, j: number): boolean {
    for (let i = first + 1; i < j; i++) if (!this.#happensBefore(first, i) && this.#happensBefore(i, j)) return true;
    return false;
  }

  /** Preemptions up to the node: leaving a strand that could go on. */
  #preemptionsBefore(index: number): number {
    return index === 0 ? 0 : this.#steps[index - 1]!.preemptions + this.#cost(index - 1, this.#steps[index - 1]!.strand);
  }

  #cost(index: number, strand: number): number {
    if (index === 0) return 0;
    const last = this.#steps[index - 1]!.strand;
    return last !== strand && (this.#steps[index]!.enabled & (1 << last)) !== 0 ? 1 : 0;
  }

  /** Takes the next choice at the last node that has one; false at the end of the search. */
  #backtrack(): boolean {
    for (let index = this.#length - 1; index >= 0; index--) {
      const step = this.#steps[index]!;
      const bit = 1 << step.strand;
      if ((step.done & bit) === 0) {
        step.done |= bit;
        step.slept[step.strand] = step.footprint;
        step.footprint = new Footprint();
      }
      let left = step.backtrack & ~step.done & ~step.sleep;
      for (; left !== 0; left &= left - 1) {
        const strand = 31 - Math.clz32(left & -left);
        if (step.preemptions + this.#cost(index, strand) > this.#preemptionsMax) continue;
        step.strand = strand;
        this.#prefix = index + 1;
        return true;
      }
    }
    return false;
  }
}

function merge(clock: Int32Array, other: Int32Array): void {
  for (let s = 0; s < clock.length; s++) if (other[s]! > clock[s]!) clock[s] = other[s]!;
}
