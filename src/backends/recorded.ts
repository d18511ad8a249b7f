import { threadId } from 'node:worker_threads';
import { EventRing, SeededRandom, VirtualClock, deriveSeed } from '../kernel/index.js';
import { HostCommand, MAIN_PARTY, ORDER_PARTIES_MAX, OrderLock } from '../hardware/index.js';
import { LocalStepper } from '../machine/device-stepper.js';
import { Machine } from '../machine/machine.js';
import type { MachineParameters } from '../machine/parameters.js';
import { createStrands } from '../machine/strands.js';
import { EVENTS_KEPT, type Execution } from './controlled.js';
import { recordThrown } from './driver-error.js';
import { EnginePool, hostCountOf, maySpin } from './engine-pool.js';
import { requireDone, stepsMaxOf } from './execution-end.js';
import { RecordedScheduler } from './recorded-scheduler.js';
import { VcpuTurns, type Ratio } from './vcpu-turns.js';

/** An execution on real threads, with the order it took. */
export interface Recording {
  readonly execution: Omit<Execution, 'choices'>;
  /** The strand of every operation, of the main thread and of devices; valid until the next execution. */
  readonly order: Int32Array;
  /** False when an engine was lost in the middle of a step: what it did then stands nowhere. */
  readonly isExact: boolean;
}

/**
 * The recorded backend: devices step freely on worker threads, the main thread runs the driver, and every operation
 * takes its place in one order. An execution goes from power-on to removal, as under control, where following its
 * order leads to the same events and the same memory.
 */
export class RecordedBackend {
  readonly #clock = new VirtualClock();
  readonly #events = new EventRing(EVENTS_KEPT);
  readonly #machine: Machine;
  readonly #pool: EnginePool;
  readonly #lock: OrderLock;
  readonly #scheduler: RecordedScheduler;
  readonly #threads: number[] = [];
  #used = false;

  /** `preempt`: chance of a switch between virtual CPUs at a scheduling point; null for none. */
  constructor(parameters: MachineParameters, preempt: Ratio | null = null) {
    const hosts = Math.min(hostCountOf(parameters), ORDER_PARTIES_MAX - 1);
    const machine = new Machine(parameters, { hosts, clock: this.#clock, events: this.#events });
    const { plan, kernel } = machine;
    this.#machine = machine;
    // Where devices do not step by themselves - prologue, epilogue - the main thread steps them, the lock in hand.
    machine.stepper = new LocalStepper(kernel, threadId);
    this.#pool = new EnginePool(machine, HostCommand.Record);
    this.#lock = new OrderLock(machine.memory, plan.orderLock, MAIN_PARTY, maySpin(plan.hosts.length));
    this.#lock.tryTake();
    this.#scheduler = new RecordedScheduler({
      machine,
      strands: createStrands(machine, this.#clock),
      lock: this.#lock,
      turns: new VcpuTurns(kernel.vcpus, preempt, new SeededRandom(deriveSeed(parameters.seed, 'preemption'))),
      stepsMax: stepsMaxOf(parameters),
      threadOf: (device) => this.#threads[device]!,
      check: () => this.#pool.check(),
    });
    kernel.counter = this.#scheduler;
  }

  get machine(): Machine {
    return this.#machine;
  }

  get pool(): EnginePool {
    return this.#pool;
  }

  get events(): EventRing {
    return this.#events;
  }

  /** Starts the worker threads; call before the first execution. */
  async start(): Promise<void> {
    await this.#pool.start();
    for (const host of this.#machine.plan.hostOf) this.#threads.push(this.#pool.control(host).threadId);
  }

  /** Ends the worker threads. Never throws. */
  stop(): Promise<void> {
    return this.#pool.stop();
  }

  /** One execution; blocks the event loop until it ends. After a lost engine there cannot be another. */
  execute(): Recording {
    const machine = this.#machine;
    const { kernel } = machine;
    if (this.#used) {
      this.#clock.reset();
      machine.reset();
    }
    this.#used = true;
    this.#scheduler.restart();
    try {
      machine.prologue();
      kernel.gate = this.#scheduler;
      this.#letDevicesStep();
      do this.#scheduler.run();
      while (kernel.expireWatchdog());
      this.#lock.setOpen(false);
      requireDone(machine);
      machine.epilogue();
    } catch (error) {
      this.#lock.setOpen(false);
      recordThrown(error, kernel);
    }
    return this.#outcome();
  }

  /** The lock is still ours: they begin when we let go of it. */
  #letDevicesStep(): void {
    this.#lock.setOpen(true);
    const { hosts } = this.#machine.plan;
    for (let host = 0; host < hosts.length; host++) this.#pool.control(host).kick();
  }

  #outcome(): Recording {
    const machine = this.#machine;
    const { findings } = machine.kernel;
    const { order } = this.#scheduler;
    return {
      execution: {
        steps: this.#scheduler.steps,
        eventHash: this.#events.hash(),
        memoryHash: machine.hash(),
        findings: findings.copy(),
        findingsTotal: findings.total,
        requests: machine.requestsCompleted,
        bytes: machine.bytesMoved,
        deviceStepsByThread: this.#stepsByThread(),
      },
      order: order.strands,
      isExact: !this.#pool.isLost,
    };
  }

  #stepsByThread(): Record<string, number> {
    const counts: Record<string, number> = {};
    this.#threads.forEach((thread, device) => {
      const steps = this.#scheduler.engineSteps(device);
      if (steps > 0) counts[thread] = (counts[thread] ?? 0) + steps;
    });
    return counts;
  }
}
