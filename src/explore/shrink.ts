import type { Strategy } from '../backends/strategy.js';
import { hostTimeMs } from '../kernel/index.js';
import { FewPreemptions } from './few-preemptions.js';
import { GuidedRun, type Run } from './guided-run.js';
import { PreemptionBounded } from './strategies/index.js';

/** What shrinking may cost. */
export interface ShrinkLimits {
  /** Executions at most. */
  readonly replays: number;
  /** Wall time at most; it only ever ends a search early. */
  readonly timeMs: number;
}

/** Executions end it, and operations (`shrinkFailure`): what it comes to is the same on any machine. Time is for one that is stuck. */
export const SHRINK_LIMITS: ShrinkLimits = { replays: 1500, timeMs: 60_000 };

/** With more preemptions there are too many schedules to execute all; some are drawn. */
const ENUMERATED_PREEMPTIONS_MAX = 1;
/** Nor are there findings that need so many that drawing them has a chance. */
const SAMPLED_PREEMPTIONS_MAX = 8;
/** So much of the budget goes into all with so many before some with more are drawn. */
const ENUMERATED_SHARE = 1 / 2;

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

  /** Whether another execution may be taken. */
  get isLeft(): boolean {
    return this.replays < this.limits.replays && hostTimeMs() <= this.#endMs && this.whole?.isLeft !== false;
  }

  /** Takes one execution; false when there is none left. */
  take(): boolean {
    if (!this.isLeft) return false;
    this.whole?.take();
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
 *     start over  schedules with fewer preemptions: drawn ones, then all of them, as far as the budget reaches (Musuvathi,
 *                 Qadeer, PLDI 2007)
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
    return this.trial(guide) && this.#keepGuided();
  }

  /** Keeps what was just executed when it is simpler than all before. */
  #keepGuided(): boolean {
    const { preemptions, deviations } = this.#guide;
    const found = { choices: this.#guide.choices(), preemptions, deviations };
    if (this.#best !== null && !isSimpler(found, this.#best)) return false;
    this.#best = found;
    return true;
  }

  simplify(): void {
    for (;;) {
      const before = this.#best;
      this.#leaveOut();
      this.#join(pulled);
      this.#join(pushed);
      if (this.#best === before) return;
    }
  }

  #leaveOut(): void {
    let runs = runsOf(this.#best!.choices);
    for (let size = Math.ceil(runs.length / 2); size >= 1 && this.budget.isLeft; size = Math.floor(size / 2)) {
      for (let start = 0; start < runs.length && this.budget.isLeft;) {
        const without = [...runs.slice(0, start), ...runs.slice(start + size)];
        if (this.#try(without)) runs = runsOf(this.#best!.choices);
        else start += size;
      }
    }
  }

  /** Makes one run of each two runs of a strand with nothing but others between. */
  #join(joined: (runs: readonly Run[], first: number, second: number) => Run[]): void {
    let runs = runsOf(this.#best!.choices);
    for (let i = 0; i < runs.length && this.budget.isLeft; i++) {
      const next = runs.findIndex((run, j) => j > i && run.strand === runs[i]!.strand);
      if (next >= 0 && this.#try(joined(runs, i, next))) runs = runsOf(this.#best!.choices);
    }
  }

  /** Schedules with fewer preemptions: what fails there is simpler than anything that leaving out can reach. */
  startOver(): void {
    while (this.#best!.preemptions > 0 && (this.#enumerate() || this.#sample())) this.simplify();
  }

  /** All with at most one preemption, which are few enough to end or to find something early. */
  #enumerate(): boolean {
    const fewer = this.#best!.preemptions - 1;
    const search = new PreemptionBounded(Math.min(fewer, ENUMERATED_PREEMPTIONS_MAX));
    return this.#search(() => search, fewer > ENUMERATED_PREEMPTIONS_MAX ? this.budget.part(ENUMERATED_SHARE) : this.budget);
  }

  /** Drawn ones with more, one more in turn. */
  #sample(): boolean {
    const { preemptions, choices } = this.#best!;
    const kinds = Math.min(preemptions - 1, SAMPLED_PREEMPTIONS_MAX) - ENUMERATED_PREEMPTIONS_MAX;
    if (kinds <= 0) return false;
    const searches = Array.from({ length: kinds }, (_, n) => new FewPreemptions(ENUMERATED_PREEMPTIONS_MAX + 1 + n, choices.length));
    return this.#search((n) => searches[n % kinds]!, this.budget);
  }

  /** Executes what the strategies choose, the n-th that of `strategyOf(n)`, up to one that fails and is simpler; false: there was none. */
  #search(strategyOf: (n: number) => Strategy, budget: ShrinkBudget): boolean {
    for (let n = 0; ; n++) {
      const strategy = strategyOf(n);
      if (!strategy.newExecution(n) || !budget.take()) return false;
      this.#guide.record(strategy);
      if (this.trial(this.#guide) && this.#keepGuided()) return true;
    }
  }
}

/** The second run comes with the first one. */
function pulled(runs: readonly Run[], first: number, second: number): Run[] {
  const { strand, length } = runs[first]!;
  const one = { strand, length: length + runs[second]!.length };
  return [...runs.slice(0, first), one, ...runs.slice(first + 1, second), ...runs.slice(second + 1)];
}

/** The first run waits for the second one. */
function pushed(runs: readonly Run[], first: number, second: number): Run[] {
  const { strand, length } = runs[first]!;
  const one = { strand, length: length + runs[second]!.length };
  return [...runs.slice(0, first), ...runs.slice(first + 1, second), one, ...runs.slice(second + 1)];
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
