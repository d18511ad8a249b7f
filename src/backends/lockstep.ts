import { HostCommand } from '../hardware/index.js';
import type { MachineParameters } from '../machine/parameters.js';
import { ControlledBackend, type Execution } from './controlled.js';
import { EnginePool, hostCountOf } from './engine-pool.js';
import { GrantingStepper } from './granting-stepper.js';
import type { Strategy } from './strategy.js';

/**
 * The lockstep backend: the controlled scheduler decides, but every device step is executed by the worker thread that
 * hosts the device, over shared memory. The same strategy comes to the same findings and hashes as on the controlled
 * backend; the device steps in the trace name the workers' threads.
 */
export class LockstepBackend {
  readonly #controlled: ControlledBackend;
  readonly #pool: EnginePool;

  constructor(parameters: MachineParameters) {
    this.#controlled = new ControlledBackend(parameters, hostCountOf(parameters));
    const { machine } = this.#controlled;
    this.#pool = new EnginePool(machine, HostCommand.Grant);
    machine.stepper = new GrantingStepper(machine.plan, this.#pool);
  }

  /** The machine and its trace. */
  get controlled(): ControlledBackend {
    return this.#controlled;
  }

  /** Starts the worker threads; call before the first execution. */
  start(): Promise<void> {
    return this.#pool.start();
  }

  /** One execution; blocks the event loop until it ends. An engine that does not answer is the finding L-ENGINE-LOST. */
  execute(strategy: Strategy): Execution {
    return this.#controlled.execute(strategy);
  }

  /** Ends the worker threads. Never throws. */
  stop(): Promise<void> {
    return this.#pool.stop();
  }
}
