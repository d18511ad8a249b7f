import { BugCheck, DPC_WATCHDOG_VIOLATION, irqlName, WDF_VIOLATION, WdfViolation, type Irql, type Violation } from '../nt/index.js';
import { VirtualClock, type Clock } from './clock.js';
import { EventKind, type EventRing } from './event-ring.js';
import { FindingLog } from './finding-log.js';
import { makeOp, OpKind, type Op, type Suspending } from './op.js';
import type { RaceWatch } from './race-watch.js';
import { TimerQueue } from './timer-queue.js';
import { VirtualCpu, type Activation, type Waitable } from './virtual-cpu.js';

/**
 * The scheduler's seam, asked inside every scheduling point of the running vCPU. True: the running code must be
 * suspended, because another strand goes first, an interrupt was pushed on top of it, or it cannot pass.
 */
export interface Gate {
  at(op: Op, cpu: VirtualCpu): boolean;
}

/**
 * Asked before an access to a word that a driver shares with its device. Such an access is no call that could be suspended: only who
 * has no code on a processor can go first.
 */
export interface WordGate {
  atWord(op: Op, cpu: VirtualCpu): void;
}

/** An object with a name of its own, asked for only when somebody reads it. */
export interface NamedOwner {
  readonly name: string;
}

/** Whoever performs operations one at a time, and counts them. */
export interface StepCounter {
  /** Performed since the last reset; nothing of the prologue. */
  readonly steps: number;
}

/** Runs straight on: for prologues, unit tests and conformance. */
export const straightGate: Gate = {
  at: () => false,
};

/** Operations one DPC or ISR may perform; a legal one that completes hundreds of requests stays far below. */
export const DPC_POINTS_MAX = 200_000;

export interface KernelOptions {
  /** Virtual CPUs, 1 to 8; default 2. */
  readonly vcpus?: number;
  readonly clock: Clock;
  readonly events: EventRing;
}

/**
 * Virtual CPUs, scheduling points, time, and the record of what happened. One per machine; everything that runs in
 * the driver's world finds it through its object.
 */
export class Kernel {
  readonly vcpus: readonly VirtualCpu[];
  readonly timers = new TimerQueue();
  /** Bounds on waits. They do not make virtual time pass: one expires only when nothing else can happen, or in real time. */
  readonly watchdogs = new TimerQueue();
  readonly findings = new FindingLog();
  readonly clock: Clock;
  readonly events: EventRing;
  gate: Gate = straightGate;
  /** Says at which step findings are seen; null where nobody counts, then their step is the number of scheduling points. */
  counter: StepCounter | null = null;
  /** Null (default) where accesses to shared words are no scheduling points. */
  words: WordGate | null = null;
  /** The vCPU whose code runs now; set by `VirtualCpu.advance`. */
  current: VirtualCpu;
  /** Scheduling points passed since the last reset, those of the prologue among them. */
  points = 0;
  /** Times virtual time moved on although a processor, a device or an interrupt could have gone first: the device was slow. */
  timeLeaps = 0;
  /** Set by the first violation that Windows would bug check on; thrown again by every later framework call. */
  dead: BugCheck | null = null;
  /** Looks for data races; null unless asked for. */
  races: RaceWatch | null = null;
  /** A call that was made and has not started yet; only set while forgotten yields are watched for. */
  unstartedCall: string | null = null;
  #lastObjectId = 0;
  /** Ids up to this one belong to objects that outlive a reset. */
  #lastKeptId = 0;
  /** By object id; what stands beyond the last id is an earlier execution's. */
  readonly #types: string[] = [];
  readonly #owners: (NamedOwner | null)[] = [];

  constructor(options: KernelOptions) {
    this.clock = options.clock;
    this.events = options.events;
    this.vcpus = Array.from({ length: options.vcpus ?? 2 }, (_, id) => new VirtualCpu(this, id));
    this.current = this.vcpus[0]!;
    this.keepObjects();
  }

  /** What has been created so far outlives a reset, with its id. */
  keepObjects(): void {
    this.#lastKeptId = this.#lastObjectId;
  }

  /**
   * Ids count up from 1 in the order of creation, the same in every run of one scenario. `type` and the owner's name are
   * what reports call the object.
   */
  nextObjectId(type: string, owner: NamedOwner | null = null): number {
    const id = ++this.#lastObjectId;
    this.#types[id] = type;
    this.#owners[id] = owner;
    return id;
  }

  /** What kind of object an id belongs to, such as `Request` or `SpinLock`. */
  objectType(id: number): string {
    return this.#typeOf(id) ?? 'machine';
  }

  /** What reports call an object: its own name where it has one, or type and id, such as `Request#17`. */
  objectName(id: number): string {
    const type = this.#typeOf(id);
    if (type === undefined) return 'the machine';
    return this.#owners[id]?.name ?? `${type}#${id}`;
  }

