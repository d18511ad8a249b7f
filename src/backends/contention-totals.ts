import { AllocationWaits, deviceOf, fairnessOf, type HalPlatform } from '../hal/index.js';
import type { AdapterContentionReport, ContentionReport } from '../machine/report.js';

/** Contention over all machines of a run: the n-th adapter of a device does the same in each of them. */
export class ContentionTotals {
  readonly #rows = new Map<string, { readonly adapter: string; readonly device: string; readonly waits: AllocationWaits }>();

  add(platform: HalPlatform): void {
    const ordinals = new Map<string, number>();
    for (const adapter of platform.everyAdapter) {
      const device = deviceOf(adapter);
      const ordinal = ordinals.get(device) ?? 0;
      ordinals.set(device, ordinal + 1);
      const key = `${device} ${ordinal}`;
      let row = this.#rows.get(key);
      if (row === undefined) {
        row = { adapter: adapter.label, device, waits: new AllocationWaits() };
        this.#rows.set(key, row);
      }
      row.waits.add(adapter.waits);
    }
  }

  report(): ContentionReport {
    const adapters = [...this.#rows.values()].map(({ adapter, device, waits }): AdapterContentionReport => {
      const { grants, registersGranted, waited, waitNs, waitNsMax, queueLengthMax, heldRegistersMax, overtakenMax } = waits;
      // The upper percentiles are ends of buckets; none lies beyond the longest wait.
      const p99 = Math.min(waitNs.percentile(99), waitNsMax);
      return {
        adapter,
        device,
        grants,
        registersGranted,
        waited,
        waitNs: { p50: waitNs.percentile(50), p99, max: waitNsMax },
        queueLengthMax,
        heldRegistersMax,
        overtakenMax,
      };
    });
    return { fairness: fairnessOf(adapters), adapters };
  }
}
