import { SpinLock } from '../kernel/index.js';
import type { Machine } from '../machine/machine.js';
import type { MachineParameters } from '../machine/parameters.js';
import { reportLostWakeUp } from '../machine/lost-wake-up.js';
import { reportRegisterDeadlock } from '../machine/register-deadlock.js';
import { STEPS_MAX } from './controlled-scheduler.js';

/** Operations an execution may take for each of its requests, far above what any sample needs. */
const STEPS_PER_REQUEST_MAX = 20_000;

/** Operations of an execution before it counts as one that never ends; the same for the one that recorded and the one that replays. */
export function stepsMaxOf({ requests, stepsMax }: MachineParameters): number {
  if (stepsMax !== null) return stepsMax;
  return requests === Infinity ? STEPS_MAX : Math.max(STEPS_MAX, requests * STEPS_PER_REQUEST_MAX);
}

/** Nothing can run any more: was everything done? If not, that is a crash (L-DEADLOCK, L-QUIESCENCE). */
export function requireDone(machine: Machine): void {
  const { kernel, isDone } = machine;
  if (isDone) return;
  reportRegisterDeadlock(machine);
  const blocked = kernel.vcpus.some((cpu) => cpu.top?.blockedOn instanceof SpinLock);
  if (!blocked) reportLostWakeUp(machine);
  kernel.violation({
    rule: blocked ? 'L-DEADLOCK' : 'L-QUIESCENCE',
    severity: 'crash',
    object: null,
    message: blocked
      ? `deadlock: ${kernel.describeWaits()}`
      : `nothing can run any more, and outstanding are ${machine.describeOutstanding()}`,
  });
}
