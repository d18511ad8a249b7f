import { STATUS_CANCELLED, type NtStatus } from '../nt/index.js';
import type { Kernel, RandomSource, Suspending, VirtualCpu } from '../kernel/index.js';
import type { CancelWindow, FileObject } from '../wdf/index.js';
import type { WorkloadConfig } from './config.js';
import { EvenShare } from './even-share.js';
import type { RequestSlot } from './request-slot.js';

/** How cancellations fared. Won: the request completed CANCELLED; lost: it completed otherwise. */
export interface CancelCounts {
  requested: number;
  won: number;
  lost: number;
  byWindow: Record<string, number>;
}

/** Points of the first requests, before their lifetimes are known. */
const FIRST_LIFETIME_POINTS = 200;
/** One cancellation in so many closes the file instead, which cancels everything issued through it. */
const CLOSES_ONE_IN = 64;

/** How many are cancelled, and how they are picked. */
type CancelShare = Pick<WorkloadConfig, 'cancelPerMillion' | 'shares'>;

interface Doomed {
  slot: RequestSlot;
  generation: number;
  atPoint: number;
}

/**
 * The outside actor that cancels requests: a share of them is doomed when submitted, each at a moment drawn from a
 * little more than the usual lifetime of a request, so that every window is hit, the time after completion included.
 * It runs on a virtual CPU of its own and can come between any two points of the driver's code.
 */
export class Canceller {
  readonly counts: CancelCounts = { requested: 0, won: 0, lost: 0, byWindow: {} };
  readonly #kernel: Kernel;
  readonly #cpu: VirtualCpu;
  readonly #sharePerMillion: number;
  /** Picks the doomed; null when chance does. */
  readonly #even: EvenShare | null;
  readonly #random: RandomSource;
  readonly #doomed: Doomed[] = [];
  /** Whose requests it cancels. */
  readonly #slots: readonly RequestSlot[];
  #lifetimePoints = FIRST_LIFETIME_POINTS;
  /** Kernel point at which the next cancellation is due; Infinity when none is. */
  nextPoint = Infinity;

  constructor(
    kernel: Kernel,
    cpu: VirtualCpu,
    { cancelPerMillion, shares }: CancelShare,
    random: RandomSource,
    slots: readonly RequestSlot[],
  ) {
    this.#kernel = kernel;
    this.#cpu = cpu;
    this.#sharePerMillion = cancelPerMillion;
    this.#even = shares === 'even' ? new EvenShare(cancelPerMillion, 1_000_000) : null;
    this.#random = random;
    this.#slots = slots;
  }

  /** A request was submitted; perhaps it will not live. */
  submitted(slot: RequestSlot): void {
    slot.cancelWindow = null;
    slot.submittedAtPoint = this.#kernel.points;
    const isDoomed = this.#even === null ? this.#random.chance(this.#sharePerMillion, 1_000_000) : this.#even.next();
    if (!isDoomed) return;
    const atPoint = this.#kernel.points + 1 + this.#random.below(Math.ceil(this.#lifetimePoints * 1.25));
    this.#doomed.push({ slot, generation: slot.request.generation, atPoint });
    if (atPoint < this.nextPoint) this.nextPoint = atPoint;
  }

  /** A request completed: counts how its cancellation fared. */
  completed(slot: RequestSlot, status: NtStatus): void {
    const lived = this.#kernel.points - slot.submittedAtPoint;
    this.#lifetimePoints += (lived - this.#lifetimePoints) / 16;
    if (slot.cancelWindow === null) return;
    // It came before the driver marked the request, and the driver was told so by MarkCancelableEx.
    const window = slot.cancelWindow === 'A' && slot.request.wasRefusedMarking ? 'B' : slot.cancelWindow;
    this.#count(window, status === STATUS_CANCELLED);
  }

  #count(window: CancelWindow, won: boolean): void {
    const { counts } = this;
    counts.requested++;
    counts.byWindow[window] = (counts.byWindow[window] ?? 0) + 1;
    if (won) counts.won++;
    else counts.lost++;
  }

  /** Some request is doomed and not cancelled yet. */
  get isWaiting(): boolean {
    return this.#doomed.length > 0;
  }

  /** Starts every cancellation that is due at this point; true when there was one. */
  issueDue(): boolean {
    const { points } = this.#kernel;
    let issued = false;
    this.nextPoint = Infinity;
    for (let i = this.#doomed.length - 1; i >= 0; i--) {
      const { atPoint } = this.#doomed[i]!;
      if (atPoint <= points) {
        this.#issue(i);
        issued = true;
      } else if (atPoint < this.nextPoint) this.nextPoint = atPoint;
    }
    return issued;
  }

  /** Starts the oldest waiting cancellation now, whatever its point: under control, the schedule decides when. */
  issueNext(): void {
    this.#issue(0);
    this.nextPoint = Infinity;
    for (const { atPoint } of this.#doomed) if (atPoint < this.nextPoint) this.nextPoint = atPoint;
  }

  #issue(index: number): void {
    const { slot, generation } = this.#doomed[index]!;
    this.#doomed.splice(index, 1);
    if (slot.request.generation !== generation || !slot.inFlight) {
      this.#count('I', false);
      return;
    }
    if (slot.fileObject !== null && this.#random.chance(1, CLOSES_ONE_IN))
      this.#cpu.queueThread('close file', this.#cpu.objectId, this.#close(slot.fileObject));
    else this.#cpu.queueThread('cancel', this.#cpu.objectId, this.#cancel(slot, generation));
  }

  *#cancel(slot: RequestSlot, generation: number): Suspending<void> {
    if (slot.request.generation !== generation || !slot.inFlight) {
      this.#count('I', false);
      return;
    }
    slot.cancelWindow ??= slot.request.cancelWindow;
    yield* slot.request.cancelIrp();
  }

  /** Closing the file cancels all of its requests at once. */
  *#close(fileObject: FileObject): Suspending<void> {
    if (fileObject.isClosed) return;
    for (const slot of this.#slots) if (slot.inFlight && slot.fileObject === fileObject) slot.cancelWindow ??= slot.request.cancelWindow;
    yield* fileObject.close();
  }
}
