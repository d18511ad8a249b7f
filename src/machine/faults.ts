import { DEVICE_FAULT_KINDS, PLATFORM_FAULT_KINDS, PlatformFaults, plannedKinds, type FaultKind } from '../faults/index.js';
import { armFaults, injectedFaults, type DeviceView } from '../hardware/index.js';
import { deriveSeed } from '../kernel/index.js';
import type { FaultLedger } from '../workload/index.js';
import { PLATFORM, type MachineParameters } from './parameters.js';

/** The faults of one machine: the platform's, drawn on the main thread, and the devices', drawn in their steps. */
export class MachineFaults {
  /** For the HAL; null while the platform is to do nothing wrong and nobody counts its calls. */
  readonly platform: PlatformFaults | null;
  readonly #parameters: MachineParameters;
  readonly #kinds: readonly FaultKind[];
  #views: readonly DeviceView[] = [];

  constructor(parameters: MachineParameters) {
    const { faults, failCall, seed } = parameters;
    this.#parameters = parameters;
    this.#kinds = plannedKinds(faults);
    const isAsked = failCall !== null || PLATFORM_FAULT_KINDS.some((kind) => this.#kinds.includes(kind));
    this.platform = isAsked ? new PlatformFaults(faults, deriveSeed(seed, 'faults')) : null;
    if (this.platform === null) return;
    if (failCall !== null) this.platform.failCall = failCall;
    this.platform.leftOut = parameters.faultsLeftOut[PLATFORM] ?? 0;
  }

  /** As before the first draw; devices are armed one by one as they are powered on. */
  reset(views: readonly DeviceView[]): void {
    this.#views = views;
    this.platform?.reset();
  }

  arm(view: DeviceView): void {
    if (this.#kinds.length === 0) return;
    const { faults, seed, faultsLeftOut } = this.#parameters;
    armFaults(view, faults, deriveSeed(seed, `faults of ${view.name}`), faultsLeftOut[view.name] ?? 0);
  }

  /** Injected faults of a kind, on one device or on all. */
  injected(kind: FaultKind, view: DeviceView | null = null): number {
    const deviceKind = DEVICE_FAULT_KINDS.find((name) => name === kind);
    if (deviceKind === undefined) return this.platform?.injected(kind as Exclude<FaultKind, (typeof DEVICE_FAULT_KINDS)[number]>) ?? 0;
    const views = view === null ? this.#views : [view];
    return views.reduce((sum, each) => sum + injectedFaults(each, deviceKind), 0);
  }

  /** Injected faults by who did it: the platform, and each device. Those that are nobody's are not there. */
  byInjector(): ReadonlyMap<string, number> {
    const sum = (kinds: readonly FaultKind[], view: DeviceView | null): number =>
      kinds.reduce((total, kind) => total + this.injected(kind, view), 0);
    const counts: [string, number][] = this.#views.map((view) => [view.name, sum(DEVICE_FAULT_KINDS, view)]);
    counts.push([PLATFORM, sum(PLATFORM_FAULT_KINDS, null)]);
    return new Map(counts.filter(([, count]) => count > 0));
  }

  /** By planned kind: how many were injected. */
  report(): Partial<Record<FaultKind, number>> {
    return Object.fromEntries(this.#kinds.map((kind) => [kind, this.injected(kind)]));
  }

  /**
   * One error completion, abort or failed allocation explains one failed request; a device that hung, stalled or was
   * late may have been reset by its driver's watchdog, which fails whatever was in flight.
   */
  ledgerOf(view: DeviceView): FaultLedger {
    const count = (...kinds: readonly FaultKind[]): number => kinds.reduce((sum, kind) => sum + this.injected(kind, view), 0);
    return {
      explainsFailure: (failed) =>
        failed < count('error-completion', 'abort-completion', 'allocation-failure') || count('hang', 'stall', 'late-completion') > 0,
      explainsShortCount: (shortened) => shortened < count('partial-count'),
    };
  }
}
