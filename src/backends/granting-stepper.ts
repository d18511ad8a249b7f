import type { DeviceView, EngineHostControl } from '../hardware/index.js';
import type { DeviceStepper } from '../machine/device-stepper.js';
import type { MachinePlan } from '../machine/plan.js';
import type { EnginePool } from './engine-pool.js';

/** Longest wait for a granted step before the engines are looked after; short against the silence that counts as loss. */
const GRANT_SLICE_MS = 20;

/** A device, as its engine host knows it. */
interface Granted {
  readonly control: EngineHostControl;
  /** Its number among the devices of that host. */
  readonly device: number;
}

/**
 * Lockstep: each step is granted to the worker thread that hosts the device, and the main thread waits until it has
 * been performed. A host that does not answer is L-ENGINE-LOST, a crash.
 */
export class GrantingStepper implements DeviceStepper {
  readonly #pool: EnginePool;
  /** By the device's place in the machine. */
  readonly #granted: readonly Granted[];

  constructor(plan: MachinePlan, pool: EnginePool) {
    this.#pool = pool;
    this.#granted = plan.hostOf.map((host, i) => ({
      control: pool.control(host),
      device: plan.hostOf.slice(0, i).filter((other) => other === host).length,
    }));
  }

  step(view: DeviceView): number {
    const { control, device } = this.#granted[view.placement.index]!;
    control.grant(device);
    while (!control.awaitGrantBlocking(GRANT_SLICE_MS)) this.#pool.check();
    return control.threadId;
  }

  threadOf(view: DeviceView): number {
    return this.#granted[view.placement.index]!.control.threadId;
  }
}
