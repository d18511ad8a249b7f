import type { ControlledBackend } from '../../src/backends/controlled.js';
import type { Strategy } from '../../src/backends/strategy.js';
import { Dfs, Footprint, footprintOfOp, PreemptionBounded, StepWatch, type Dpor } from '../../src/explore/index.js';
import type { Op } from '../../src/kernel/index.js';
import type { Machine } from '../../src/machine/machine.js';
import type { Strand } from '../../src/machine/strand.js';

/** A step as a trace needs it. */
export interface TracedStep {
  readonly strand: number;
  readonly footprint: Footprint;
}

/** Which schedules are meant: `preemptions` at most, default any number; `leaps` of time, default none. */
export interface Bounds {
  readonly preemptions?: number;
  readonly leaps?: number;
}

/**
 * The trace of an execution (Mazurkiewicz): each step by strand and number, and each pair of dependent steps in its
 * order. Equal texts are executions that differ in the order of independent steps only. No clocks, no reduction.
 */
export function traceOf(steps: readonly TracedStep[]): string {
  const counts = new Map<number, number>();
  const names = steps.map(({ strand }) => {
    counts.set(strand, (counts.get(strand) ?? 0) + 1);
    return `${strand}.${counts.get(strand)}`;
  });
  const pairs: string[] = [...names];
  steps.forEach((later, j) => {
    for (let i = 0; i < j; i++) {
      const earlier = steps[i]!;
      if (earlier.strand !== later.strand && earlier.footprint.dependsOn(later.footprint)) pairs.push(`${names[i]}<${names[j]}`);
    }
  });
  return pairs.sort().join(' ');
}

/** Every schedule within bounds, depth first without any reduction, and each one's trace. */
export class EverySchedule implements Strategy {
  readonly name = 'every schedule';
  readonly traces = new Set<string>();
  readonly #search: Strategy;
  readonly #leapsMax: number;
  private readonly isUnbounded: boolean;
  #machine: Machine | null = null;
  #watch: StepWatch | null = null;
  #timers = -1;
  #steps: (TracedStep & { readonly op: Op })[] = [];
  #isOpen = false;
  #wasAsked = false;

  constructor({ preemptions, leaps = 0 }: Bounds = {}) {
    this.isUnbounded = preemptions === undefined;
    this.#search = preemptions === undefined ? new Dfs() : new PreemptionBounded(preemptions);
    this.#leapsMax = leaps;
  }

  watch(machine: Machine, strands: readonly Strand[]): void {
    this.#machine = machine;
    this.#watch ??= new StepWatch(machine, strands, this.isUnbounded);
    this.#timers = strands.findIndex(({ kind }) => kind === 'timer');
  }

  newExecution(): boolean {
    this.#steps = [];
    this.#isOpen = false;
    return this.#search.newExecution(0);
  }

  pick(enabled: Int32Array, all: number, current: number, ops: Int32Array): number {
    this.#end();
    this.#wasAsked = true;
    const mayLeap = enabled[all - 1] !== this.#timers || this.#machine!.kernel.timeLeaps < this.#leapsMax;
    const count = mayLeap ? all : all - 1;
    return count === 1 ? 0 : this.#search.pick(enabled, count, current, ops);
  }

  executed(strand: number, op: Op): void {
    const wasAsked = this.#wasAsked;
    this.#wasAsked = false;
    if (!wasAsked && this.#isOpen && strand === this.#steps.at(-1)!.strand && this.#watch?.isInside(op) === true) return;
    this.#end();
    this.#steps.push({ strand, op, footprint: new Footprint() });
    this.#isOpen = true;
    this.#watch?.begin();
  }

  stopped(): void {
    this.#end();
  }

  finished(): void {
    this.#end();
    this.traces.add(traceOf(this.#steps));
  }

  #end(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { strand, op, footprint } = this.#steps.at(-1)!;
    if (this.#watch === null) footprintOfOp(strand, op, footprint);
    else this.#watch.end(strand, op, footprint);
  }
}

/** What a search came to: how it ended, what it found, which traces and which final memories it saw. */
export interface Searched {
  readonly executions: number;
  readonly redundant: number;
  readonly traces: ReadonlySet<string>;
  readonly found: ReadonlySet<string>;
  readonly outcomes: ReadonlySet<string>;
}

/** Runs the search to its end. `executions`: to the end, `redundant`: given up as known; every schedule's are counted as the former. */
export function exhaust(backend: ControlledBackend, search: Dpor | EverySchedule): Searched {
  const found = new Set<string>();
  const outcomes = new Set<string>();
  const traces = new Set<string>();
  let executions = 0;
  let redundant = 0;
  while (search.newExecution()) {
    const { findings, memoryHash } = backend.execute(search);
    search.finished();
    for (const { rule } of findings) found.add(rule);
    outcomes.add(memoryHash);
    const wasGivenUp = 'proof' in search && search.proof.redundant > redundant;
    if (wasGivenUp) redundant++;
    else executions++;
    if ('lastSteps' in search && !wasGivenUp) traces.add(traceOf(search.lastSteps));
  }
  return { executions, redundant, found, outcomes, traces: 'traces' in search ? search.traces : traces };
}
