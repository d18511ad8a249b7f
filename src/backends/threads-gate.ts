import type { Gate, Op, RandomSource, VirtualCpu } from '../kernel/index.js';
import type { Machine } from '../machine/machine.js';

/** A probability as an integer ratio. */
export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

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
  readonly #random: RandomSource;
  readonly #preempt: Ratio | null;
  #pointsUntilSwitch: number;
  /** vCPU that was preempted and should not be picked again at once; -1 for none. */
  #preempted = -1;
  #turn = 0;
  #pointsUntilLook = LOOK_POINTS;
  /** The run is due for a look at the clock and at signals, whatever the driver's code is doing. */
  mustLook = false;
  #nextCancel: number;

  constructor(machine: Machine, preempt: Ratio | null, random: RandomSource) {
    this.#machine = machine;
    this.#random = random;
    this.#preempt = preempt !== null && preempt.numerator > 0 ? preempt : null;
    this.#pointsUntilSwitch = this.#drawDistance();
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
      this.#preempted = cpu.id;
      return true;
    }
    if (--this.#pointsUntilSwitch > 0) return false;
    this.#pointsUntilSwitch = this.#drawDistance();
    this.#preempted = cpu.id;
    return true;
  }

  /** Points until the next preemption: the waiting time of a coin thrown at every point. */
  #drawDistance(): number {
    const { numerator, denominator } = this.#preempt ?? { numerator: 0, denominator: 1 };
    if (numerator === 0) return Number.MAX_SAFE_INTEGER;
    let distance = 1;
    while (distance < 1_000_000 && !this.#random.chance(numerator, denominator)) distance++;
    return distance;
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

  /**
   * Who runs next: the highest level first, as an interrupt outruns what it interrupted; equals in turn; the one
   * just preempted last, whatever its level. Null when no virtual CPU can go on.
   */
  pick(): VirtualCpu | null {
    const { vcpus } = this.#machine.kernel;
    let best: VirtualCpu | null = null;
    let bestRank = -1;
    this.#turn = (this.#turn + 1) % vcpus.length;
    for (let i = 0; i < vcpus.length; i++) {
      const cpu = vcpus[(this.#turn + i) % vcpus.length]!;
      if (!cpu.isEnabled()) continue;
      const rank = cpu.id === this.#preempted ? 0 : 1 + cpu.irql;
      if (rank > bestRank) {
        best = cpu;
        bestRank = rank;
      }
    }
    this.#preempted = -1;
    return best;
  }
}
