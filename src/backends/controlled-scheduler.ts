import {
  DONE,
  type Gate,
  type Kernel,
  type Op,
  type RaceWatch,
  type StepCounter,
  type VirtualCpu,
  type WordGate,
} from '../kernel/index.js';
import type { Strand } from '../machine/strand.js';
import { kindMask, type Granularity } from './granularity.js';
import { LIVELOCK_FROM, type LivelockWatch } from './livelock-watch.js';
import type { PointTally } from './point-tally.js';
import type { Strategy } from './strategy.js';

/** Operations of one execution before it counts as a livelock (L-STEP-BOUND). */
export const STEPS_MAX = 1_000_000;

/** Operations in a row that the granularity leaves out before the strategy is asked all the same: code that polls would never end. */
const UNASKED_MAX = 64;

/**
 * Runs a machine one operation at a time in the order a strategy chooses. It is the kernel's gate: the strategy is
 * asked inside the scheduling point, engines and interrupt deliveries are performed right there, and the running
 * code is suspended only when another virtual CPU goes first.
 */
export class ControlledScheduler implements Gate, StepCounter, WordGate {
  readonly #kernel: Kernel;
  readonly #strands: readonly Strand[];
  /** The strands again, by kind: each loop of `#choose` then calls one class only, which the compiler inlines. */
  readonly #vcpus: readonly VirtualCpu[];
  readonly #buses: readonly Strand[];
  readonly #engines: readonly Strand[];
  readonly #arrivals: readonly Strand[];
  readonly #interrupts: readonly Strand[];
  readonly #actorsStart: number;
  readonly #actors: readonly Strand[];
  /** The last strand; null where time does not pass. */
  readonly #time: Strand | null;
  readonly #vcpuCount: number;
  readonly #enginesStart: number;
  readonly #enginesEnd: number;
  readonly #arrivalsEnd: number;
  readonly #enabled: Int32Array;
  readonly #ops: Int32Array;
  #strategy: Strategy;
  #choices = new Int32Array(1024);
  #choiceCount = 0;
  #steps = 0;
  readonly #stepsMax: number;
  /** Steps of each engine, by its place among the engines. */
  readonly #engineSteps: Int32Array;
  #last = -1;
  #next = -1;
  /** Nothing but a device's step since somebody looked who can go on: what stands of virtual CPUs in `#enabled` is as it was. */
  #vcpusStand = false;
  #enabledVcpus = 0;
  /** The operation of the strand that was chosen last. */
  #chosenOp: Op = DONE;
  /** Counts what is performed; null when nobody asks. */
  tally: PointTally | null = null;
  /** Looks for states that come again; null when nobody asks. */
  livelock: LivelockWatch | null = null;
  /** Bit k: operations of kind k are points at which the strategy is asked. */
  #kinds = -1;
  #passedUnasked = 0;
  #leapsSeen = 0;
  /** Operation from which on time may leap again. */
  #nextLeap = 0;

