import { ControlledBackend, type Execution } from '../../backends/controlled.js';
import { PointTally } from '../../backends/point-tally.js';
import type { Strategy } from '../../backends/strategy.js';
import { deriveSeed, type RecordedViolation } from '../../kernel/index.js';
import type { MachineParameters } from '../../machine/parameters.js';
import { Replay } from '../strategies/index.js';
import { Behaviour } from './behaviour.js';
import { Observed } from './observed.js';
import type { SearchTotals } from './search-totals.js';

/** An execution that found something, and its choices. */
export interface Failing {
  readonly execution: Execution;
  readonly choices: Int32Array;
}

/** What became of one schedule; `none`: the strategy had nothing left to try. */
export type ScheduleOutcome = 'clean' | 'none' | Failing;

/** Rule of schedules that are not the same twice. */
export const NONDETERMINISM = 'L-NONDETERMINISM';

/** So many schedules of a search are executed twice, and of those behind them one in `VERIFIED_EVERY`. */
export const VERIFIED_FIRST = 1000;
const VERIFIED_EVERY = 64;

/**
 * The behaviour of so many schedules is looked at, and of those behind them of one in `OBSERVED_EVERY`: looking costs 7 to 10 %
 * of an execution, and of the first thousand, which are executed twice, half of that.
 */
export const OBSERVED_FIRST = 1000;
export const OBSERVED_EVERY = 8;

/**
 * One machine that executes schedules of a search by their numbers. The first thousand, a sample of the others, and
 * each that finds something are executed twice, the second time from the recorded choices: different hashes are the
 * finding L-NONDETERMINISM, because nothing found on such ground could be had again.
 */
export class ScheduleRunner {
  readonly #backend: ControlledBackend;
  readonly #replay = new Replay([]);
  readonly #behaviour = new Behaviour();
  /** What executes: the strategy, with a look at its behaviour or without, and the replay. */
  readonly #observed: Strategy;
  readonly #unobserved: Strategy;
  readonly #replaying: Strategy;
  readonly #tally = new PointTally();
  #choiceWords = new Int32Array(1024);
  #first = -1;
  #schedules = 0;
  #steps = 0;
  #verifiedTwice = 0;
  #deviceSteps: Record<string, number> = {};
  #eventHashes: number[] = [];
  #behaviours: number[] = [];
  /** Executions the strategy has been told of: its lessons are the first. */
  #learnt = 0;

  /** `beat` is called now and then while something executes. */
  constructor(
    parameters: MachineParameters,
    private readonly strategy: Strategy,
    beat: () => void = () => undefined,
  ) {
    this.#backend = new ControlledBackend(parameters);
    this.#observed = new Observed(strategy, this.#behaviour, beat);
    this.#unobserved = new Observed(strategy, null, beat);
    this.#replaying = new Observed(this.#replay, null, beat);
  }

  /** The strategy's next lesson that has to be executed before schedule number `index`; -1: none. */
  lessonBefore(index: number): number {
    return this.#learnt < Math.min(index, this.strategy.lessons ?? 0) ? this.#learnt : -1;
  }

  /** Executes a schedule that is another thread's, for what the strategy learns from it; whatever it comes to is told there. */
  learn(lesson: number, seed: number): void {
    this.#begin(lesson, seed);
    this.#finish(this.#backend.execute(this.#unobserved, false));
  }

