import { threadId } from 'node:worker_threads';
import { EventRing, RaceWatch, VirtualClock, type RecordedViolation } from '../kernel/index.js';
import { LocalStepper } from '../machine/device-stepper.js';
import { Machine } from '../machine/machine.js';
import type { MachineParameters } from '../machine/parameters.js';
import { createStrands } from '../machine/strands.js';
import type { Strand, StrandKind } from '../machine/strand.js';
import { ControlledScheduler } from './controlled-scheduler.js';
import { recordThrown } from './driver-error.js';
import { requireDone, stepsMaxOf } from './execution-end.js';
import type { Granularity } from './granularity.js';
import { LivelockWatch } from './livelock-watch.js';
import type { PointTally } from './point-tally.js';
import type { Strategy } from './strategy.js';
import { withStrictTraps } from './strict-traps.js';

/** Events kept of one execution: the trace a report shows. */
export const EVENTS_KEPT = 65536;

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
 * The controlled backend: one machine, executed again and again, one operation at a time in the order a strategy
 * chooses. Equal parameters and choices give equal hashes. On private memory and on the calling thread, unless a
 * backend that builds on it brings engine hosts and its own stepper.
 */
export class ControlledBackend {
  readonly #clock = new VirtualClock();
  readonly #events = new EventRing(EVENTS_KEPT);
  readonly #machine: Machine;
  readonly #strands: readonly Strand[];
  #scheduler: ControlledScheduler | null = null;
  #used = false;

  readonly #stepsMax: number;
  readonly #granularity: Granularity;
  readonly #isStrict: boolean;
  readonly #livelock: LivelockWatch | null;
  /** Counts scheduling points of all executions; null (default) when nobody asks. */
  tally: PointTally | null = null;

  /** `hosts` engine hosts; with any, the machine needs a stepper before the first execution. */
  constructor(parameters: MachineParameters, hosts = 0) {
    this.#stepsMax = stepsMaxOf(parameters);
    this.#granularity = parameters.granularity as Granularity;
    // With engine hosts the lab itself looks at real time between granted steps.
    this.#isStrict = parameters.strict && hosts === 0;
    this.#machine = new Machine(parameters, { hosts, clock: this.#clock, events: this.#events });
    if (parameters.races) this.#lookForRaces(new RaceWatch(this.#machine.kernel));
    if (hosts === 0) this.#machine.stepper = new LocalStepper(this.#machine.kernel, threadId);
    this.#strands = createStrands(this.#machine, this.#clock);
    this.#livelock = parameters.livelocks ? new LivelockWatch(this.#machine, this.#strands) : null;
  }

  #lookForRaces(races: RaceWatch): void {
    this.#machine.kernel.races = races;
    for (const { iommu, model } of this.#machine.views)
      if (model.fetchesBlocks !== true) iommu.onAccess = (address, lengthBytes, isWrite) => races.accessed(address, lengthBytes, isWrite);
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

  /** Kinds of the strands, by id. */
  get strandKinds(): readonly StrandKind[] {
    return this.#strands.map((strand) => strand.kind);
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
    kernel.counter = scheduler;
    scheduler.restart(strategy);
    scheduler.granularity = this.#granularity;
    scheduler.leapDistance = this.#machine.parameters.leapDistance;
    scheduler.tally = this.tally;
    scheduler.livelock = this.#livelock;
    if (this.#isStrict) withStrictTraps(kernel, () => this.#executeOnce(scheduler, strategy));
    else this.#executeOnce(scheduler, strategy);
    this.tally?.fold(kernel);
    return this.#outcome(scheduler, hashesMemory);
  }

  #executeOnce(scheduler: ControlledScheduler, strategy: Strategy): void {
    const machine = this.#machine;
    const { kernel } = machine;
    try {
      machine.prologue();
      kernel.gate = scheduler;
      if (this.#granularity === 'words') kernel.words = scheduler;
      kernel.races?.start(machine.raceObjects);
      strategy.watch?.(machine, this.#strands);
      // When nothing can run, what a watchdog waits for will not come: it is due.
      do scheduler.run();
      while (kernel.expireWatchdog());
      kernel.words = null;
      strategy.stopped?.();
      kernel.races?.stop();
      requireDone(machine);
      machine.epilogue();
    } catch (error) {
      recordThrown(error, kernel);
    }
  }

  #outcome(scheduler: ControlledScheduler, hashesMemory: boolean): Execution {
    const machine = this.#machine;
    const { findings } = machine.kernel;
    return {
      steps: scheduler.steps,
      choices: scheduler.choices,
      eventHash: this.#events.hash(),
      memoryHash: hashesMemory ? machine.hash() : '',
      findings: findings.copy(),
      findingsTotal: findings.total,
      requests: machine.requestsCompleted,
      bytes: machine.bytesMoved,
      deviceStepsByThread: this.#stepsByThread(scheduler),
    };
  }

  #stepsByThread(scheduler: ControlledScheduler): Record<string, number> {
    const { stepper, views } = this.#machine;
    const counts: Record<string, number> = {};
    for (let i = 0; i < views.length; i++) {
      const steps = scheduler.engineSteps(i);
      const thread = stepper!.threadOf(views[i]!);
      if (steps > 0) counts[thread] = (counts[thread] ?? 0) + steps;
    }
    return counts;
  }
}
