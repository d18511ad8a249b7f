import { describeRegisterDeadlock } from '../hal/index.js';
import type { Machine } from './machine.js';

/**
 * For a machine in which nothing can run any more and traffic is outstanding: rule D36, a crash, when devices hold map
 * registers and wait for more of them; rule D55 when a driver keeps a channel of the system DMA controller for a transfer
 * that has ended. Returns when that is not why.
 */
export function reportRegisterDeadlock(machine: Machine): void {
  const { kernel, platform } = machine;
  const message = describeRegisterDeadlock(platform);
  if (message !== null) kernel.violation({ rule: 'D36', severity: 'crash', object: 'map register pool', message });
  const kept = platform.systemDma?.describeKeptChannel() ?? null;
  if (kept === null) return;
  const { adapter, channel } = kept;
  kernel.violation({
    rule: 'D55',
    severity: 'crash',
    object: adapter.label,
    message: `channel ${channel} of the system DMA controller is kept by ${adapter.label}, whose transfer has ended: its driver has not completed the transaction, on an error or cancel path for example, and nobody else can have the channel`,
  });
}
