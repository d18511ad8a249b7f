import type { RandomSource, VirtualCpu } from '../kernel/index.js';

/** A probability as an integer ratio. */
export interface Ratio {
  readonly numerator: number;
  readonly denominator: number;
}

/** Longest distance between two preemptions that is drawn. */
const DISTANCE_MAX = 1_000_000;

/** Whose turn it is among the virtual CPUs, where no strategy says so: levels first, then in turn, with preemptions by chance. */
export class VcpuTurns {
  readonly #vcpus: readonly VirtualCpu[];
  readonly #random: RandomSource;
  readonly #preempt: Ratio | null;
  #pointsUntilSwitch: number;
  /** vCPU that was preempted and should not be picked again at once; -1 for none. */
  #preempted = -1;
  #turn = 0;

  /** `preempt`: chance of a switch at a scheduling point; null for none. */
  constructor(vcpus: readonly VirtualCpu[], preempt: Ratio | null, random: RandomSource) {
    this.#vcpus = vcpus;
    this.#random = random;
    this.#preempt = preempt !== null && preempt.numerator > 0 ? preempt : null;
    this.#pointsUntilSwitch = this.#drawDistance();
  }

  /** `cpu` passes a point: true when it is to be preempted there. */
  isSwitchDue(cpu: VirtualCpu): boolean {
    if (--this.#pointsUntilSwitch > 0) return false;
    this.#pointsUntilSwitch = this.#drawDistance();
    this.preempt(cpu);
    return true;
  }

  /** The next `pick` takes `cpu` only when no other can go on. */
  preempt(cpu: VirtualCpu): void {
    this.#preempted = cpu.id;
  }

  /** Points until the next preemption: the waiting time of a coin thrown at every point. */
  #drawDistance(): number {
    if (this.#preempt === null) return Number.MAX_SAFE_INTEGER;
    const { numerator, denominator } = this.#preempt;
    let distance = 1;
    while (distance < DISTANCE_MAX && !this.#random.chance(numerator, denominator)) distance++;
    return distance;
  }

  /**
   * Who runs next: the highest level first, as an interrupt outruns what it interrupted; equals in turn; the one
   * just preempted last, whatever its level. Null when no virtual CPU can go on.
   */
  pick(): VirtualCpu | null {
    const vcpus = this.#vcpus;
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
