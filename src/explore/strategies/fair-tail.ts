import type { Op } from '../../kernel/index.js';
import type { Machine } from '../../machine/machine.js';
import type { SearchProof } from '../../machine/report.js';
import type { Strand } from '../../machine/strand.js';
import type { Outcome, Strategy } from '../../backends/strategy.js';

/** Choices a strategy makes before the fair tail begins; the executions of small machines have a few hundred. */
export const FAIR_TAIL_CHOICES = 20_000;

/**
 * Lets a strategy choose for a while and then goes round robin: whoever polls for something another strand must do
 * would go on for ever under a strategy that never lets the other one run. An execution that still does not end is
 * stuck under a fair scheduler, so L-LIVELOCK or L-STEP-BOUND then name a livelock of the driver and not of the search
 * (fair scheduling: Musuvathi, Qadeer, PLDI 2008).
 */
export class FairTail implements Strategy {
  readonly name: string;
  readonly isIndependent: boolean;
  readonly lessons: number;
  readonly isSample: boolean;
  readonly #inner: Strategy;
  #choices = 0;
  #cutAny = false;

  /** `afterChoices` choices are the inner strategy's, default 20,000. */
  constructor(
    inner: Strategy,
    private readonly afterChoices: number = FAIR_TAIL_CHOICES,
  ) {
    this.#inner = inner;
    this.name = inner.name;
    this.isIndependent = inner.isIndependent === true;
    this.lessons = inner.lessons ?? 0;
    this.isSample = inner.isSample === true;
  }

  get leftOut(): boolean {
    return this.#cutAny || this.#inner.leftOut === true;
  }

  get proof(): SearchProof | null {
    return this.#inner.proof ?? null;
  }

  watch(machine: Machine, strands: readonly Strand[]): void {
    this.#inner.watch?.(machine, strands);
  }

  stopped(): void {
    this.#inner.stopped?.();
  }

  newExecution(seed: number): boolean {
    this.#choices = 0;
    return this.#inner.newExecution(seed);
  }

  pick(enabled: Int32Array, count: number, current: number, ops: Int32Array): number {
    if (this.#choices < this.afterChoices) {
      this.#choices++;
      return this.#inner.pick(enabled, count, current, ops);
    }
    this.#cutAny = true;
    for (let i = 0; i < count; i++) if (enabled[i]! > current) return i;
    return 0;
  }

  executed(strand: number, op: Op): void {
    this.#inner.executed(strand, op);
  }

  finished(outcome: Outcome): void {
    this.#inner.finished(outcome);
  }
}
