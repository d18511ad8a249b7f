import { EventKind, hostTimeMs, opKind, type Gate, type Kernel, type Op, type StepCounter, type VirtualCpu } from '../kernel/index.js';
import type { OrderLock } from '../hardware/index.js';
import type { Machine } from '../machine/machine.js';
import type { Strand } from '../machine/strand.js';
import { OrderLog } from './order-log.js';
import type { VcpuTurns } from './vcpu-turns.js';

/** Longest wait, for the lock or for a device, before the engines are looked after. */
const SLICE_MS = 20;
/** Choices between looks at the clock while timers are armed. */
const CHOICES_PER_TIMER_LOOK = 64;
/** Points a virtual CPU may pass in a row: code that polls must not keep the others from running. */
const POINTS_PER_TURN_MAX = 4096;

/** What a recorded execution is driven with. */
export interface RecordedParts {
  readonly machine: Machine;
  /** In the order of their ids: virtual CPUs, devices, and all the others, which the main thread performs. */
  readonly strands: readonly Strand[];
  /** The main thread's side; it holds the lock whenever its own code runs. */
  readonly lock: OrderLock;
  readonly turns: VcpuTurns;
  /** Operations before an execution counts as one that never ends. */
  readonly stepsMax: number;
  /** Host thread of the device at a place in the machine. */
  threadOf(device: number): number;
  /** Looks after the engines; throws the BugCheck of one that is lost. */
  check(): void;
}

/**
 * Runs a machine whose devices step freely on their worker threads, and writes down the order of all operations. As
 * the controlled scheduler it is the kernel's gate; but devices cannot be chosen, they happen: at a point the main
 * thread lets go of the order lock when somebody wants it, and afterwards reads which steps were performed meanwhile.
 * What the main thread does itself - deliver, cancel, switch, let time pass - it chooses as a free run does, of the
 * strands that are enabled, so that the order can be followed under control operation by operation.
 */
export class RecordedScheduler implements Gate, StepCounter {
  readonly order = new OrderLog();
  readonly #parts: RecordedParts;
  readonly #kernel: Kernel;
  readonly #vcpuCount: number;
  readonly #firstOther: number;
  readonly #interrupts: readonly Strand[];
  readonly #others: readonly Strand[];
  readonly #engineSteps: Int32Array;
  #read = 0;
  #next = -1;
  #pointsInTurn = 0;
  #choicesUntilLook = CHOICES_PER_TIMER_LOOK;
  #timerDueNs = Infinity;
  #timerSeenMs = 0;

  constructor(parts: RecordedParts) {
    const { machine, strands } = parts;
    this.#parts = parts;
    this.#kernel = machine.kernel;
    this.#vcpuCount = machine.kernel.vcpus.length;
    this.#firstOther = this.#vcpuCount + machine.views.length;
    this.#interrupts = strands.filter(({ kind }) => kind === 'interrupt');
    this.#others = strands.filter(({ id, kind }) => id >= this.#firstOther && kind !== 'interrupt');
    this.#engineSteps = new Int32Array(machine.views.length);
  }

  /** Makes ready for the next execution. The lock is held. */
  restart(): void {
    this.order.clear();
    this.#engineSteps.fill(0);
    this.#read = this.#parts.lock.written;
    this.#next = -1;
    this.#pointsInTurn = 0;
    this.#timerDueNs = Infinity;
    this.#makeRoom();
  }

  /** Operations whose place in the order is known. */
  get steps(): number {
    return this.order.length;
  }

  /** Steps of the device at a place in the machine. */
  engineSteps(device: number): number {
    return this.#engineSteps[device]!;
  }

  /** Runs until nothing can go on, neither here nor on a device. The lock is held before and after. */
  run(): void {
    for (;;) {
      const next = this.#next >= 0 ? this.#next : this.#chooseOrWait();
      this.#next = -1;
      if (next < 0) return;
      this.#perform(next);
    }
  }

  at(_op: Op, cpu: VirtualCpu): boolean {
    const depth = cpu.depth;
    let runs: VirtualCpu | null = this.#isTurnOver(cpu) ? null : cpu;
    for (;;) {
      this.#letOthersGoFirst();
      const next = this.#choose(runs);
      if (next === cpu.id) {
        this.#account(next, cpu.pending);
        return false;
      }
      if (next < this.#vcpuCount) {
        this.#next = next;
        return true;
      }
      this.#perform(next);
      if (cpu.depth !== depth || cpu.dpcIsDue) return true;
      // What was just begun may outrun the code that stands here.
      runs = null;
    }
  }

  #isTurnOver(cpu: VirtualCpu): boolean {
    if (++this.#pointsInTurn < POINTS_PER_TURN_MAX) return this.#parts.turns.isSwitchDue(cpu);
    this.#pointsInTurn = 0;
    this.#parts.turns.preempt(cpu);
    return true;
  }

