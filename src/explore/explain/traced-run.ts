import type { ControlledBackend, Execution } from '../../backends/controlled.js';
import type { Strategy } from '../../backends/strategy.js';
import { EventKind, type EventRecord, type Op } from '../../kernel/index.js';

/** One operation of a traced execution. */
export interface TraceStep {
  readonly strand: number;
  readonly op: Op;
  /** Number of the choice that led to it; the last one before it where there was nothing to choose. -1 before the first. */
  readonly choice: number;
  /** What ran on the virtual CPU, its callback or, outside of one, its activation; null for other strands. */
  callback: string | null;
  /** What the machine recorded while it was performed. */
  events: readonly EventRecord[];
}

/** An execution with all its operations. */
export interface Trace {
  readonly execution: Execution;
  readonly choices: readonly number[];
  /** Strands that could have been chosen, by choice. */
  readonly enabled: readonly (readonly number[])[];
  /** Up to the operation in which the first finding was made, or all. */
  readonly steps: readonly TraceStep[];
}

/** Lets another strategy choose and writes down what is performed. For a few executions that are to be read, not for searches. */
class TracedRun implements Strategy {
  readonly name = 'traced';
  readonly #steps: (TraceStep & { sequence: number })[] = [];
  readonly enabled: number[][] = [];

  constructor(
    private readonly backend: ControlledBackend,
    private readonly inner: Strategy,
  ) {}

  newExecution(): boolean {
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number, ops: Int32Array): number {
    this.enabled.push(Array.from(enabled.subarray(0, count)));
    return this.inner.pick(enabled, count, current, ops);
  }

  executed(strand: number, op: Op): void {
    const { machine, events } = this.backend;
    const cpu = machine.kernel.vcpus[strand];
    const callback = cpu === undefined ? null : (cpu.top?.callback?.name ?? cpu.top?.name ?? null);
    this.#steps.push({ strand, op, choice: this.enabled.length - 1, callback, events: [], sequence: events.sequence });
    this.inner.executed(strand, op);
  }

  finished(): void {}

  /** The steps with their events, up to the first finding. */
  steps(): TraceStep[] {
    const steps = this.#steps;
    let index = 0;
    let end = steps.length;
    const bySteps: EventRecord[][] = steps.map(() => []);
    for (const event of this.backend.events.newest()) {
      while (index + 1 < steps.length && steps[index + 1]!.sequence <= event.sequence) index++;
      if (steps.length === 0 || steps[index]!.sequence > event.sequence) continue;
      bySteps[index]!.push(event);
      if (event.kind === EventKind.Violation && end === steps.length) end = index + 1;
    }
    return steps.slice(0, end).map(({ sequence: _, ...step }, i) => ({ ...step, events: bySteps[i]! }));
  }
}

/** Executes a schedule that `strategy`, whose execution has been started, chooses, and keeps all of it. */
export function traceExecution(backend: ControlledBackend, strategy: Strategy): Trace {
  const traced = new TracedRun(backend, strategy);
  const execution = backend.execute(traced, false);
  const choices = Array.from(execution.choices);
  return { execution: { ...execution, choices: Int32Array.from(choices) }, choices, enabled: traced.enabled, steps: traced.steps() };
}
