import { NT_SUCCESS, statusName } from '../nt/index.js';
import type { Kernel, RandomSource, Suspending, VirtualCpu } from '../kernel/index.js';
import type { Device } from '../wdf/index.js';
import type { WorkloadConfig } from './config.js';

/**
 * The outside actor for power and plug and play: now and then, while requests are in flight, the device is sent to D3
 * and back, or its hardware is pulled out. It runs on the outside world's virtual CPU, at PASSIVE_LEVEL.
 */
export class PowerActor {
  powerCycles = 0;
  /** The hardware was pulled: failing requests are to be expected, lost ones are not. */
  isGone = false;
  #isBusy = false;

  constructor(
    private readonly kernel: Kernel,
    private readonly cpu: VirtualCpu,
    private readonly device: Device,
    private readonly config: WorkloadConfig,
    private readonly random: RandomSource,
    private readonly deviceName: string,
  ) {}

  /** A transition is under way; a run does not end in the middle of one. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** A request was submitted: draws whether something happens to the device now. True when it was pulled. */
  submitted(): boolean {
    if (this.#isBusy || this.isGone) return false;
    if (this.random.chance(this.config.unplugPerMillion, 1_000_000)) {
      this.isGone = true;
      this.#begin('unplug', this.#unplug());
      return true;
    }
    if (this.random.chance(this.config.powerCyclesPerMillion, 1_000_000)) this.#begin('power cycle', this.#cycle());
    return false;
  }

  #begin(name: string, body: Suspending<void>): void {
    this.#isBusy = true;
    this.cpu.queueThread(name, this.cpu.objectId, body);
  }

  *#cycle(): Suspending<void> {
    let status = yield* this.device.powerDown();
    if (NT_SUCCESS(status)) status = yield* this.device.powerUp();
    this.powerCycles++;
    this.#isBusy = false;
    if (NT_SUCCESS(status) || this.isGone) return;
    this.kernel.violation({
      rule: 'L-POWER',
      severity: 'error',
      object: this.deviceName,
      message: `${this.deviceName} did not come back from D3: ${statusName(status)}`,
    });
  }

  *#unplug(): Suspending<void> {
    yield* this.device.surpriseRemove();
    this.#isBusy = false;
  }
}