  #perform(id: number): void {
    const strand = this.#parts.strands[id]!;
    const op = strand.pending;
    this.#account(id, op);
    strand.advance(op);
  }

  /** Takes an operation into the order; one more than the bound is a finding, as under control. */
  #account(id: number, op: Op): void {
    this.order.push(id);
    this.#kernel.events.mixOperation(id, op);
    const { stepsMax } = this.#parts;
    if (this.order.length <= stepsMax) return;
    this.#kernel.violation({
      rule: 'L-STEP-BOUND',
      severity: 'crash',
      object: null,
      message: `the execution did not end within ${stepsMax} operations`,
    });
  }

  // ---- What the main thread does next

  /** Interrupts first, then what is due, then virtual CPUs; `runs` goes on if it can. -1 when nothing of these can. */
  #choose(runs: VirtualCpu | null): number {
    const { controller } = this.#parts.machine;
    if (controller.hasAttention()) for (const strand of this.#interrupts) if (strand.isEnabled()) return strand.id;
    for (const strand of this.#others) if (strand.isEnabled() && this.#isDue(strand)) return strand.id;
    if (runs !== null && runs.isEnabled()) return runs.id;
    const picked = this.#parts.turns.pick();
    if (picked === null) return -1;
    this.#pointsInTurn = 0;
    return picked.id;
  }

  #isDue(strand: Strand): boolean {
    if (strand.kind !== 'timer') return this.#isCancelDue();
    if (--this.#choicesUntilLook > 0) return false;
    this.#choicesUntilLook = CHOICES_PER_TIMER_LOOK;
    return this.#msUntilTimer() <= 0;
  }

  #isCancelDue(): boolean {
    const { points } = this.#kernel;
    for (const { canceller } of this.#parts.machine.devices) if (canceller !== null && canceller.nextPoint <= points) return true;
    return false;
  }

  /** Virtual time stands until a timer fires, so a timer is due when as much real time has gone by since it became the next. */
  #msUntilTimer(): number {
    const { timers, clock } = this.#kernel;
    const { nextDueNs } = timers;
    const nowMs = hostTimeMs();
    if (nextDueNs !== this.#timerDueNs) {
      this.#timerDueNs = nextDueNs;
      this.#timerSeenMs = nowMs;
    }
    return (nextDueNs - clock.nowNs()) / 1e6 - (nowMs - this.#timerSeenMs);
  }

  /** As `#choose`; waits for devices while they have something to do. Then what is not due yet comes early: nothing else will. */
  #chooseOrWait(): number {
    for (;;) {
      this.#letOthersGoFirst();
      const next = this.#choose(null);
      if (next >= 0) return next;
      const engine = this.#pendingEngine();
      if (engine === null) return this.#others.find((strand) => strand.isEnabled())?.id ?? -1;
      // The devices have no room left in this execution: it does not end.
      if (this.order.length >= this.#parts.stepsMax) this.#account(engine.id, engine.pending);
      this.#choicesUntilLook = 1;
      this.#waitForEngines();
    }
  }

  #pendingEngine(): Strand | null {
    const { strands } = this.#parts;
    for (let id = this.#vcpuCount; id < this.#firstOther; id++) if (strands[id]!.isEnabled()) return strands[id]!;
    return null;
  }

  // ---- The order lock

  #letOthersGoFirst(): void {
    const { lock } = this.#parts;
    if (!lock.mustGiveWay()) return;
    lock.giveWay();
    this.#takeLock();
    this.#readSteps();
  }

  #waitForEngines(): void {
    const { lock } = this.#parts;
    const timerMs = this.#kernel.timers.size === 0 ? SLICE_MS : this.#msUntilTimer();
    const seen = lock.beginWait();
    lock.release();
    if (!lock.await(seen, Math.min(Math.max(timerMs, 0), SLICE_MS))) this.#checkEngines();
    lock.endWait();
    this.#takeLock();
    this.#readSteps();
  }

  #takeLock(): void {
    while (!this.#parts.lock.take(SLICE_MS)) this.#checkEngines();
  }

  /** A dead engine blocks nobody: the lock is taken from it, the machine crashes with L-ENGINE-LOST. */
  #checkEngines(): void {
    try {
      this.#parts.check();
    } catch (error) {
      this.#parts.lock.seize();
      throw error;
    }
  }

  /** Takes the steps performed meanwhile into order, events and hash, as if they had been chosen one by one. */
  #readSteps(): void {
    const { lock, machine } = this.#parts;
    const { events } = this.#kernel;
    const { written } = lock;
    if (written === this.#read) return;
    for (; this.#read !== written; this.#read = (this.#read + 1) | 0) {
      const device = lock.deviceAt(this.#read);
      const op = lock.opAt(this.#read);
      const id = this.#vcpuCount + device;
      this.order.push(id);
      events.mixOperation(id, op);
      this.#engineSteps[device]!++;
      events.record(EventKind.DeviceStep, machine.views[device]!.objectId, opKind(op), 0, id, 0, this.#parts.threadOf(device));
    }
    this.#makeRoom();
    machine.reportFaults();
  }

  #makeRoom(): void {
    this.#parts.lock.setRead(this.#read, this.#parts.stepsMax - this.order.length);
  }
}
