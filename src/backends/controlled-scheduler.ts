import type { Gate, Kernel, Op, VirtualCpu } from '../kernel/index.js';
import type { Strategy } from './strategy.js';
import type { Strand } from '../machine/strand.js';

/** Operations of one execution before it counts as a livelock (L-STEP-BOUND). */
export const STEPS_MAX = 1_000_000;

/**
 * Runs a machine one operation at a time in the order a strategy chooses. It is the kernel's gate: the strategy is
 * asked inside the scheduling point, engines and interrupt deliveries are performed right there, and the running
 * code is suspended only when another virtual CPU goes first.
 */
export class ControlledScheduler implements Gate {
  readonly #kernel: Kernel;
  readonly #strands: readonly Strand[];
  readonly #vcpuCount: number;
  readonly #strategy: Strategy;
  readonly #enabled: Int32Array;
  #choices = new Int32Array(1024);
  #choiceCount = 0;
  #steps = 0;
  #last = -1;
  #next = -1;

  constructor(kernel: Kernel, strands: readonly Strand[], strategy: Strategy) {
    this.#kernel = kernel;
    this.#strands = strands;
    this.#vcpuCount = kernel.vcpus.length;
    this.#strategy = strategy;
    this.#enabled = new Int32Array(strands.length);
  }

  /** Operations performed by all strands. */
  get steps(): number {
    return this.#steps;
  }

  /** The strand chosen at each point where more than one could run; valid until the next execution. */
  get choices(): Int32Array {
    return this.#choices.subarray(0, this.#choiceCount);
  }

  /** Runs until nothing can: either all work is done, or what is left waits for something nobody will do. */
  run(): void {
    for (;;) {
      const next = this.#next >= 0 ? this.#next : this.#choose();
      this.#next = -1;
      if (next < 0) return;
      this.#perform(next);
    }
  }

  at(_op: Op, cpu: VirtualCpu): boolean {
    const depth = cpu.depth;
    for (;;) {
      const next = this.#choose();
      if (next === cpu.id) {
        this.#account(next, cpu.pending);
        return false;
      }
      if (next < this.#vcpuCount) {
        this.#next = next;
        return true;
      }
      this.#perform(next);
      if (cpu.depth !== depth || cpu.dpcIsDue) return true;
    }
  }

  #perform(id: number): void {
    const strand = this.#strands[id]!;
    this.#account(id, strand.pending);
    strand.advance();
  }

  #account(id: number, op: Op): void {
    this.#last = id;
    this.#steps++;
    this.#strategy.executed(id, op);
    if (this.#steps <= STEPS_MAX) return;
    this.#kernel.violation({ rule: 'L-STEP-BOUND', severity: 'crash', object: null, message: `the execution did not end within ${STEPS_MAX} operations` });
  }

  /** The next strand's id, -1 when none is enabled. Only real choices are asked for and recorded. */
  #choose(): number {
    const enabled = this.#enabled;
    let count = 0;
    for (const strand of this.#strands) if (strand.isEnabled()) enabled[count++] = strand.id;
    if (count === 0) return -1;
    if (count === 1) return enabled[0]!;
    const chosen = enabled[this.#strategy.pick(enabled, count, this.#last)]!;
    this.#record(chosen);
    return chosen;
  }

  #record(id: number): void {
    if (this.#choiceCount === this.#choices.length) {
      const larger = new Int32Array(this.#choices.length * 2);
      larger.set(this.#choices);
      this.#choices = larger;
    }
    this.#choices[this.#choiceCount++] = id;
  }
}
