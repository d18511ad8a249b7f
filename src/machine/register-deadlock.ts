import { describeRegisterDeadlock } from '../hal/index.js';
import type { Machine } from './machine.js';

/**
 * For a machine in which nothing can run any more and traffic is outstanding: rule D36, a crash, when devices hold map
 * registers and wait for more of them. Returns when that is not why.
 */
export function reportRegisterDeadlock(machine: Machine): void {
  const { kernel, platform } = machine;
  const message = describeRegisterDeadlock(platform);
  if (message !== null) kernel.violation({ rule: 'D36', severity: 'crash', object: 'map register pool', message });
}
