import type { ControlledBackend } from '../backends/controlled.js';
import type { Strategy } from '../backends/strategy.js';
import type { Op } from '../kernel/index.js';
import { RandomWalk } from './strategies/index.js';

/** Operations of devices in a row, all processors waiting, before time passes: a looped transfer goes round for ever. */
const DEVICE_STEPS_MAX = 1000;

/**
 * Holds back the outside world until an operation of the driver or device, counted from the first one before which it could
 * have acted; then lets it act to its end and returns to the strand that was interrupted. All others go on in a
 * straight order, or in a seeded one: time and a second event of the outside come only when nothing else can go on, time
 * also when devices have gone on by themselves for long.
 */
export class SweepStrategy implements Strategy {
  readonly name: string;
  readonly #backend: ControlledBackend;
  readonly #walk: RandomWalk | null;
  readonly #isOutside: readonly boolean[];
  readonly #isTime: readonly boolean[];
  readonly #candidates: Int32Array;
  #at = 0;
  #operations = 0;
  #interrupted = -1;
  #isActing = false;
  /** Operations of devices since any other. */
  #deviceSteps = 0;
  readonly #isDevice: readonly boolean[];
  /** The event came at the operation that was asked for. */
  hasHappened = false;
  /** Window of the request's life in which it came. */
  window = '';

  /** `seed`: null for the straight order. */
  constructor(
    backend: ControlledBackend,
    private readonly seed: number | null,
  ) {
    this.name = seed === null ? 'sweep' : 'sweep-random';
    this.#backend = backend;
    this.#walk = seed === null ? null : new RandomWalk();
    const outsideCpu = backend.machine.outsideCpu.id;
    this.#isOutside = backend.strandKinds.map((kind, id) => kind === 'actor' || id === outsideCpu);
    this.#isTime = backend.strandKinds.map((kind) => kind === 'timer');
    this.#isDevice = backend.strandKinds.map((kind) => kind === 'engine');
    this.#candidates = new Int32Array(backend.strandKinds.length);
  }

  /** Starts an execution in which the event comes before operation `at`, from 1. */
  begin(at: number): void {
    this.#at = at;
    this.#operations = 0;
    this.#interrupted = -1;
    this.#isActing = false;
    this.#deviceSteps = 0;
    this.hasHappened = false;
    this.window = '';
    this.#walk?.newExecution(this.seed!);
  }

  newExecution(): boolean {
    return true;
  }

  pick(enabled: Int32Array, count: number, current: number): number {
    const outside = this.#find(enabled, count, this.#isOutside);
    if (this.#isActing) {
      if (outside >= 0) return outside;
      this.#isActing = false;
    }
    const others = this.#gather(enabled, count);
    if (others === 0) return outside >= 0 && !this.#waitsForTime ? outside : this.#orTime(enabled, count);
    if (this.#deviceSteps >= DEVICE_STEPS_MAX) {
      const time = this.#find(enabled, count, this.#isTime);
      if (time >= 0) return time;
    }
    if (outside >= 0 && !this.hasHappened && ++this.#operations === this.#at) return this.#happen(current, outside);
    return this.#go(enabled, others, current);
  }

  #happen(current: number, outside: number): number {
    this.hasHappened = true;
    this.#isActing = true;
    this.#interrupted = current;
    this.window = this.#windowNow();
    return outside;
  }

  #windowNow(): string {
    for (const { workload } of this.#backend.machine.devices) {
      const request = workload?.firstInFlight;
      if (request !== undefined && request !== null) return request.cancelWindow;
    }
    return 'I';
  }

  /** A request is in flight and nothing but a timer moves it on. */
  get #waitsForTime(): boolean {
    return this.#backend.machine.hasOutstanding && !this.hasHappened && this.#backend.machine.kernel.timers.size > 0;
  }

  #orTime(enabled: Int32Array, count: number): number {
    return Math.max(0, this.#find(enabled, count, this.#isTime));
  }

  /** Places of the strands that are neither the outside world nor time. */
  #gather(enabled: Int32Array, count: number): number {
    let others = 0;
    for (let i = 0; i < count; i++) {
      const strand = enabled[i]!;
      if (!this.#isOutside[strand] && !this.#isTime[strand]) this.#candidates[others++] = i;
    }
    return others;
  }

  #go(enabled: Int32Array, others: number, current: number): number {
    const wanted = this.#interrupted >= 0 ? this.#interrupted : current;
    this.#interrupted = -1;
    if (this.#walk !== null) return this.#candidates[this.#walk.pick(enabled, others)]!;
    for (let i = 0; i < others; i++) if (enabled[this.#candidates[i]!]! >= wanted) return this.#candidates[i]!;
    return this.#candidates[0]!;
  }

  #find(enabled: Int32Array, count: number, isOne: readonly boolean[]): number {
    for (let i = 0; i < count; i++) if (isOne[enabled[i]!]) return i;
    return -1;
  }

  executed(strand: number, _op: Op): void {
    this.#deviceSteps = this.#isDevice[strand] ? this.#deviceSteps + 1 : 0;
  }

  finished(): void {}
}
