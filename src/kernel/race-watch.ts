import { FastTrack, TASKS_MAX } from './fast-track.js';
import { LockSets } from './lock-sets.js';
import { opKind, opObject, OpKind, type Op } from './op.js';
import type { Kernel } from './kernel.js';
import type { Activation, ActivationKind } from './virtual-cpu.js';

/** Which objects are not framework objects: their operations order in one direction only. */
export interface RaceWatchObjects {
  /** Devices, the system DMA controller among them, have the ids from here on. */
  readonly firstDeviceId: number;
  readonly deviceCount: number;
  /** The pool of map registers. */
  readonly poolId: number;
}

/** What a race watch sees happen, as it happens. */
export interface RaceListener {
  synchronised(objectId: number): void;
  /** A tracked field, by number, or a word of a common buffer. */
  accessed(variable: number, isWrite: boolean): void;
  /** A field that interlocked operations touch. */
  interlocked(): void;
}

/** Where an access stood, without its moment: who, in which callback, holding what. */
interface Site {
  readonly kind: ActivationKind | 'device';
  readonly name: string;
  readonly callback: string;
  readonly locks: number;
}

/** What is remembered of a running activation. */
class Task {
  kind: ActivationKind | 'device' = 'thread';
  name = '';
  locks = 0;
  readonly callbacks: string[] = [];
  /** Number of the present site; -1 until an access asks for it. */
  site = -1;

  begin(kind: ActivationKind | 'device', name: string): void {
    this.kind = kind;
    this.name = name;
    this.locks = 0;
    this.callbacks.length = 0;
    this.site = -1;
  }
}

/** Task of an activation that began when all places were taken: nothing is said about it. */
const UNWATCHED = -2;

/** Two directions of one object: what goes into it (doorbells, queueing), and what comes out (results, ends). */
const IN = 0;
const OUT = 1;

/**
 * Looks for data races in tracked fields and common buffers while a machine runs under control (docs/races.md). Every
 * activation - thread, DPC, ISR - is a task of its own, ordered with others by synchronisation only: locks, events,
 * queueing, framework calls on one object, doorbells and interrupts. An ISR is not ordered with what it interrupts.
 */
export class RaceWatch {
  readonly #kernel: Kernel;
  readonly #track = new FastTrack();
  readonly #lockSets = new LockSets();
  readonly #tasks = Array.from({ length: TASKS_MAX }, () => new Task());
  readonly #sites: Site[] = [];
  readonly #siteNumbers = new Map<string, number>();
  readonly #lockNames = new Map<number, string>();
  readonly #interruptLocks = new Set<number>();
  /** By variable: what it is part of, where in it (-1: it is all of it), and whether its race was told. */
  readonly #names: string[] = [];
  readonly #offsets: number[] = [];
  readonly #told: boolean[] = [];
  /** By object id and direction: its synchronisation object plus 1. */
  #syncs = new Int32Array(1024);
  #devices: RaceWatchObjects = { firstDeviceId: 0, deviceCount: 0, poolId: -1 };
  readonly #deviceTasks: number[] = [];
  /** False in prologue and epilogue, which nothing runs beside. */
  #isOn = false;
  /** What happens now is done by nobody's code: a device steps, time moves, somebody outside acts. */
  isOutside = false;
  /** Told each object that the running code synchronises on and each tracked field it accesses; for searches that must know. */
  listener: RaceListener | null = null;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** An execution's objects are about to be built. */
  reset(): void {
    this.#isOn = this.isOutside = false;
    this.#track.reset();
    this.#syncs.fill(0);
    this.#deviceTasks.length = this.#names.length = this.#offsets.length = this.#told.length = 0;
    this.#lockNames.clear();
    this.#interruptLocks.clear();
  }

  /** The prologue is over; what was done in it comes before everything. `threads` wait to be started. */
  start(objects: RaceWatchObjects): void {
    this.#devices = objects;
    for (let i = 0; i < objects.deviceCount; i++) this.#deviceTasks.push(this.#begin(-1, 'device', 'device'));
    this.#isOn = true;
  }

  /** The traffic is over: what follows comes after everything. */
  stop(): void {
    this.#isOn = false;
  }

  // ---- Tasks

  /** An activation was made; a thread comes after what its maker has done, a DPC or ISR after what was released to it. */
  began(activation: Activation, objectId: number): void {
    if (!this.#isOn) return;
    const isThread = activation.kind === 'thread';
    const task = this.#begin(isThread ? this.#current : -1, activation.kind, activation.name);
    activation.task = task < 0 ? UNWATCHED : task;
    if (task >= 0 && !isThread) this.#track.acquire(task, this.#sync(objectId, IN));
  }

  #begin(parent: number, kind: ActivationKind | 'device', name: string): number {
    const task = this.#track.begin(parent);
    if (task >= 0) this.#tasks[task]!.begin(kind, name);
    return task;
  }

