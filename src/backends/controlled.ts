import { threadId } from 'node:worker_threads';
import { EventRing, SpinLock, VirtualClock, type RecordedViolation } from '../kernel/index.js';
import { Machine } from '../machine/machine.js';
import type { MachineParameters } from '../machine/parameters.js';
import { reportRegisterDeadlock } from '../machine/register-deadlock.js';
import { createStrands } from '../machine/strands.js';
import type { Strand } from '../machine/strand.js';
import { ControlledScheduler, STEPS_MAX } from './controlled-scheduler.js';
import { recordThrown } from './driver-error.js';
import type { Strategy } from './strategy.js';

/** Events kept of one execution: the trace a report shows. */
const EVENTS_KEPT = 65536;

/** Operations an execution may take for each of its requests, far above what any sample needs. */
const STEPS_PER_REQUEST_MAX = 20_000;

/** What one execution came to. */
export interface Execution {
  readonly steps: number;
  /** The strand chosen wherever there was a choice; valid until the next execution. */
  readonly choices: Int32Array;
  readonly eventHash: string;
  readonly memoryHash: string;
  readonly findings: readonly RecordedViolation[];
  readonly findingsTotal: number;
  readonly requests: number;
  readonly bytes: number;
  /** Device steps by the host thread that performed them. */
  readonly deviceStepsByThread: Readonly<Record<string, number>>;
}

/**
 * The controlled backend: one machine on private memory, executed again and again on the calling thread, one
 * operation at a time in the order a strategy chooses. Equal parameters and choices give equal hashes.
 */
export class ControlledBackend {
  readonly #clock = new VirtualClock();
  readonly #events = new EventRing(EVENTS_KEPT);
  readonly #machine: Machine;
  readonly #strands: readonly Strand[];
  #scheduler: ControlledScheduler | null = null;
  #used = false;

  readonly #stepsMax: number;

  constructor(parameters: MachineParameters) {
    this.#stepsMax = parameters.requests === Infinity ? STEPS_MAX : Math.max(STEPS_MAX, parameters.requests * STEPS_PER_REQUEST_MAX);
    this.#machine = new Machine(parameters, { hosts: 0, clock: this.#clock, events: this.#events });
    this.#strands = createStrands(this.#machine, this.#clock, threadId);
  }

  get machine(): Machine {
    return this.#machine;
  }

  get events(): EventRing {
    return this.#events;
  }

  /** Names of the strands, by id. */
  get strandNames(): readonly string[] {
    return this.#strands.map((strand) => strand.name);
  }

  /**
   * One execution from power-on to removal. Throws only for errors of the lab or of the caller's input. Whoever asks
   * for findings alone can leave the memory's hash out; it is empty then.
   */
  execute(strategy: Strategy, hashesMemory = true): Execution {
    const machine = this.#machine;
    const { kernel } = machine;
    if (this.#used) {
      this.#clock.reset();
      machine.reset();
    }
    this.#used = true;
    const scheduler = (this.#scheduler ??= new ControlledScheduler(kernel, this.#strands, strategy, this.#stepsMax));
    scheduler.restart(strategy);
    try {
      machine.prologue();
      kernel.gate = scheduler;
      // When nothing can run, what a watchdog waits for will not come: it is due.
      do scheduler.run();
      while (kernel.expireWatchdog());
      this.#requireDone();
      machine.epilogue();
    } catch (error) {
      recordThrown(error, kernel);
    }
    return this.#outcome(scheduler, hashesMemory);
  }

  /** Nothing can run any more: was everything done? */
  #requireDone(): void {
    const { kernel, isDone } = this.#machine;
    if (isDone) return;
    reportRegisterDeadlock(this.#machine);
    const blocked = kernel.vcpus.some((cpu) => cpu.top?.blockedOn instanceof SpinLock);
    kernel.violation({
      rule: blocked ? 'L-DEADLOCK' : 'L-QUIESCENCE',
      severity: 'crash',
      object: null,
      message: blocked
        ? `deadlock: ${kernel.describeWaits()}`
        : `nothing can run any more, and outstanding are ${this.#machine.describeOutstanding()}`,
    });
  }

  #outcome(scheduler: ControlledScheduler, hashesMemory: boolean): Execution {
    const { kernel, devices } = this.#machine;
    return {
      steps: scheduler.steps,
      choices: scheduler.choices,
      eventHash: this.#events.hash(),
      memoryHash: hashesMemory ? this.#machine.hash() : '',
      findings: [...kernel.findings.kept],
      findingsTotal: kernel.findings.total,
      requests: devices.reduce((sum, { workload }) => sum + (workload?.completed ?? 0), 0),
      bytes: devices.reduce((sum, { workload }) => sum + (workload?.bytes ?? 0), 0),
      deviceStepsByThread: scheduler.engineSteps === 0 ? {} : { [threadId]: scheduler.engineSteps },
    };
  }
}
