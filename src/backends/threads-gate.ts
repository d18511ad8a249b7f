import type { Gate, Op, VirtualCpu } from '../kernel/index.js';
import type { Machine } from '../machine/machine.js';
import type { VcpuTurns } from './vcpu-turns.js';

/** Points that driver code may pass without the run looking at its clock: code that never waits must not outrun it. */
const LOOK_POINTS = 4096;

/** A doomed request submitted between looks may wait this many points for its cancellation. */
const CANCEL_LOOK_POINTS = 8;

/**
 * Scheduling points in free-running execution: one plain load, unless a device wants something. Then its ISR is put
 * on top of the code that stands at the point, so that stress interrupts drivers in the middle of their callbacks.
 * With `preempt`, points also switch between virtual CPUs by chance.
 */
export class ThreadsGate implements Gate {
  readonly #machine: Machine;
  readonly #turns: VcpuTurns;
  #pointsUntilLook = LOOK_POINTS;
  /** The run is due for a look at the clock and at signals, whatever the driver's code is doing. */
  mustLook = false;
  #nextCancel: number;

  constructor(machine: Machine, turns: VcpuTurns) {
    this.#machine = machine;
    this.#turns = turns;
    this.#nextCancel = machine.parameters.devices.some((device) => device.workload.cancelPerMillion > 0) ? 0 : Infinity;
  }

  at(_op: Op, cpu: VirtualCpu): boolean {
    if (this.#machine.controller.hasAttention() && this.deliverPending()) return true;
    if (--this.#pointsUntilLook === 0) {
      this.#pointsUntilLook = LOOK_POINTS;
      this.mustLook = true;
      return true;
    }
    if (this.#machine.kernel.points >= this.#nextCancel && this.#cancelDue()) {
      this.#turns.preempt(cpu);
      return true;
    }
    return this.#turns.isSwitchDue(cpu);
  }

  /** Starts the cancellations that are due; the next look is due when the earliest of the others is. */
  #cancelDue(): boolean {
    let issued = false;
    let next = this.#machine.kernel.points + CANCEL_LOOK_POINTS;
    for (const { canceller } of this.#machine.devices) {
      if (canceller === null) continue;
      if (canceller.nextPoint <= this.#machine.kernel.points && canceller.issueDue()) issued = true;
      next = Math.min(next, canceller.nextPoint);
    }
    this.#nextCancel = next;
    return issued;
  }

  /** Puts every deliverable interrupt on its virtual CPU. True when there was one. */
  deliverPending(): boolean {
    const { vectors, controller } = this.#machine;
    this.#machine.reportFaults();
    let delivered = false;
    for (const vector of vectors) {
      if (!controller.isPending(vector.index) || !vector.isDeliverable) continue;
      vector.deliver();
      delivered = true;
    }
    return delivered;
  }
}
