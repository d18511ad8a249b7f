import type { Kernel } from '../kernel/index.js';
import type { DeviceView } from '../hardware/index.js';
import { registersText } from './registers-text.js';

/** A device model threw where the main thread steps it: the finding L-ENGINE-LOST, as when its engine's thread is lost. Does not return. */
export function reportEngineThrew(kernel: Kernel, view: DeviceView, error: unknown): never {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  kernel.violation({
    rule: 'L-ENGINE-LOST',
    severity: 'crash',
    object: view.name,
    message: `the engine of ${view.name} is lost: its model threw ${what}; registers: ${view.name}: ${registersText(view)}`,
  });
  throw kernel.dead!;
}
