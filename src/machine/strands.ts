import { DONE, EventKind, VirtualClock, makeOp, OpKind, type Kernel, type Op } from '../kernel/index.js';
import type { DeviceModel, DeviceView, DmaWrites, InterruptController, PostedWrites } from '../hardware/index.js';
import type { InterruptVector } from '../wdf/index.js';
import { reportEngineThrew } from './engine-lost.js';
import type { Machine } from './machine.js';
import type { Strand } from './strand.js';

/** A device: every step is one choice. */
class EngineStrand implements Strand {
  readonly kind = 'engine';

  private readonly kernel: Kernel;
  private readonly model: DeviceModel;

  constructor(
    readonly id: number,
    private readonly machine: Machine,
    private readonly view: DeviceView,
  ) {
    this.kernel = machine.kernel;
    this.model = view.model;
  }

  get name(): string {
    return this.view.name;
  }

  get pending(): Op {
    return this.enabledOp();
  }

  enabledOp(): Op {
    try {
      return this.model.pending(this.view);
    } catch (error) {
      return reportEngineThrew(this.kernel, this.view, error);
    }
  }

  isEnabled(): boolean {
    return this.enabledOp() !== DONE;
  }

  advance(op: Op): void {
    const { kernel, machine, view } = this;
    if (kernel.races !== null) kernel.races.deviceSteps(view.objectId);
    const thread = machine.stepper!.step(view);
    if (kernel.races !== null) this.#orderStep();
    kernel.events.record(EventKind.DeviceStep, view.objectId, op & 15, 0, this.id, 0, thread);
    machine.reportFaults();
  }

  /** Whatever ISR a pending vector of the device starts after the step. */
  #orderStep(): void {
    const { machine, view } = this;
    const races = this.kernel.races!;
    races.deviceStepped(view.objectId);
    const { first, count } = view.placement.vectors;
    for (let i = first; i < first + count; i++)
      if (machine.controller.isPending(i)) races.interruptRaised(view.objectId, machine.vectors[i]!.objectId);
  }
}

/** A vector: when it is chosen its interrupt is put on its virtual CPU. */
class InterruptStrand implements Strand {
  readonly kind = 'interrupt';
  readonly pending: Op;
  private readonly controller: InterruptController;
  private readonly vector: InterruptVector;

  constructor(
    readonly id: number,
    machine: Machine,
    private readonly index: number,
  ) {
    this.controller = machine.controller;
    this.vector = machine.vectors[index]!;
    this.pending = makeOp(this.vector.objectId, OpKind.Deliver);
  }

  get name(): string {
    return this.vector.name;
  }

  isEnabled(): boolean {
    return this.controller.isPending(this.index) && this.vector.isDeliverable;
  }

  enabledOp(): Op {
    return this.isEnabled() ? this.pending : DONE;
  }

  advance(): void {
    this.vector.deliver();
  }
}

/** Register writes on their way to a device: chosen, the oldest of them arrives. */
class PostedWritesStrand implements Strand {
  readonly kind = 'bus';
  readonly pending: Op;

  constructor(
    readonly id: number,
    private readonly machine: Machine,
    private readonly index: number,
  ) {
    this.pending = makeOp(machine.devices[index]!.registers.objectId, OpKind.Update);
  }

  private get posted(): PostedWrites {
    return this.machine.devices[this.index]!.registers.posted!;
  }

  get name(): string {
    return `posted writes of ${this.machine.devices[this.index]!.name}`;
  }

  isEnabled(): boolean {
    return this.posted.count > 0;
  }

  enabledOp(): Op {
    return this.isEnabled() ? this.pending : DONE;
  }

  advance(): void {
    this.posted.arriveOne();
  }
}

/** What a device has written and memory does not show yet: chosen, the oldest write arrives. */
class DmaWritesStrand implements Strand {
  readonly kind = 'bus';
  readonly name: string;
  readonly pending: Op;
  readonly #writes: DmaWrites;

  constructor(
    readonly id: number,
    private readonly view: DeviceView,
    private readonly isWriteBack: boolean,
  ) {
    this.name = `${isWriteBack ? 'status held back by' : 'data on its way from'} ${view.name}`;
    this.#writes = (isWriteBack ? view.writeBacks : view.dataWrites)!;
    this.pending = makeOp(view.objectId, OpKind.Write);
  }

  isEnabled(): boolean {
    return this.#writes.count > 0;
  }

  enabledOp(): Op {
    return this.isEnabled() ? this.pending : DONE;
  }

  advance(): void {
    if (this.isWriteBack) this.view.writeBackOne();
    else this.#writes.arriveOne();
  }
}