  /** False: the strategy has nothing left to try. */
  #begin(index: number, seed: number): boolean {
    return this.strategy.newExecution(deriveSeed(seed, `schedule ${index}`));
  }

  #finish(execution: Execution): Execution {
    this.strategy.finished({ steps: execution.steps, foundSomething: execution.findingsTotal > 0 });
    this.#learnt++;
    return execution;
  }

  /** Executes schedule number `index` of the search with that seed. */
  run(index: number, seed: number): ScheduleOutcome {
    if (!this.#begin(index, seed)) return 'none';
    if (this.#first < 0) this.#first = index;
    const isSampled = index < VERIFIED_FIRST || index % VERIFIED_EVERY === 0;
    const backend = this.#backend;
    backend.tally = this.#tally;
    const isObserved = index < OBSERVED_FIRST || index % OBSERVED_EVERY === 0;
    if (isObserved) this.#behaviour.begin(index);
    const execution = this.#finish(backend.execute(isObserved ? this.#observed : this.#unobserved, isSampled));
    backend.tally = null;
    if (isObserved) this.#behaviour.end(this.#behaviours);
    const choices = this.#keep(execution.choices);
    this.#count(execution);
    if (!isSampled && execution.findingsTotal === 0) return 'clean';
    this.#verifiedTwice++;
    return this.#verify(execution, choices) ?? 'clean';
  }

  /** The choices again, valid until the next schedule. */
  #keep(choices: Int32Array): Int32Array {
    if (this.#choiceWords.length < choices.length) this.#choiceWords = new Int32Array(choices.length * 2);
    this.#choiceWords.set(choices);
    return this.#choiceWords.subarray(0, choices.length);
  }

  #count(execution: Execution): void {
    this.#schedules++;
    this.#steps += execution.steps;
    const { deviceStepsByThread } = execution;
    for (const thread in deviceStepsByThread) this.#deviceSteps[thread] = (this.#deviceSteps[thread] ?? 0) + deviceStepsByThread[thread]!;
    const { hashLow, hashHigh } = this.#backend.events;
    this.#eventHashes.push(hashLow, hashHigh);
  }

  /** Executes a schedule again from its choices. What it found, or that it was not the same twice; null when all is well. */
  #verify(execution: Execution, choices: Int32Array): Failing | null {
    this.#replay.follow(choices);
    this.#replay.newExecution();
    const again = this.#backend.execute(this.#replaying);
    return failingOf(execution, again, choices);
  }

  /** What the schedules since the last call came to. */
  takeTotals(): SearchTotals {
    const totals: SearchTotals = {
      first: Math.max(0, this.#first),
      schedules: this.#schedules,
      steps: this.#steps,
      verifiedTwice: this.#verifiedTwice,
      deviceStepsByThread: this.#deviceSteps,
      points: this.#tally.takeTotals(),
      eventHashes: Int32Array.from(this.#eventHashes),
      behaviours: Int32Array.from(this.#behaviours),
      pairs: this.#behaviour.pairs.take(),
    };
    this.#first = -1;
    this.#schedules = this.#steps = this.#verifiedTwice = 0;
    this.#deviceSteps = {};
    this.#eventHashes = [];
    this.#behaviours = [];
    return totals;
  }
}

/** What an execution and the same once more from its choices have come to; null: nothing was found and they are the same. */
export function failingOf(execution: Execution, again: Execution, choices: Int32Array): Failing | null {
  const difference = differenceBetween(execution, again);
  if (difference === null) return again.findingsTotal > 0 ? { execution: again, choices } : null;
  const findings = [nondeterminism(difference), ...execution.findings];
  return { execution: { ...execution, findings, findingsTotal: execution.findingsTotal + 1 }, choices };
}

function differenceBetween(first: Execution, second: Execution): string | null {
  if (first.eventHash !== second.eventHash) return `events ${first.eventHash} and ${second.eventHash}`;
  // The first execution's memory was not hashed when nothing asked for it.
  if (first.memoryHash !== '' && first.memoryHash !== second.memoryHash) return `memory ${first.memoryHash} and ${second.memoryHash}`;
  return null;
}

function nondeterminism(difference: string): RecordedViolation {
  return {
    rule: NONDETERMINISM,
    severity: 'error',
    object: null,
    step: 0,
    message: `the same schedule executed twice gave different hashes (${difference}): driver or device code uses time, chance or state from outside the machine`,
  };
}
