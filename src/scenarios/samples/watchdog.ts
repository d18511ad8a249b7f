import { Timer, type Created, type Device, type Suspending } from '../../index.js';

/** Looks without progress after which a transfer has timed out; the timer's period is this part of the timeout. */
const LOOKS = 40;
/** Looks more that a device has for confirming an abort before it is reset. */
const GRACE_LOOKS = 4;
/** Default of the driver parameter `timeoutMs`: long for a device, and long for a host thread that has to wait for its turn. */
const TIMEOUT_MS = 1000;

export const Verdict = {
  /** Idle, or it has got on since the last look, or it has time yet. */
  Fine: 0,
  /** Time is up: what the device works on is to be aborted. */
  GiveUp: 1,
  /** It did not even confirm the abort. */
  Reset: 2,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/**
 * What a watchdog remembers of one channel. Time is counted in looks, not read from a clock: a processor that was busy
 * elsewhere for long has looked once only, and does not take its own lateness for the device's.
 */
export class ProgressWatch {
  #mark = 0;
  #looks = 0;

  /** `mark` is another one whenever the channel has got on. */
  look(isBusy: boolean, mark: number): Verdict {
    if (!isBusy || mark !== this.#mark) {
      this.#mark = mark;
      this.#looks = 0;
      return Verdict.Fine;
    }
    this.#looks++;
    if (this.#looks === LOOKS) return Verdict.GiveUp;
    return this.#looks < LOOKS + GRACE_LOOKS ? Verdict.Fine : Verdict.Reset;
  }
}

export interface WatchdogConfig {
  /** Driver parameter `timeoutMs`; null for the default. */
  readonly timeoutMs: number | null;
  /** One look at the device, at DISPATCH_LEVEL. */
  readonly look: () => Suspending<void>;
  /** The device has something to do; asks under the lock that guards it. */
  readonly isBusy: () => Suspending<boolean>;
}

/**
 * A timer that looks at a device as long as it has something to do. It holds no part of any request: it acts on the
 * objects that transfers are made of, which live as long as the device, and under their locks, where it finds what
 * became of the transfer meanwhile.
 */
export class Watchdog {
  readonly #timer: Timer;
  readonly #periodMs: number;
  readonly #isBusy: () => Suspending<boolean>;
  #isArmed = false;

  private constructor(timer: Timer, periodMs: number, isBusy: () => Suspending<boolean>) {
    this.#timer = timer;
    this.#periodMs = periodMs;
    this.#isBusy = isBusy;
  }

  static create(device: Device, { timeoutMs, look, isBusy }: WatchdogConfig): Created<Watchdog> {
    const timer: Created<Timer> = Timer.create(device, {
      evtTimerFunc: () => watchdog.#round(look),
    });
    if (!timer.ok) return timer;
    const watchdog: Watchdog = new Watchdog(timer.object, (timeoutMs ?? TIMEOUT_MS) / LOOKS, isBusy);
    return { ok: true, status: timer.status, object: watchdog };
  }

  /** Something was started: called after `isBusy` has become true. */
  arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#timer.start(this.#periodMs);
  }

  /** Not armed first, then the question: whoever starts something after it was asked arms the timer himself. */
  *#round(look: () => Suspending<void>): Suspending<void> {
    yield* look();
    this.#isArmed = false;
    if (yield* this.#isBusy()) this.arm();
  }

  /** Before D0 exit, when nothing is in flight any more: returns when no look is under way. PASSIVE_LEVEL. */
  *stop(): Suspending<void> {
    yield* this.#timer.stop(true);
    this.#isArmed = false;
  }
}
