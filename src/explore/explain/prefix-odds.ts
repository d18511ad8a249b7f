import type { ControlledBackend } from '../../backends/controlled.js';
import type { Strategy } from '../../backends/strategy.js';
import { deriveSeed, type Op } from '../../kernel/index.js';
import { FairTail, Pos, RandomWalk } from '../strategies/index.js';

/** Follows a schedule for so many choices, then lets another strategy choose. */
export class PrefixThen implements Strategy {
  readonly name = 'prefix';
  #choices: ArrayLike<number> = [];
  #length = 0;
  #position = 0;
  #inner: Strategy;

  constructor(inner: Strategy) {
    this.#inner = inner;
  }

  /** The first `length` of `choices`, then `inner`, which is started with `seed`. */
  follow(choices: ArrayLike<number>, length: number, inner: Strategy, seed: number): void {
    this.#choices = choices;
    this.#length = length;
    this.#position = 0;
    this.#inner = inner;
    inner.newExecution(seed);
  }

  newExecution(): boolean {
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number, ops: Int32Array): number {
    if (this.#position < this.#length) {
      const wanted = this.#choices[this.#position++];
      for (let i = 0; i < count; i++) if (enabled[i] === wanted) return i;
    }
    return this.#inner.pick(enabled, count, current, ops);
  }

  executed(strand: number, op: Op): void {
    this.#inner.executed(strand, op);
  }

  finished(): void {}
}

/** How many of the schedules that begin alike fail. */
export interface PrefixOdds {
  /** Choices they have in common with the failing schedule. */
  readonly choices: number;
  /** Executions that went on from there in an order of their own, and those of them that fail as the schedule does. */
  readonly continuations: number;
  readonly failing: number;
}

export interface OddsLimits {
  /** Prefixes that are looked at before the search for the last one that could still pass. */
  readonly prefixes: number;
  /** Continuations of each. */
  readonly continuations: number;
}

/** A schedule without a finding that begins as the failing one does. */
export interface PassingSchedule {
  readonly choices: readonly number[];
  /** Choices it has in common with the failing one. */
  readonly common: number;
}

/** Estimates, for prefixes of a failing schedule, how likely a schedule that begins so fails. */
export class OddsMeter {
  readonly #prefix: PrefixThen;
  readonly #strategies = [new FairTail(new RandomWalk()), new FairTail(new Pos())];
  readonly #measured = new Map<number, PrefixOdds>();
  executions = 0;
  /** The passing schedule with the longest common prefix that was met. */
  passing: PassingSchedule | null = null;

  constructor(
    private readonly backend: ControlledBackend,
    private readonly failing: readonly number[],
    private readonly rule: string,
    private readonly seed: number,
    private readonly limits: OddsLimits,
  ) {
    this.#prefix = new PrefixThen(this.#strategies[0]!);
  }

  /** Everything measured so far, shortest prefix first. */
  get curve(): readonly PrefixOdds[] {
    return [...this.#measured.values()].sort((a, b) => a.choices - b.choices);
  }

  /**
   * Fewest choices behind which every continuation that was tried fails: even prefixes first, then between the last
   * of them that could still pass and the next one by halves.
   */
  inevitableAfter(): number {
    const total = this.failing.length;
    const parts = Math.max(1, Math.min(this.limits.prefixes - 1, total));
    for (let i = 0; i <= parts; i++) this.measure(Math.round((total * i) / parts));
    const { curve } = this;
    const last = curve.findLastIndex(canPass);
    if (last < 0) return 0;
    let passes = curve[last]!.choices;
    let fails = curve[last + 1]?.choices ?? total;
    while (fails - passes > 1) {
      const middle = (passes + fails) >> 1;
      if (canPass(this.measure(middle))) passes = middle;
      else fails = middle;
    }
    return fails;
  }

  measure(choices: number): PrefixOdds {
    const known = this.#measured.get(choices);
    if (known !== undefined) return known;
    // Behind the last choice there is one continuation only.
    const continuations = choices === this.failing.length ? 1 : this.limits.continuations;
    let failing = 0;
    for (let i = 0; i < continuations; i++) if (this.#fails(choices, i)) failing++;
    const odds = { choices, continuations, failing };
    this.#measured.set(choices, odds);
    return odds;
  }

  #fails(choices: number, attempt: number): boolean {
    const inner = this.#strategies[attempt % this.#strategies.length]!;
    this.#prefix.follow(this.failing, choices, inner, deriveSeed(this.seed, `continuation ${attempt} of ${choices}`));
    this.executions++;
    const execution = this.backend.execute(this.#prefix, false);
    if (execution.findingsTotal === 0 && (this.passing === null || choices > this.passing.common))
      this.passing = { choices: Array.from(execution.choices), common: commonLength(execution.choices, this.failing) };
    return execution.findings[0]?.rule === this.rule;
  }
}

const canPass = ({ continuations, failing }: PrefixOdds): boolean => failing < continuations;

/** Choices two schedules begin with alike. */
export function commonLength(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