  ended(activation: Activation): void {
    if (activation.task >= 0 && this.#isOn) this.#track.end(activation.task);
    activation.task = -1;
  }

  /** Task of the running code, -1 for none. A thread of the prologue's making becomes one when it first does something. */
  get #current(): number {
    if (!this.#isOn || this.isOutside) return -1;
    const top = this.#kernel.current.top;
    if (top === undefined) return -1;
    return this.#taskOf(top);
  }

  #taskOf(activation: Activation): number {
    if (activation.task === -1) {
      const task = this.#begin(-1, activation.kind, activation.name);
      activation.task = task < 0 ? UNWATCHED : task;
    }
    return activation.task;
  }

  callbackEntered(name: string): void {
    const task = this.#current;
    if (task < 0) return;
    this.#tasks[task]!.callbacks.push(name);
    this.#tasks[task]!.site = -1;
  }

  callbackLeft(): void {
    const task = this.#current;
    if (task < 0) return;
    this.#tasks[task]!.callbacks.pop();
    this.#tasks[task]!.site = -1;
  }

  // ---- Synchronisation

  locked(objectId: number, name: string, isInterruptLock = false): void {
    const task = this.#current;
    if (task < 0) return;
    this.#track.acquire(task, this.#sync(objectId, IN));
    this.#lockNames.set(objectId, name);
    if (isInterruptLock) this.#interruptLocks.add(objectId);
    this.#tasks[task]!.locks = this.#lockSets.add(this.#tasks[task]!.locks, objectId);
    this.#tasks[task]!.site = -1;
  }

  unlocked(objectId: number): void {
    const task = this.#current;
    if (task < 0) return;
    this.#track.release(task, this.#sync(objectId, IN));
    this.#tasks[task]!.locks = this.#lockSets.remove(this.#tasks[task]!.locks, objectId);
    this.#tasks[task]!.site = -1;
  }

  /** Whoever is started or let go by this object comes after what the running code has done: an event, a queued DPC, an armed timer. */
  release(objectId: number): void {
    const task = this.#current;
    if (task >= 0) this.#track.release(task, this.#sync(objectId, IN));
  }

  acquire(objectId: number): void {
    const task = this.#current;
    if (task >= 0) this.#track.acquire(task, this.#sync(objectId, IN));
  }

  /** A word of a common buffer, which the device stores last, was looked at: its steps so far come before, and who published it. */
  observed(bufferId: number, deviceId: number): void {
    this.acquire(bufferId);
    const task = this.#current;
    if (task >= 0) this.#track.acquire(task, this.#sync(deviceId, OUT));
  }

  /** A DPC instance is about to end; `flushed` comes after all that have. */
  finished(objectId: number): void {
    const task = this.#current;
    if (task >= 0) this.#track.release(task, this.#sync(objectId, OUT));
  }

  flushed(objectId: number): void {
    const task = this.#current;
    if (task >= 0) this.#track.acquire(task, this.#sync(objectId, OUT));
  }

  /** `activation` is let past its scheduling point. Locks report themselves when they are taken. */
  performed(activation: Activation, op: Op): void {
    const task = this.#isOn ? this.#taskOf(activation) : UNWATCHED;
    if (task < 0) return;
    const object = opObject(op);
    const kind = opKind(op);
    const { firstDeviceId, deviceCount, poolId } = this.#devices;
    if (object >= firstDeviceId && object < firstDeviceId + deviceCount) this.#atDevice(task, object, kind);
    else if (object === poolId) this.#atPool(task, object, kind);
    else if (kind === OpKind.Call || kind === OpKind.Update || kind === OpKind.Grant) {
      // The framework guards each object of its own with a lock.
      const sync = this.#sync(object, IN);
      this.#track.acquire(task, sync);
      this.#track.release(task, sync);
    }
  }

