import type { DeviceView } from '../hardware/index.js';
import type { Kernel } from '../kernel/index.js';
import { reportEngineThrew } from './engine-lost.js';

/** Who performs the steps of devices, one at a time, for a main thread that orders them. */
export interface DeviceStepper {
  /** Performs one step of the device and returns the host thread that executed it. */
  step(view: DeviceView): number;
  /** Host thread that executes the device's steps. */
  threadOf(view: DeviceView): number;
}

/** The calling thread itself. */
export class LocalStepper implements DeviceStepper {
  /** `thread` is the id of the calling thread. */
  constructor(
    private readonly kernel: Kernel,
    private readonly thread: number,
  ) {}

  step(view: DeviceView): number {
    try {
      view.model.step(view);
    } catch (error) {
      reportEngineThrew(this.kernel, view, error);
    }
    return this.thread;
  }

  threadOf(): number {
    return this.thread;
  }
}