  /** `strands` in the order of their ids, virtual CPUs first. */
  constructor(kernel: Kernel, strands: readonly Strand[], strategy: Strategy, stepsMax = STEPS_MAX) {
    this.#stepsMax = stepsMax;
    this.#kernel = kernel;
    this.#strands = strands;
    this.#vcpus = kernel.vcpus;
    this.#vcpuCount = kernel.vcpus.length;
    this.#enginesStart = endOfKind(strands, this.#vcpuCount, 'bus');
    this.#enginesEnd = endOfKind(strands, this.#enginesStart, 'engine');
    this.#arrivalsEnd = endOfKind(strands, this.#enginesEnd, 'bus');
    const interruptsEnd = endOfKind(strands, this.#arrivalsEnd, 'interrupt');
    this.#buses = strands.slice(this.#vcpuCount, this.#enginesStart);
    this.#engines = strands.slice(this.#enginesStart, this.#enginesEnd);
    this.#arrivals = strands.slice(this.#enginesEnd, this.#arrivalsEnd);
    this.#interrupts = strands.slice(this.#arrivalsEnd, interruptsEnd);
    this.#actorsStart = interruptsEnd;
    const actorsEnd = endOfKind(strands, interruptsEnd, 'actor');
    this.#actors = strands.slice(interruptsEnd, actorsEnd);
    this.#time = strands[actorsEnd] ?? null;
    this.#engineSteps = new Int32Array(this.#engines.length);
    this.#enabled = new Int32Array(strands.length);
    this.#ops = new Int32Array(strands.length);
    this.#strategy = strategy;
  }

  /** Whoever polls must let others run now and then, whatever the granularity. */
  set granularity(granularity: Granularity) {
    this.#kinds = kindMask(granularity);
  }

  /** Time leaps at most once in so many operations. */
  leapDistance = 1;

  /** Makes ready for the next execution, which `strategy` orders. */
  restart(strategy: Strategy): void {
    if (this.#steps > LIVELOCK_FROM) this.livelock?.restart();
    this.#strategy = strategy;
    this.#choiceCount = 0;
    this.#steps = 0;
    this.#engineSteps.fill(0);
    this.#leapsSeen = 0;
    this.#nextLeap = 0;
    this.#last = -1;
    this.#next = -1;
    this.#passedUnasked = 0;
  }

  /** Operations performed by all strands. */
  get steps(): number {
    return this.#steps;
  }

  /** Operations performed by device number `index`. */
  engineSteps(index: number): number {
    return this.#engineSteps[index]!;
  }

  /** The strand chosen at each point where more than one could run; valid until the next execution. */
  get choices(): Int32Array {
    return this.#choices.subarray(0, this.#choiceCount);
  }

  /** Runs until nothing can: either all work is done, or what is left waits for something nobody will do. */
  run(): void {
    this.#vcpusStand = false;
    for (;;) {
      const next = this.#next >= 0 ? this.#next : this.#choose();
      this.#next = -1;
      if (next < 0) return;
      this.#perform(next);
    }
  }

  at(op: Op, cpu: VirtualCpu): boolean {
    if ((this.#kinds & (1 << (op & 15))) === 0 && this.#passesUnasked(op, cpu)) return false;
    // Code has run since the last choice.
    this.#vcpusStand = false;
    const depth = cpu.depth;
    for (;;) {
      const next = this.#choose();
      if (next === cpu.id) {
        this.#account(next, this.#chosenOp);
        return false;
      }
      if (next < this.#vcpuCount) {
        this.#next = next;
        return true;
      }
      this.#perform(next);
      if (cpu.depth !== depth || cpu.dpcIsDue) return true;
    }
  }

  atWord(op: Op, cpu: VirtualCpu): void {
    for (;;) {
      const next = this.#pick(this.#noteHardware(this.#note(0, cpu.id, op)));
      if (next === cpu.id) {
        // An access orders by what it is, which race detection is told by the buffer.
        this.#account(next, op, null);
        return;
      }
      this.#perform(next);
    }
  }

  #passesUnasked(op: Op, cpu: VirtualCpu): boolean {
    if (this.#passedUnasked === UNASKED_MAX || !cpu.isEnabled()) {
      this.#passedUnasked = 0;
      return false;
    }
    this.#passedUnasked++;
    this.#account(cpu.id, op);
    return true;
  }

  #perform(id: number): void {
    const op = this.#chosenOp;
    this.#account(id, op);
    if (id < this.#vcpuCount) {
      this.#vcpus[id]!.advance();
      this.#vcpusStand = false;
      return;
    }
    // What a strand without code of its own does belongs to nobody.
    const { races } = this.#kernel;
    if (races !== null) races.isOutside = true;
    this.#vcpusStand = id >= this.#enginesStart && id < this.#enginesEnd;
    if (this.#vcpusStand) {
      this.#engineSteps[id - this.#enginesStart]!++;
      this.#engines[id - this.#enginesStart]!.advance(op);
    } else this.#strands[id]!.advance(op);
    if (races !== null) races.isOutside = false;
  }

  #account(id: number, op: Op, races = this.#kernel.races): void {
    this.#last = id;
    this.#steps++;
    if (this.tally !== null) this.tally.count(op);
    this.#kernel.events.mixOperation(id, op);
    if (races !== null && id < this.#vcpuCount) this.#orderOperation(races, this.#vcpus[id]!, op);
    this.#strategy.executed(id, op);
    if (this.#steps > LIVELOCK_FROM && this.livelock !== null) this.livelock.performed(id, op);
    if (this.#steps <= this.#stepsMax) return;
    this.#kernel.violation({
      rule: 'L-STEP-BOUND',
      severity: 'crash',
      object: null,
      message: `the execution did not end within ${this.#stepsMax} operations`,
    });
  }

  /** A processor with nothing on it begins a thread, which is no operation of anybody's yet. */
  #orderOperation(races: RaceWatch, { top }: VirtualCpu, op: Op): void {
    if (top !== undefined) races.performed(top, op);
  }

  /** The next strand's id, -1 when none is enabled. Only real choices are asked for and recorded. */
  #choose(): number {
    const count = this.#findEnabled();
    return count === 0 ? -1 : this.#pick(count);
  }

