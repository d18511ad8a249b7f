import type { Op } from '../../kernel/index.js';
import type { Machine } from '../../machine/machine.js';
import type { SearchProof } from '../../machine/report.js';
import type { Strand } from '../../machine/strand.js';
import type { Outcome, Strategy } from '../../backends/strategy.js';
import type { Behaviour } from './behaviour.js';

/** A sign of life every so many operations; a power of two. */
const OPERATIONS_PER_BEAT = 1 << 14;

/**
 * Passes everything on to a strategy and looks on: tells `behaviour` every operation, and gives a sign of life now and
 * then, because an execution may be long and a hang is none.
 */
export class Observed implements Strategy {
  readonly name: string;
  #operations = 0;

  constructor(
    private readonly inner: Strategy,
    private readonly behaviour: Behaviour | null,
    private readonly beat: () => void,
  ) {
    this.name = inner.name;
  }

  get leftOut(): boolean {
    return this.inner.leftOut === true;
  }

  get proof(): SearchProof | null {
    return this.inner.proof ?? null;
  }

  watch(machine: Machine, strands: readonly Strand[]): void {
    this.inner.watch?.(machine, strands);
  }

  stopped(): void {
    this.inner.stopped?.();
  }

  newExecution(seed: number): boolean {
    return this.inner.newExecution(seed);
  }

  pick(enabled: Int32Array, count: number, current: number, ops: Int32Array): number {
    return this.inner.pick(enabled, count, current, ops);
  }

  executed(strand: number, op: Op): void {
    this.inner.executed(strand, op);
    if (this.behaviour !== null) this.behaviour.performed(strand, op);
    if ((++this.#operations & (OPERATIONS_PER_BEAT - 1)) === 0) this.beat();
  }

  finished(outcome: Outcome): void {
    this.inner.finished(outcome);
  }
}