  #typeOf(id: number): string | undefined {
    return id <= this.#lastObjectId ? this.#types[id] : undefined;
  }

  /**
   * A scheduling point: `if (kernel.at(op)) yield op;` stands before every visible operation. Throws on a dead machine.
   */
  at(op: Op): boolean {
    if (this.dead !== null) throw this.dead;
    const cpu = this.current;
    this.#stand(op, cpu.top!);
    return cpu.dpcIsDue || this.gate.at(op, cpu);
  }

  #stand(op: Op, top: Activation): void {
    this.points++;
    top.pending = op;
    if (++top.points > DPC_POINTS_MAX && top.kind !== 'thread') this.#watchdog(top);
  }

  /** Before an access to a shared word: `if (kernel.words !== null) kernel.atWord(op);`. Throws on a dead machine. */
  atWord(op: Op): void {
    const cpu = this.current;
    if (this.dead !== null) throw this.dead;
    if (this.words === null || cpu.top === undefined) return;
    this.#stand(op, cpu.top);
    this.words.atWord(op, cpu);
  }

  /** A DPC (or an ISR) that goes on and on: Windows' DPC watchdog. */
  #watchdog(activation: Activation): never {
    this.violation({
      rule: 'L-DPC-WATCHDOG',
      severity: 'crash',
      object: activation.name,
      message: `${activation.name} has not ended after ${DPC_POINTS_MAX} operations: it waits for something in a loop, and nothing below its level can run on its virtual CPU meanwhile`,
      bugCheck: { code: DPC_WATCHDOG_VIOLATION, parameters: [0, activation.points, DPC_POINTS_MAX] },
    });
    throw this.dead!;
  }

  /** As `at`, before something that may not let this vCPU pass; the caller loops until it can and then says `passed`. */
  atWaitable(op: Op, waitable: Waitable): boolean {
    this.current.top!.blockedOn = waitable;
    return this.at(op) || !waitable.isAvailableTo(this.current);
  }

  passed(): void {
    this.current.top!.blockedOn = null;
  }

  /** Marks where the running code stands without asking anybody; for suspensions that are due anyway. */
  standAt(op: Op): Op {
    this.current.top!.pending = op;
    return op;
  }

  emit(kind: EventKind, object: number, a: number, b: number): void {
    const cpu = this.current;
    this.events.record(kind, object, a, b, cpu.id, (cpu.irql << 16) | cpu.depth, 0);
  }

  /** Brackets a driver callback: `const irql = kernel.enter(id, 'EvtIoRead'); yield* callback(); kernel.leave(irql, id, 'EvtIoRead')`. */
  enter(objectId: number, callback: string): Irql {
    const { top } = this.current;
    if (top !== undefined) top.callback = { name: callback, outer: top.callback };
    this.emit(EventKind.CallbackEnter, objectId, 0, 0);
    if (this.races !== null) this.races.callbackEntered(callback);
    return this.current.irql;
  }

  leave(irqlAtEntry: Irql, objectId: number, callback: string): void {
    this.checkForgottenYield();
    const { irql, top } = this.current;
    if (top !== undefined) top.callback = top.callback?.outer ?? null;
    if (irql !== irqlAtEntry) this.irqlMismatch(callback, irqlAtEntry, irql);
    this.emit(EventKind.CallbackLeave, objectId, 0, 0);
    if (this.races !== null) this.races.callbackLeft();
  }

  /** A framework call was made, but not with `yield*`: it never started and did nothing. */
  checkForgottenYield(): void {
    const call = this.unstartedCall;
    if (call === null) return;
    this.unstartedCall = null;
    this.violation({
      rule: 'L-FORGOTTEN-YIELD',
      severity: 'crash',
      object: call,
      message: `${call} was called without yield*, so it did nothing: write yield* in front of the call`,
    });
  }

  irqlMismatch(callback: string, entry: Irql, exit: Irql): void {
    this.violation({
      rule: 'B22',
      severity: 'crash',
      object: callback,
      message: `${callback} was entered at ${irqlName(entry)} and returned at ${irqlName(exit)}`,
      bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.VERIFIER_IRQL_MISMATCH, entry, exit] },
    });
  }

  /**
   * Checks a framework method's maximum IRQL (rule C01). False: the finding is recorded and the method must
   * return STATUS_INVALID_DEVICE_REQUEST, or nothing if it returns nothing.
   */
  requireIrqlAtMost(maximum: Irql, ddi: string): boolean {
    const { irql } = this.current;
    if (irql <= maximum) return true;
    this.violation({
      rule: 'C01',
      severity: 'warning',
      object: ddi,
      message: `${ddi} is called at ${irqlName(irql)}; the highest legal level is ${irqlName(maximum)}`,
    });
    return false;
  }

  /** Records a finding. A `crash` kills the machine: this call does not return, it throws the BugCheck. */
  violation(violation: Violation): void {
    this.findings.add(violation, this.counter === null ? this.points : this.counter.steps);
    this.emit(EventKind.Violation, 0, 0, 0);
    if (violation.severity !== 'crash') return;
    this.dead = new BugCheck(violation);
    throw this.dead;
  }

  /** Queues every DPC whose timer or watchdog is due by now. */
  fireTimers(nowNs: number): number {
    return this.#fire(this.timers, nowNs) + (this.watchdogs.size === 0 ? 0 : this.#fire(this.watchdogs, nowNs));
  }

  #fire(queue: TimerQueue, nowNs: number): number {
    let fired = 0;
    for (let timer = queue.popDue(nowNs); timer !== null; timer = queue.popDue(nowNs)) {
      timer.dpc.queue(timer.cpu);
      this.emit(EventKind.TimerFire, timer.dpc.objectId, 0, 0);
      fired++;
    }
    return fired;
  }

  /** Nothing can run: what is being waited for will not come before the first watchdog is due. False when none is armed. */
  expireWatchdog(): boolean {
    const { nextDueNs } = this.watchdogs;
    if (this.watchdogs.size === 0) return false;
    if (this.clock instanceof VirtualClock) this.clock.advanceTo(nextDueNs);
    return this.#fire(this.watchdogs, nextDueNs) > 0;
  }

  /**
   * Runs `body` on vCPU 0 to its end, with all DPCs it causes, never asking a strategy: a prologue, a unit test, a
   * conformance script. Throws if it can never end.
   */
  runStraight<T>(name: string, body: Suspending<T>, gate: Gate = straightGate): T {
    const keptGate = this.gate;
    const outcome: { value?: T; done: boolean } = { done: false };
    this.gate = gate;
    const cpu = this.vcpus[0]!;
    cpu.queueThread(name, cpu.objectId, capture(body, outcome));
    try {
      for (;;) {
        const next = this.#firstEnabled();
        if (next !== null) next.advance();
        else if (outcome.done) break;
        else if (!this.expireWatchdog()) this.#deadlock(name);
      }
    } finally {
      this.gate = keptGate;
    }
    return outcome.value as T;
  }

  #firstEnabled(): VirtualCpu | null {
    for (const cpu of this.vcpus) if (cpu.isEnabled()) return cpu;
    return null;
  }

  #deadlock(name: string): never {
    this.violation({
      rule: 'L-DEADLOCK',
      severity: 'crash',
      object: name,
      message: `${name} waits for something nobody will do: ${this.describeWaits()}`,
    });
    throw this.dead!;
  }

  /** Who waits for what, one clause a blocked vCPU or parked thread. */
  describeWaits(): string {
    const clauses = this.vcpus.flatMap((cpu) => {
      const top = cpu.top;
      const blocked = top === undefined || top.parked ? [...cpu.parkedThreads] : [top, ...cpu.parkedThreads];
      return blocked.flatMap(({ name, blockedOn }) =>
        blockedOn === null ? [] : [`vCPU ${cpu.id} (${name}) waits for ${waitText(blockedOn)}`],
      );
    });
    return clauses.length === 0 ? 'no virtual CPU has anything to run' : clauses.join('; ');
  }

  /** Back to an empty machine: no code runs, nothing is armed, object ids start again at the first after those that are kept. */
  reset(): void {
    this.dead = null;
    this.words = null;
    this.unstartedCall = null;
    this.points = 0;
    this.timeLeaps = 0;
    this.timers.reset();
    this.watchdogs.reset();
    this.findings.reset();
    this.events.reset();
    for (const cpu of this.vcpus) cpu.reset();
    this.current = this.vcpus[0]!;
    // Cleared, not cut: setting the length of an array costs more than all of this.
    for (let id = this.#lastKeptId + 1; id <= this.#lastObjectId; id++) this.#owners[id] = null;
    this.#lastObjectId = this.#lastKeptId;
    if (this.races !== null) this.races.reset();
  }

  /** Operation code for a framework call on `objectId`. */
  callOp(objectId: number): Op {
    return makeOp(objectId, OpKind.Call);
  }
}

function waitText(waitable: Waitable): string {
  const holder = waitable.holder();
  return holder === null ? waitable.name : `${waitable.name}, held by vCPU ${holder.id} (${holder.top?.name ?? 'idle'})`;
}

function* capture<T>(body: Suspending<T>, outcome: { value?: T; done: boolean }): Suspending<void> {
  outcome.value = yield* body;
  outcome.done = true;
}
