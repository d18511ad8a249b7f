import { FastTrack, TASKS_MAX } from './fast-track.js';
import { PostedOrder } from './posted-order.js';
import type { RaceListener } from './race-listener.js';
import { RaceSites, RaceTask } from './race-sites.js';
import { RegisterUpdates } from './register-updates.js';
import { WatchedBuffer, WatchedBuffers } from './watched-buffer.js';
import { PAGE_SIZE } from '../memory/index.js';
import { opKind, opObject, OpKind, type Op } from './op.js';
import type { Kernel } from './kernel.js';
import type { Activation } from './virtual-cpu.js';
import type { TaskKind } from './race-sites.js';

/** Which objects are not framework objects: their operations order in one direction only. */
export interface RaceWatchObjects {
  /** Devices, the system DMA controller among them, have the ids from here on. */
  readonly firstDeviceId: number;
  readonly deviceNames: readonly string[];
  /** The pool of map registers. */
  readonly poolId: number;
  /** Register writes arrive some time after they were made, and say so. */
  readonly postsWrites: boolean;
}

/** Knows what registers are called. */
interface RegisterNames {
  registerName?(offset: number): string;
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
  readonly #tasks = Array.from({ length: TASKS_MAX }, () => new RaceTask());
  readonly #sites = new RaceSites();
  /** By variable: what it is part of, where in it (-1: it is all of it), and whether its race was told. */
  readonly #names: string[] = [];
  readonly #offsets: number[] = [];
  readonly #told: boolean[] = [];
  /** By object id and direction: its synchronisation object plus 1. */
  #syncs = new Int32Array(1024);
  #devices: RaceWatchObjects = { firstDeviceId: 0, deviceNames: [], poolId: -1, postsWrites: false };
  readonly #deviceTasks: number[] = [];
  /** Task of the device that makes a step now, else -1. */
  #stepping = -1;
  readonly #buffers = new WatchedBuffers(PAGE_SIZE);
  readonly #updates = new RegisterUpdates();
  readonly #posted = new PostedOrder(this.#track);
  /** By device and offset: a register's number, which is its place in `#registerVariables`. */
  readonly #registers = new Map<number, number>();
  readonly #registerVariables: number[] = [];
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
    this.#stepping = -1;
    this.#buffers.clear();
    this.#updates.reset();
    this.#posted.reset();
    this.#registers.clear();
    this.#registerVariables.length = 0;
    this.#sites.reset();
  }

  /** The prologue is over; what was done in it comes before everything. `threads` wait to be started. */
  start(objects: RaceWatchObjects): void {
    this.#devices = objects;
    for (const name of objects.deviceNames) this.#deviceTasks.push(this.#begin(-1, 'device', `device ${name}`));
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

  #begin(parent: number, kind: TaskKind, name: string): number {
    const task = this.#track.begin(parent);
    if (task < 0) return task;
    this.#tasks[task]!.begin(kind, name);
    this.#updates.forget(task);
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
    this.#updates.forget(task);
  }

  callbackLeft(): void {
    const task = this.#current;
    if (task < 0) return;
    this.#tasks[task]!.callbacks.pop();
    this.#tasks[task]!.site = -1;
    this.#updates.forget(task);
  }

  // ---- Synchronisation

  locked(objectId: number, name: string, isInterruptLock = false): void {
    const task = this.#current;
    if (task < 0) return;
    this.#track.acquire(task, this.#sync(objectId, IN));
    this.#sites.nameLock(objectId, name, isInterruptLock);
    this.#tasks[task]!.locks = this.#sites.lockSets.add(this.#tasks[task]!.locks, objectId);
    this.#tasks[task]!.site = -1;
  }

  unlocked(objectId: number): void {
    const task = this.#current;
    if (task < 0) return;
    this.#track.release(task, this.#sync(objectId, IN));
    this.#tasks[task]!.locks = this.#sites.lockSets.remove(this.#tasks[task]!.locks, objectId);
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
    const { firstDeviceId, deviceNames, poolId } = this.#devices;
    if (object >= firstDeviceId && object < firstDeviceId + deviceNames.length) this.#atDevice(task, object, kind);
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
    if (kind === OpKind.Update && !this.#devices.postsWrites) this.#track.release(task, this.#sync(device, IN));
    else if (kind === OpKind.Read) this.#track.acquire(task, this.#sync(device, OUT));
  }

  /** A register write was sent off. */
  writePosted(device: number): void {
    if (this.#isOn) this.#posted.posted(device, this.#current);
  }

  /** The oldest write on its way to the device has arrived. */
  writeArrived(device: number): void {
    if (this.#isOn) this.#posted.arrived(device, this.#sync(device, IN));
  }

  /** Whoever gets map registers comes after those who freed them, and whoever is granted some to a waiter after the waiter's request. */
  #atPool(task: number, pool: number, kind: OpKind): void {
    if (kind !== OpKind.Release) this.#track.acquire(task, this.#sync(pool, IN));
    if (kind === OpKind.Acquire) this.#track.release(task, this.#sync(pool, OUT));
    else if (kind === OpKind.Grant) this.#track.acquire(task, this.#sync(pool, OUT));
    else this.#track.release(task, this.#sync(pool, IN));
  }

  /** The device is about to make a step: it comes after the doorbells before it. */
  deviceSteps(objectId: number): void {
    const task = this.#deviceTasks[objectId - this.#devices.firstDeviceId];
    if (!this.#isOn || task === undefined || task < 0) return;
    this.#track.acquire(task, this.#sync(objectId, IN));
    this.#stepping = task;
  }

  /** It has made the step. */
  deviceStepped(objectId: number): void {
    if (this.#stepping < 0) return;
    this.#track.release(this.#stepping, this.#sync(objectId, OUT));
    this.#stepping = -1;
  }

  /** The running code has switched the device's power or presence, between two of its steps: those before come before it, those after behind it. */
  deviceHeld(objectId: number): void {
    const task = this.#current;
    if (task < 0) return;
    this.#track.acquire(task, this.#sync(objectId, OUT));
    this.#track.release(task, this.#sync(objectId, IN));
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

  /** Something that orders: a field that interlocked operations touch, a word that the device stores. */
  newSync(): number {
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

  // ---- Common buffers

  /** A buffer that driver and device share, to be looked after. */
  newBuffer(label: string, objectId: number, address: number, lengthBytes: number): WatchedBuffer {
    const buffer = new WatchedBuffer(this, label, objectId, address, lengthBytes);
    this.#buffers.add(buffer);
    return buffer;
  }

  bufferFreed(buffer: WatchedBuffer): void {
    this.#buffers.remove(buffer);
  }

  /** The driver reads or writes bytes of it; bytes of one word count as one. */
  touched(buffer: WatchedBuffer, offset: number, bytes: number, isWrite: boolean): void {
    if (this.listener !== null) this.#tellWords(this.listener, buffer, offset, bytes, isWrite);
    const task = this.#current;
    if (task >= 0) this.#touch(task, buffer, offset, bytes, isWrite);
  }

  #tellWords(listener: RaceListener, buffer: WatchedBuffer, offset: number, bytes: number, isWrite: boolean): void {
    const end = buffer.endWord(offset, bytes);
    for (let word = buffer.firstWord(offset); word < end; word++) listener.accessed(buffer.variable(word), isWrite);
  }

  /** Once an access: what the next words of it race with is the same. */
  #touch(task: number, buffer: WatchedBuffer, offset: number, bytes: number, isWrite: boolean): void {
    const site = this.#siteOf(task);
    const end = buffer.endWord(offset, bytes);
    let isTold = false;
    for (let word = buffer.firstWord(offset); word < end; word++) {
      const variable = buffer.variable(word);
      const raced = isWrite ? this.#track.write(task, variable, site) : this.#track.read(task, variable, site);
      if (!raced) continue;
      if (isTold) this.#told[variable] = true;
      else this.#report(variable, site, isWrite ? 'writes' : 'reads');
      isTold = true;
    }
  }

  /**
   * The driver looks at a word, or at two in one load, in order: what other callbacks published in the buffer comes
   * before, and the device's steps up to its stores there, or all of them when its stores are not seen.
   */
  observed(buffer: WatchedBuffer, offset: number, bytes: number, deviceId: number, seesStores: boolean): void {
    const published = this.#sync(buffer.objectId, IN);
    const steps = this.#sync(deviceId, OUT);
    const task = this.#current;
    if (task < 0) return;
    this.#track.acquire(task, published);
    if (seesStores) buffer.acquireStores(this.#track, task, offset, bytes);
    else this.#track.acquire(task, steps);
  }

  /** The device that makes a step reads or writes memory. It loads each word after what was published in the buffer. */
  accessed(address: number, bytes: number, isWrite: boolean): void {
    const task = this.#stepping;
    const buffer = task < 0 ? undefined : this.#buffers.at(address);
    if (buffer === undefined) return;
    const offset = address - buffer.address;
    if (!isWrite) this.#track.acquire(task, this.#sync(buffer.objectId, IN));
    this.#touch(task, buffer, offset, bytes, isWrite);
    if (!isWrite) return;
    const end = buffer.endWord(offset, bytes);
    for (let word = buffer.firstWord(offset); word < end; word++) this.#track.release(task, buffer.store(word));
  }

  // ---- Registers: single accesses are atomic, a read and the write that gives it back are two

  /** The driver has read these lanes, a mask, of a register that keeps what is written to some of their bits. */
  registerRead(deviceId: number, offset: number, lanes: number, names: RegisterNames): void {
    const task = this.#current;
    if (task >= 0) this.#updates.read(task, this.#registerOf(deviceId, offset, names), lanes);
  }

  /**
   * The driver has written these lanes. A race is an update - the same callback has read the same lanes before - and another
   * write that nothing orders with it, or that came between the update's read and its write.
   */
  registerWritten(deviceId: number, offset: number, lanes: number, names: RegisterNames): void {
    const task = this.#current;
    if (task < 0) return;
    const register = this.#registerOf(deviceId, offset, names);
    const variable = this.#registerVariables[register]!;
    const isUpdate = this.#updates.isUpdate(task, register, lanes);
    const isStale = isUpdate && this.#updates.isStale(task, register);
    const before = this.#track.lastWriteSite(variable);
    const site = this.#siteOf(task);
    const raced = this.#track.write(task, variable, site * 2 + (isUpdate ? 1 : 0));
    this.#updates.written(task, register);
    if (!isStale && !(raced && (isUpdate || (this.#track.otherSite & 1) === 1))) return;
    const other = raced ? this.#track.otherSite : before;
    const verb = isUpdate ? 'has read and writes back' : 'writes';
    this.#reportPair(variable, site, verb, other >> 1, (other & 1) === 1 ? 'had read and written back' : 'wrote');
  }

  #registerOf(deviceId: number, offset: number, names: RegisterNames): number {
    const key = deviceId * 0x1_0000 + offset;
    const known = this.#registers.get(key);
    if (known !== undefined) return known;
    const register = this.#registerVariables.length;
    this.#registers.set(key, register);
    this.#registerVariables.push(this.newVariable(names.registerName?.(offset) ?? ''));
    return register;
  }

  #siteOf(number: number): number {
    const task = this.#tasks[number]!;
    if (task.site < 0) task.site = this.#sites.number(task.kind, task.name, task.callbacks[task.callbacks.length - 1] ?? '', task.locks);
    return task.site;
  }

  // ---- Findings

  #report(variable: number, site: number, verb: string): void {
    this.#reportPair(variable, site, verb, this.#track.otherSite, this.#track.otherIsWrite ? 'wrote' : 'read');
  }

  /** Once a variable: what follows its first race says nothing new. */
  #reportPair(variable: number, site: number, verb: string, otherSite: number, did: string): void {
    if (this.#told[variable]) return;
    this.#told[variable] = true;
    const offset = this.#offsets[variable]!;
    const name = offset < 0 ? this.#names[variable]! : `${this.#names[variable]!} at offset ${offset}`;
    const { rule, message } = this.#sites.describe(name, { site, verb }, { site: otherSite, verb: did });
    this.#kernel.violation({ rule, severity: 'error', object: name, message });
  }
}
