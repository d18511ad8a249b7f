import type { Strategy } from '../backends/strategy.js';
import { hostTimeMs } from '../kernel/index.js';
import { GuidedRun, type Run } from './guided-run.js';
import { PreemptionBounded } from './strategies/index.js';

/** What shrinking may cost. */
export interface ShrinkLimits {
  /** Executions at most. */
  readonly replays: number;
  /** Wall time at most; it only ever ends a search early. */
  readonly timeMs: number;
}

export const SHRINK_LIMITS: ShrinkLimits = { replays: 1500, timeMs: 5000 };

/** Executes a schedule that a strategy chooses. True: it failed as the one to be shrunk did. */
export type Trial = (strategy: Strategy) => boolean;

/** A failing schedule and how complicated it is. */
export interface ShrunkChoices {
  readonly choices: readonly number[];
  /** Switches away from a strand that could have gone on. */
  readonly preemptions: number;
  /** Choices other than going on or, when that is impossible, taking the next strand in turn. */
  readonly deviations: number;
}

/** Counts executions against the limits, over all parts of one shrinking. */
export class ShrinkBudget {
  readonly #endMs: number;
  /** Executions so far. */
  replays = 0;

  /** `whole`: the budget that this one is a part of. */
  constructor(
    private readonly limits: ShrinkLimits = SHRINK_LIMITS,
    private readonly whole: ShrinkBudget | null = null,
  ) {
    this.#endMs = hostTimeMs() + limits.timeMs;
  }

  /** A share of what is left, from above 0 to 1, for one of several things to try: none can use up all. */
  part(share: number): ShrinkBudget {
    const timeMs = (this.#endMs - hostTimeMs()) * share;
    return new ShrinkBudget({ replays: Math.floor((this.limits.replays - this.replays) * share), timeMs }, this);
  }

  /** Takes one execution; false when there is none left. */
  take(): boolean {
    if (this.replays >= this.limits.replays || hostTimeMs() > this.#endMs || this.whole?.take() === false) return false;
    this.replays++;
    return true;
  }
}

/**
 * Makes a failing schedule simpler as long as it fails: fewest preemptions, then fewest deviations from the straight
 * order. Every candidate is executed, so what comes out has failed. Three ways, until none helps:
 *
 *     leave out   runs of one strand, many at first and then fewer (delta debugging: Choi, Zeller, ISSTA 2002)
 *     pull        the next run of a strand forward to its last one
 *     start over  all schedules with fewer preemptions, as far as the budget reaches (Musuvathi, Qadeer, PLDI 2007)
 *
 * Null when `choices` does not fail in the first place.
 */
export function shrinkChoices(choices: ArrayLike<number>, trial: Trial, budget: ShrinkBudget): ShrunkChoices | null {
  const shrinker = new Shrinker(trial, budget);
  if (!shrinker.begin(runsOf(choices))) return null;
  shrinker.simplify();
  shrinker.startOver();
  return shrinker.best;
}

/** How complicated a failing schedule is, as it is. Null when it does not fail. */
export function measureChoices(choices: ArrayLike<number>, trial: Trial, budget: ShrinkBudget): ShrunkChoices | null {
  const shrinker = new Shrinker(trial, budget);
  return shrinker.begin(runsOf(choices)) ? shrinker.best : null;
}

class Shrinker {
  readonly #guide = new GuidedRun();
  #best: ShrunkChoices | null = null;

  constructor(
    private readonly trial: Trial,
    private readonly budget: ShrinkBudget,
  ) {}

  get best(): ShrunkChoices | null {
    return this.#best;
  }

  /** Takes the schedule it starts from. */
  begin(runs: readonly Run[]): boolean {
    return this.#try(runs);
  }

  /** Keeps what a list of runs leads to when it fails and is simpler than all before. */
  #try(runs: readonly Run[]): boolean {
    if (!this.budget.take()) return false;
    const guide = this.#guide;
    guide.follow(runs);
    if (!this.trial(guide)) return false;
    return this.#keepIfSimpler({ choices: guide.choices(), preemptions: guide.preemptions, deviations: guide.deviations });
  }

  #keepIfSimpler(found: ShrunkChoices): boolean {
    if (this.#best !== null && !isSimpler(found, this.#best)) return false;
    this.#best = found;
    return true;
  }

  simplify(): void {
    for (;;) {
      const before = this.#best;
      this.#leaveOut();
      this.#pull();
      if (this.#best === before) return;
    }
  }

  #leaveOut(): void {
    let runs = runsOf(this.#best!.choices);
    for (let size = Math.ceil(runs.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let start = 0; start < runs.length;) {
        const without = [...runs.slice(0, start), ...runs.slice(start + size)];
        if (this.#try(without)) runs = runsOf(this.#best!.choices);
        else start += size;
      }
    }
  }

  #pull(): void {
    let runs = runsOf(this.#best!.choices);
    for (let i = 0; i < runs.length; i++) {
      const next = runs.findIndex((run, j) => j > i && run.strand === runs[i]!.strand);
      if (next < 0) continue;
      const pulled = { strand: runs[i]!.strand, length: runs[i]!.length + runs[next]!.length };
      const merged = [...runs.slice(0, i), pulled, ...runs.slice(i + 1, next), ...runs.slice(next + 1)];
      if (this.#try(merged)) runs = runsOf(this.#best!.choices);
    }
  }

  /** All schedules with fewer preemptions: what fails there is simpler than anything that leaving out can reach. */
  startOver(): void {
    const search = new PreemptionBounded(Math.max(0, this.#best!.preemptions - 1));
    while (this.#best!.preemptions > 0 && search.newExecution(0)) {
      if (!this.budget.take()) return;
      this.#guide.record(search);
      if (!this.trial(this.#guide)) continue;
      const guide = this.#guide;
      if (this.#keepIfSimpler({ choices: guide.choices(), preemptions: guide.preemptions, deviations: guide.deviations }))
        return this.simplify();
    }
  }
}

function isSimpler(a: ShrunkChoices, b: ShrunkChoices): boolean {
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions;
  if (a.deviations !== b.deviations) return a.deviations < b.deviations;
  return a.choices.length < b.choices.length;
}

/** Choices as runs of one strand. */
export function runsOf(choices: ArrayLike<number>): Run[] {
  const runs: Run[] = [];
  for (let i = 0; i < choices.length;) {
    let end = i + 1;
    while (end < choices.length && choices[end] === choices[i]) end++;
    runs.push({ strand: choices[i]!, length: end - i });
    i = end;
  }
  return runs;
}