  /** One of the first `count` that were noted. */
  #pick(count: number): number {
    const enabled = this.#enabled;
    if (count === 1) {
      this.#chosenOp = this.#ops[0]!;
      return enabled[0]!;
    }
    const at = this.#strategy.pick(enabled, count, this.#last, this.#ops);
    this.#chosenOp = this.#ops[at]!;
    const chosen = enabled[at]!;
    this.#record(chosen);
    return chosen;
  }

  /** Who can go on, and the operation each stands before. */
  #findEnabled(): number {
    let count = this.#enabledVcpus;
    if (!this.#vcpusStand) {
      count = 0;
      const vcpus = this.#vcpus;
      for (let i = 0; i < vcpus.length; i++) count = this.#note(count, i, vcpus[i]!.enabledOp());
      this.#enabledVcpus = count;
    }
    count = this.#noteHardware(count);
    const interrupts = this.#interrupts;
    for (let i = 0; i < interrupts.length; i++) count = this.#note(count, this.#arrivalsEnd + i, interrupts[i]!.enabledOp());
    const actors = this.#actors;
    for (let i = 0; i < actors.length; i++) count = this.#note(count, this.#actorsStart + i, actors[i]!.enabledOp());
    return this.#time === null ? count : this.#noteTime(count, this.#time);
  }

  /** Devices and what is on the bus in either direction. */
  #noteHardware(count: number): number {
    const buses = this.#buses;
    for (let i = 0; i < buses.length; i++) count = this.#note(count, this.#vcpuCount + i, buses[i]!.enabledOp());
    const engines = this.#engines;
    for (let i = 0; i < engines.length; i++) count = this.#note(count, this.#enginesStart + i, engines[i]!.enabledOp());
    const arrivals = this.#arrivals;
    for (let i = 0; i < arrivals.length; i++) count = this.#note(count, this.#enginesEnd + i, arrivals[i]!.enabledOp());
    return count;
  }

  /** With others before it, time would leap; for most of an execution it is too early for that, and nobody need ask. */
  #noteTime(count: number, time: Strand): number {
    if (count > 0 && this.#steps < this.#nextLeap) return count;
    const op = time.enabledOp();
    if (op === DONE || (count > 0 && this.#leapIsEarly())) return count;
    return this.#note(count, time.id, op);
  }

  /** A leap keeps the next one off from the first time that it would be possible. */
  #leapIsEarly(): boolean {
    const { timeLeaps } = this.#kernel;
    if (timeLeaps !== this.#leapsSeen) {
      this.#leapsSeen = timeLeaps;
      this.#nextLeap = this.#steps - 1 + this.leapDistance;
    }
    return this.#steps < this.#nextLeap;
  }

  #note(count: number, id: number, op: Op): number {
    if (op === DONE) return count;
    this.#enabled[count] = id;
    this.#ops[count] = op;
    return count + 1;
  }

  #record(id: number): void {
    if (this.#choiceCount === this.#choices.length) {
      const larger = new Int32Array(this.#choices.length * 2);
      larger.set(this.#choices);
      this.#choices = larger;
    }
    this.#choices[this.#choiceCount++] = id;
  }
}

/** Where the strands of `kind` that start at `from` end. */
function endOfKind(strands: readonly Strand[], from: number, kind: Strand['kind']): number {
  let end = from;
  while (strands[end]?.kind === kind) end++;
  return end;
}
