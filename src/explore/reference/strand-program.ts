import type { Op } from '../../kernel/index.js';
import type { ModelRaces } from './model-races.js';
import { DONE } from '../../kernel/index.js';
import type { Strategy } from '../../backends/strategy.js';

/**
 * A strand of a model, as a device is one: it stands before one operation, `step` performs that and moves on to the
 * next. All it shares with the other strands are the words of the model.
 */
export interface StrandProgram {
  readonly name: string;
  /** The operation it stands before, DONE at its end. Nothing but `reset` and its own `step` changes it. */
  readonly pending: Op;
  reset(): void;
  step(): void;
}

/** Strands over shared words, executed again and again. Object `w + 1` of an operation is the word `w`. */
export interface StrandModel {
  readonly name: string;
  readonly strands: readonly StrandProgram[];
  reset(): void;
  /** Whether the execution that has ended broke the model's rule. */
  isWrong(): boolean;
}

/**
 * The controlled loop with nothing around it: the strategies of `explore` on a model of strands. One object for many
 * executions; an execution allocates nothing.
 */
export class ModelLoop {
  readonly #enabled: Int32Array;
  readonly #ops: Int32Array;
  readonly #outcome = { steps: 0, foundSomething: false };

  /** `races`: looks for data races, or null. */
  constructor(
    private readonly model: StrandModel,
    private readonly races: ModelRaces | null = null,
  ) {
    this.#enabled = new Int32Array(model.strands.length);
    this.#ops = new Int32Array(model.strands.length);
  }

  /** Operations of the last execution. */
  get steps(): number {
    return this.#outcome.steps;
  }

  /** One execution from the model's beginning to the end of all its strands. True: it broke the rule. */
  run(strategy: Strategy): boolean {
    const { model, races } = this;
    const { strands } = model;
    races?.reset();
    const enabled = this.#enabled;
    const ops = this.#ops;
    model.reset();
    let count = 0;
    for (let i = 0; i < strands.length; i++) {
      const op = strands[i]!.pending;
      if (op === DONE) continue;
      ops[count] = op;
      enabled[count++] = i;
    }
    let last = -1;
    let steps = 0;
    // A strand moves by its own steps alone, so after each only the one that stepped is looked at.
    while (count > 0) {
      const index = count === 1 ? 0 : strategy.pick(enabled, count, last, ops);
      const op = ops[index]!;
      last = enabled[index]!;
      strategy.executed(last, op);
      if (races !== null) races.performed(last, op);
      const strand = strands[last]!;
      strand.step();
      steps++;
      const next = strand.pending;
      ops[index] = next;
      if (next !== DONE) continue;
      count--;
      for (let i = index; i < count; i++) {
        enabled[i] = enabled[i + 1]!;
        ops[i] = ops[i + 1]!;
      }
    }
    const outcome = this.#outcome;
    outcome.steps = steps;
    outcome.foundSomething = model.isWrong();
    strategy.finished(outcome);
    return outcome.foundSomething;
  }
}
