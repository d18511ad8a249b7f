import { DPC_WATCHDOG_VIOLATION, type Irql } from '../nt/index.js';
import { EventKind, type Kernel, type Suspending, type VirtualCpu } from '../kernel/index.js';
import type { Interrupt } from './interrupt.js';

/**
 * Deliveries in a row that leave a vector as it was - no sharer claims, or one claims and the line stays asserted -
 * before it counts as stuck (queues-requests-cancel section 6: "storm", rule D19).
 */
export const UNCLAIMED_DELIVERIES_MAX = 1000;

/** The controller's side of a vector: is it pending, and take it. */
export interface VectorSource {
  /** `line` is level-triggered, `edge` a latched edge that several devices may share. */
  readonly kind: 'line' | 'edge' | 'message';
  /** A message or an edge waits, or the level line is asserted. */
  isPending(): boolean;
  /** A message or an edge is consumed by its delivery; a level line stays until its cause is cleared. */
  take(): void;
}

/**
 * An interrupt vector: the place where a line or message of the hardware meets the ISRs connected to it. It belongs
 * to one virtual CPU (fixed affinity), which also guarantees that its ISRs never run twice at once.
 */
export class InterruptVector {
  readonly objectId: number;
  #sharers: Interrupt[] = [];
  delivered = 0;
  unclaimed = 0;
  #unclaimedInARow = 0;
  #assertedInARow = 0;
  /** A passive ISR is on its way or running. */
  #isMasked = false;
  /** Every sharer has been reported inactive: nobody expects an interrupt. */
  #isQuiet = false;

  constructor(
    readonly kernel: Kernel,
    readonly index: number,
    readonly irql: Irql,
    readonly cpu: VirtualCpu,
    readonly source: VectorSource,
    readonly name: string,
  ) {
    this.objectId = kernel.nextObjectId('InterruptVector', this);
  }

  /** Nobody is connected, and nothing was delivered. */
  reset(): void {
    this.#sharers = [];
    this.delivered = 0;
    this.unclaimed = 0;
    this.#unclaimedInARow = 0;
    this.#assertedInARow = 0;
    this.#isMasked = false;
    this.#isQuiet = false;
  }

  connect(interrupt: Interrupt): void {
    this.#sharers.push(interrupt);
    this.expectationsChanged();
  }

  disconnect(interrupt: Interrupt): void {
    const index = this.#sharers.indexOf(interrupt);
    if (index >= 0) this.#sharers.splice(index, 1);
    this.expectationsChanged();
  }

  /** A sharer was reported active or inactive, came or went. A line that its last sharer has left is masked, too. */
  expectationsChanged(): void {
    const isLeft = this.#sharers.length === 0;
    this.#isQuiet = isLeft ? this.source.kind === 'line' : this.#sharers.every((interrupt) => !interrupt.isActive);
  }

  /** Something is pending and the vCPU's level lets it in. */
  get isDeliverable(): boolean {
    return this.cpu.irql < this.irql && !this.#isMasked && !this.#isQuiet && this.source.isPending();
  }

  /** Starts the delivery on top of whatever the vCPU runs. */
  deliver(): void {
    this.delivered++;
    this.cpu.push('isr', this.name, this.objectId, this.irql, this.#service());
  }

  /** Level and message: the sharers in turn until one claims; a line that stays asserted is delivered again. */
  *#service(): Suspending<void> {
    this.source.take();
    this.kernel.emit(EventKind.InterruptDeliver, this.objectId, this.index, 0);
    if (this.source.kind === 'edge') {
      yield* this.#serviceEdge();
      return;
    }
    for (let i = 0; i < this.#sharers.length; i++) {
      const interrupt = this.#sharers[i]!;
      if (interrupt.isPassive) {
        this.#isMasked = true;
        interrupt.serviceAtPassive();
        return;
      }
      if (yield* interrupt.service()) {
        this.#claimed();
        return;
      }
    }
    this.#nobodyClaimed();
  }

  /** An edge says only that somebody asked: every sharer is called, again and again until a whole pass claims nothing. */
  *#serviceEdge(): Suspending<void> {
    for (let passes = 0, claims = 1; claims > 0; passes++) {
      if (passes === UNCLAIMED_DELIVERIES_MAX) this.#storm('some ISR claimed it in every pass over its sharers');
      claims = 0;
      for (const interrupt of this.#sharers) if (yield* interrupt.service()) claims++;
      if (claims > 0) this.#unclaimedInARow = 0;
      else if (passes === 0) this.#nobodyClaimed();
    }
  }

  /** The passive ISR has answered. */
  unmask(claimed: boolean): void {
    this.#isMasked = false;
    if (claimed) this.#claimed();
    else this.#nobodyClaimed();
  }

  #claimed(): void {
    this.#unclaimedInARow = 0;
    this.#assertedInARow = this.source.kind === 'line' && this.source.isPending() ? this.#assertedInARow + 1 : 0;
    if (this.#assertedInARow === UNCLAIMED_DELIVERIES_MAX)
      this.#storm('its ISRs claimed it each time and it is still asserted: nobody acknowledges the device');
  }

  #nobodyClaimed(): void {
    this.unclaimed++;
    this.#unclaimedInARow++;
    if (this.#unclaimedInARow === UNCLAIMED_DELIVERIES_MAX) this.#storm('no ISR claimed it: the line stays asserted for ever');
  }

  #storm(why: string): void {
    this.kernel.violation({
      rule: 'D19',
      severity: 'crash',
      object: this.name,
      message: `${this.name} was delivered ${UNCLAIMED_DELIVERIES_MAX} times in a row and ${why}`,
      bugCheck: { code: DPC_WATCHDOG_VIOLATION, parameters: [1, this.index] },
    });
  }
}