/** Times in a row that nothing but a timer can go on and nothing completes: periodic ones alone do not keep a run going. */
const FRUITLESS_TIMERS_MAX = 10_000;

/**
 * Virtual time: chosen, it moves to the next armed timer and fires it. When the traffic has ended, time stands still.
 * A schedule may let time pass while others could run; that is a leap, and a driver that gives a request up for it did
 * right (see DeviceWorkload); watchdogs of power transitions do not count it.
 */
class TimerStrand implements Strand {
  readonly kind = 'timer';
  readonly name = 'timers';

  constructor(
    readonly id: number,
    private readonly machine: Machine,
    private readonly clock: VirtualClock,
    /** Virtual CPUs, devices, interrupts and what is on the bus. */
    private readonly others: readonly Strand[],
  ) {}

  readonly pending = makeOp(0, OpKind.Deliver);

  isEnabled(): boolean {
    return this.machine.kernel.timers.size > 0 && !this.machine.isDone;
  }

  enabledOp(): Op {
    return this.isEnabled() ? this.pending : DONE;
  }

  advance(): void {
    const { kernel } = this.machine;
    const beforeNs = this.clock.nowNs();
    const isLeap = this.others.some((strand) => strand.isEnabled());
    if (isLeap) kernel.timeLeaps++;
    else this.#countFruitless();
    this.clock.advanceTo(kernel.timers.nextDueNs);
    // Whoever could have gone on was only not let: a leap is no time that a power transition has hung.
    if (isLeap) kernel.watchdogs.postpone(this.clock.nowNs() - beforeNs);
    kernel.fireTimers(this.clock.nowNs());
  }

  #countFruitless(): void {
    const { machine } = this;
    let completed = 0;
    for (const { workload } of machine.devices) completed += workload?.completed ?? 0;
    const { fruitless } = machine;
    fruitless.timers = completed === fruitless.completed && machine.hasOutstanding ? fruitless.timers + 1 : 0;
    fruitless.completed = completed;
    if (fruitless.timers < FRUITLESS_TIMERS_MAX) return;
    machine.kernel.violation({
      rule: 'L-QUIESCENCE',
      severity: 'crash',
      object: null,
      message: `${FRUITLESS_TIMERS_MAX} times nothing but a timer could go on, and no request completed; outstanding are ${machine.describeOutstanding()}`,
    });
  }
}

/** The outside world: chosen, it cancels the next doomed request; which points of the driver it comes between is the schedule's. */
class CancelStrand implements Strand {
  readonly kind = 'actor';

  constructor(
    readonly id: number,
    private readonly machine: Machine,
    private readonly index: number,
  ) {}

  get name(): string {
    return `cancellation on ${this.machine.devices[this.index]!.name}`;
  }

  get pending(): Op {
    return makeOp(this.machine.outsideCpu.objectId, OpKind.Call);
  }

  isEnabled(): boolean {
    return this.machine.devices[this.index]!.canceller?.isWaiting === true;
  }

  enabledOp(): Op {
    return this.isEnabled() ? this.pending : DONE;
  }

  advance(): void {
    this.machine.devices[this.index]!.canceller!.issueNext();
  }
}

/**
 * Everything of a machine that a scheduler can choose: virtual CPUs (their ids are their strands'), devices,
 * interrupt vectors, what is on its way on the bus, time. The machine's stepper performs the devices' steps.
 */
export function createStrands(machine: Machine, clock: VirtualClock): readonly Strand[] {
  const { kernel } = machine;
  const strands: Strand[] = [...kernel.vcpus];
  // Before the devices: in straight order what is on its way arrives before anything comes from outside.
  machine.devices.forEach(({ registers }, i) => {
    if (registers.posted !== null) strands.push(new PostedWritesStrand(strands.length, machine, i));
  });
  for (const view of machine.views) strands.push(new EngineStrand(strands.length, machine, view));
  // And what a device has written arrives before its interrupt.
  for (const view of machine.views) {
    if (view.dataWrites !== null) strands.push(new DmaWritesStrand(strands.length, view, false));
    if (view.writeBacks !== null) strands.push(new DmaWritesStrand(strands.length, view, true));
  }
  for (let i = 0; i < machine.plan.vectorCount; i++) strands.push(new InterruptStrand(strands.length, machine, i));
  const timed = strands.slice();
  machine.parameters.devices.forEach((device, i) => {
    if (device.workload.cancelPerMillion > 0) strands.push(new CancelStrand(strands.length, machine, i));
  });
  strands.push(new TimerStrand(strands.length, machine, clock, timed));
  return strands;
}
