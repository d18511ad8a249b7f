import type { Strategy } from '../../src/backends/strategy.js';
import { cancelRace, GuidedRun, measureChoices, ModelLoop, RandomWalk, ShrinkBudget, shrinkChoices } from '../../src/explore/index.js';
import { hostTimeMs } from '../../src/kernel/index.js';

/** Bars of the gate, for the median counterexample of the reference model. */
export const PREEMPTIONS_MAX = 2;
export const SHRINK_MS_MAX = 10;
/** The same without a clock: at a million executions a second ten milliseconds are ten thousand; a tenth of that is asked. */
export const SHRINK_REPLAYS_MAX = 1000;

/** Counterexamples unless somebody says otherwise. */
export const COUNTEREXAMPLES = 1000;

const LIMITS = { replays: 2000, timeMs: 60_000 };

export interface ShrinkingResult {
  readonly counterexamples: number;
  /** Shrunk schedules that do not fail when they are executed again. */
  readonly lost: number;
  /** Medians. */
  readonly preemptionsBefore: number;
  readonly preemptions: number;
  readonly replays: number;
  readonly elapsedMs: number;
}

/** Choices of random walks that fail on the planted cancel race, from the first seed on. */
export function failingChoices(count: number): readonly (readonly number[])[] {
  const loop = new ModelLoop(cancelRace('planted'));
  const walk = new RandomWalk();
  const guide = new GuidedRun();
  const failing: (readonly number[])[] = [];
  for (let seed = 0; failing.length < count; seed++) {
    walk.newExecution(seed);
    guide.record(walk);
    if (loop.run(guide)) failing.push(guide.choices());
  }
  return failing;
}

/** Shrinks so many counterexamples of the planted `cancel-race-20`. */
export function shrinking(count: number): ShrinkingResult {
  const loop = new ModelLoop(cancelRace('planted'));
  const trial = (strategy: Strategy): boolean => loop.run(strategy);
  const before: number[] = [];
  const after: number[] = [];
  const replays: number[] = [];
  const times: number[] = [];
  let lost = 0;
  for (const choices of failingChoices(count)) {
    before.push(measureChoices(choices, trial, new ShrinkBudget(LIMITS))!.preemptions);
    const budget = new ShrinkBudget(LIMITS);
    const startMs = hostTimeMs();
    const shrunk = shrinkChoices(choices, trial, budget)!;
    times.push(hostTimeMs() - startMs);
    after.push(shrunk.preemptions);
    replays.push(budget.replays);
    if (measureChoices(shrunk.choices, trial, new ShrinkBudget(LIMITS)) === null) lost++;
  }
  return {
    counterexamples: count,
    lost,
    preemptionsBefore: median(before),
    preemptions: median(after),
    replays: median(replays),
    elapsedMs: median(times),
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** `npm run gates -- shrink [N]`. */
export function shrinkGate(count: number, print: (line: string) => void): boolean {
  const { elapsedMs, ...counts } = shrinking(count);
  print(
    `${Object.entries(counts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')}; ${elapsedMs.toFixed(2)} ms`,
  );
  return counts.lost === 0 && counts.preemptions <= PREEMPTIONS_MAX && counts.replays <= SHRINK_REPLAYS_MAX && elapsedMs < SHRINK_MS_MAX;
}