  /** A write of a register is seen by the device's next step; a read sees what its steps have come to, not what others wrote. */
  #atDevice(task: number, device: number, kind: OpKind): void {
    if (kind === OpKind.Update) this.#track.release(task, this.#sync(device, IN));
    else if (kind === OpKind.Read) this.#track.acquire(task, this.#sync(device, OUT));
  }

  /** Whoever gets map registers comes after those who freed them, and whoever is granted some to a waiter after the waiter's request. */
  #atPool(task: number, pool: number, kind: OpKind): void {
    if (kind !== OpKind.Release) this.#track.acquire(task, this.#sync(pool, IN));
    if (kind === OpKind.Acquire) this.#track.release(task, this.#sync(pool, OUT));
    else if (kind === OpKind.Grant) this.#track.acquire(task, this.#sync(pool, OUT));
    else this.#track.release(task, this.#sync(pool, IN));
  }

  /** The device made a step: it comes after the doorbells before it. */
  deviceStepped(objectId: number): void {
    const task = this.#deviceTasks[objectId - this.#devices.firstDeviceId];
    if (!this.#isOn || task === undefined || task < 0) return;
    this.#track.acquire(task, this.#sync(objectId, IN));
    this.#track.release(task, this.#sync(objectId, OUT));
  }

  /** The device's interrupt is pending: the ISR comes after its steps so far. */
  interruptRaised(deviceId: number, vectorId: number): void {
    const task = this.#deviceTasks[deviceId - this.#devices.firstDeviceId];
    if (this.#isOn && task !== undefined && task >= 0) this.#track.release(task, this.#sync(vectorId, IN));
  }

  #sync(objectId: number, direction: number): number {
    if (this.listener !== null) this.listener.synchronised(objectId);
    const at = objectId * 2 + direction;
    while (at >= this.#syncs.length) {
      const grown = new Int32Array(this.#syncs.length * 2);
      grown.set(this.#syncs);
      this.#syncs = grown;
    }
    const known = this.#syncs[at]!;
    if (known !== 0) return known - 1;
    const sync = this.#track.newSync();
    this.#syncs[at] = sync + 1;
    return sync;
  }

  /** A field that interlocked operations touch. */
  newInterlocked(): number {
    return this.#track.newSync();
  }

  /** An interlocked operation comes after all earlier ones on the field. */
  interlocked(sync: number): void {
    if (this.listener !== null) this.listener.interlocked();
    const task = this.#current;
    if (task < 0) return;
    this.#track.acquire(task, sync);
    this.#track.release(task, sync);
  }

  // ---- Accesses

  /** A field to look after, or the word at `offset` of something; `name` as a finding prints it. */
  newVariable(name: string, offset = -1): number {
    this.#names.push(name);
    this.#offsets.push(offset);
    this.#told.push(false);
    return this.#track.newVariable();
  }

  read(variable: number): void {
    if (this.listener !== null) this.listener.accessed(variable, false);
    const task = this.#current;
    if (task < 0) return;
    const site = this.#siteOf(task);
    if (this.#track.read(task, variable, site)) this.#report(variable, site, 'reads');
  }

  write(variable: number): void {
    if (this.listener !== null) this.listener.accessed(variable, true);
    const task = this.#current;
    if (task < 0) return;
    const site = this.#siteOf(task);
    if (this.#track.write(task, variable, site)) this.#report(variable, site, 'writes');
  }

  #siteOf(number: number): number {
    const task = this.#tasks[number]!;
    if (task.site >= 0) return task.site;
    const { kind, name, callbacks, locks } = task;
    const callback = callbacks[callbacks.length - 1] ?? '';
    const key = `${kind}|${name}|${callback}|${locks}`;
    let site = this.#siteNumbers.get(key);
    if (site === undefined) {
      site = this.#sites.length;
      this.#sites.push({ kind, name, callback, locks });
      this.#siteNumbers.set(key, site);
    }
    task.site = site;
    return site;
  }

  // ---- Findings

  /** Once a variable: what follows its first race says nothing new. */
  #report(variable: number, site: number, verb: string): void {
    if (this.#told[variable]) return;
    this.#told[variable] = true;
    const now = this.#sites[site]!;
    const before = this.#sites[this.#track.otherSite]!;
    const offset = this.#offsets[variable]!;
    const name = offset < 0 ? this.#names[variable]! : `${this.#names[variable]!} at offset ${offset}`;
    const did = this.#track.otherIsWrite ? 'wrote' : 'read';
    const withIsr = now.kind === 'isr' || before.kind === 'isr' || this.#isInterruptSide(now) !== this.#isInterruptSide(before);
    this.#kernel.violation({
      rule: withIsr ? 'D17' : 'L-DATA-RACE',
      severity: 'error',
      object: name,
      message: `${this.#whoIs(now)} ${verb} ${name} ${this.#holding(now)}; ${this.#whoIs(before)} ${did} it ${this.#holding(before)}, and nothing orders the two: ${this.#missing(now, before, withIsr)}`,
    });
  }

  #isInterruptSide({ locks }: Site): boolean {
    return this.#lockSets.locksOf(locks).some((lock) => this.#interruptLocks.has(lock));
  }

  #whoIs({ name, callback }: Site): string {
    return callback === '' ? name : `${callback} (${name})`;
  }

  #holding({ locks }: Site): string {
    const held = this.#lockSets.locksOf(locks);
    return held.length === 0 ? 'without a lock' : `holding ${this.#lockNamesOf(held)}`;
  }

  #lockNamesOf(locks: readonly number[]): string {
    return locks.map((lock) => this.#lockNames.get(lock)!).join(' and ');
  }

  #missing(now: Site, before: Site, withIsr: boolean): string {
    const held = [...this.#lockSets.locksOf(now.locks), ...this.#lockSets.locksOf(before.locks)];
    const wanted = withIsr ? held.filter((lock) => this.#interruptLocks.has(lock)) : held;
    if (wanted.length === 0) return 'both need one lock';
    if (now.locks !== 0 && before.locks !== 0 && !withIsr) return 'they hold no lock in common';
    const lacking = this.#lockSets.locksOf(now.locks).includes(wanted[0]!) ? before : now;
    return `${this.#whoIs(lacking)} must hold ${this.#lockNamesOf(wanted.slice(0, 1))}`;
  }
}
