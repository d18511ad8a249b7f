/** One thing that is measured against others in the same rounds. */
export interface Contestant {
  readonly name: string;
  /** Runs once, bounded, and returns nanoseconds per operation. */
  measure(): Promise<number> | number;
}

/** How many operations a measurement of about `measureMs` has. */
export interface Sizing {
  readonly measureMs: number;
  /** Operations of the first measurement, which is thrown away; it must not be long if they are slow. */
  readonly first: number;
  readonly most?: number;
}

const OPERATIONS_MAX = 50_000_000;

/**
 * A contestant whose measurements last about as long as they should: how many operations that takes is learnt from the
 * measurement before. A busy machine makes figures worse, not the benchmark endless.
 */
export function sized(name: string, sizing: Sizing, run: (operations: number) => Promise<number> | number): Contestant {
  let operations = sizing.first;
  return {
    name,
    async measure() {
      const ns = await run(operations);
      operations = Math.min(Math.max(Math.ceil((sizing.measureMs * 1e6) / ns), sizing.first), sizing.most ?? OPERATIONS_MAX);
      return ns;
    },
  };
}

/** Nanoseconds per operation of every contestant, one figure a round; index r of all series belongs to the same round. */
export type Series = ReadonlyMap<string, readonly number[]>;

/**
 * Measures all contestants in interleaved rounds.
 *
 * Absolute figures of a shared machine drift by a factor of two within minutes; what is near in time drifts together.
 * So a ratio is taken inside a round, and the median over rounds counts. Whatever runs first in a process measures
 * slow: a whole round is thrown away, and the order rotates so that nobody is always first or always after the same.
 */
export async function interleave(contestants: readonly Contestant[], rounds: number): Promise<Series> {
  const series = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const contestant of rotate(contestants, round + 1)) {
      const ns = await contestant.measure();
      if (!Number.isFinite(ns) || ns <= 0) throw new Error(`${contestant.name} measured ${ns} ns per operation: the benchmark is wrong`);
      if (round >= 0) series.get(contestant.name)!.push(ns);
    }
  }
  return series;
}

export function rotate<T>(list: readonly T[], by: number): T[] {
  const start = list.length === 0 ? 0 : by % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}

/** Median; of an even number of figures the mean of the two in the middle. Throws on an empty list. */
export function median(figures: readonly number[]): number {
  if (figures.length === 0) throw new Error('the median of nothing was asked for');
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export interface Ratio {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Per-round ratios numerator / denominator. */
export function ratioOf(series: Series, numerator: string, denominator: string): Ratio {
  const below = figuresOf(series, denominator);
  const ratios = figuresOf(series, numerator).map((figure, round) => figure / below[round]!);
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
}

export function figuresOf(series: Series, name: string): readonly number[] {
  const figures = series.get(name);
  if (figures === undefined || figures.length === 0) throw new Error(`nothing was measured under the name ${name}`);
  return figures;
}
