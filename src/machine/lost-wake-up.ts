import type { Machine } from './machine.js';

/**
 * For a machine in which nothing can run any more and traffic is outstanding: what a device has told, or is kept from
 * telling, and nobody will look at - a cause that is masked or was never acknowledged, completions that nobody took.
 * Finding L-LOST-WAKE-UP, a crash. Returns when there is nothing of the kind: then nobody was to be woken.
 */
export function reportLostWakeUp(machine: Machine): void {
  const unheard = machine.views.flatMap((view) => (view.model.unheard?.(view) ?? []).map((what) => `${view.name}: ${what}`));
  const waiting = machine.devices.some(
    ({ name, workload }) => workload !== null && workload.outstanding > 0 && unheard.some((text) => text.startsWith(`${name}: `)),
  );
  if (!waiting) return;
  machine.kernel.violation({
    rule: 'L-LOST-WAKE-UP',
    severity: 'crash',
    object: null,
    message: `nothing can run any more, but something has happened that nobody will look at: ${unheard.join('; ')}; and so these wait for ever: ${machine.describeOutstanding()}`,
  });
}
