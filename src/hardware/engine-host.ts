import { InternalError } from '../nt/index.js';
import { MachineMemory, atomics, type WasmMemory } from '../memory/index.js';
import { DONE, OpKind, opKind } from '../kernel/op.js';
import { hostTimeMs } from '../kernel/clock.js';
import { deviceModels } from './device-models.js';
import type { DevicePlacement } from './device-plan.js';
import { DeviceView } from './device-view.js';
import * as block from './host-layout.js';
import { HostCommand, HostState, HostWord } from './host-layout.js';
import { InterruptController, type InterruptControllerPlacement } from './interrupt-controller.js';
import { OrderLock } from './order-lock.js';

/** What a worker is given: one long task an engine host, plain data and the memory. */
export interface EngineTask {
  readonly memory: WasmMemory;
  /** Byte offset of the host's control block. */
  readonly host: number;
  readonly devices: readonly DevicePlacement[];
  readonly interrupts: InterruptControllerPlacement;
  readonly firstRamFrame: number;
  /** Looks at idle devices before the host goes to sleep; 0 on a machine without a core to spare. */
  readonly spinPolls: number;
  /** The order lock and the host's place among its parties. Default: it will never record. */
  readonly order?: { readonly at: number; readonly party: number };
}

/** What a host did, when it was stopped. */
export interface EngineResult {
  readonly threadId: number;
  readonly steps: number;
  readonly busyMs: number;
  /** Times it went to sleep. */
  readonly sleeps: number;
}

/** Steps of one device before the next device of the host has its turn and the control word is looked at. */
const STEPS_PER_TURN = 64;
/** Looks at devices of which one waits for time and none has work, before each tick: a tick takes about a microsecond. */
const POLLS_PER_TICK = 32;
/** What a turn came to. */
const Turn = { Idle: 0, Waiting: 1, Worked: 2 } as const;
type Turn = (typeof Turn)[keyof typeof Turn];
/** Longest sleep: the heartbeat goes on while nothing happens. */
const SLEEP_SLICE_MS = 100;
/** Longest wait for the order lock before the heartbeat and the control word have their turn. */
const LOCK_SLICE_MS = 50;

/** Runs devices until the main side says stop. Throws InternalError ENGINE_STEP when a step throws, after leaving the reason in the control block. */
export function runEngineHost(task: EngineTask, threadId: number): EngineResult {
  return new EngineHost(task, threadId).run();
}

/**
 * An engine host: the worker's side. One thread, one or more devices, one control block.
 *
 *     look at control -> steps of each device in turn -> heartbeat -> ... nothing pending: spin, then sleep -> ...
 *                                                                     ... only waits pending: spin, then a tick -> ...
 *
 * Going to sleep: read the doorbell, set the flag, look once more, wait for the doorbell to change. Whoever gives a
 * device something to do writes first and reads the flag afterwards, so one of the two sees the other.
 */
class EngineHost {
  readonly #memory: MachineMemory;
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #devices: readonly DeviceView[];
  readonly #interrupts: InterruptController;
  readonly #spinPolls: number;
  readonly #order: OrderLock | null;
  readonly #threadId: number;
  #steps = 0;
  #heartbeat = 0;
  #stepping = 'no device';

  constructor(task: EngineTask, threadId: number) {
    this.#memory = new MachineMemory(task.memory);
    this.#words = this.#memory.i32;
    this.#at = task.host >> 2;
    this.#interrupts = new InterruptController(this.#memory, task.interrupts);
    const platform = { interrupts: this.#interrupts, firstRamFrame: task.firstRamFrame };
    this.#devices = task.devices.map((placement) => {
      const model = deviceModels.get(placement.model);
      if (model === undefined) throw new InternalError('ENGINE_MODEL', `the engine thread knows no device model '${placement.model}'`);
      return new DeviceView(this.#memory, model, placement, platform);
    });
    this.#spinPolls = task.spinPolls;
    this.#order = task.order === undefined ? null : new OrderLock(this.#memory, task.order.at, task.order.party, task.spinPolls > 0);
    this.#threadId = threadId;
  }

  run(): EngineResult {
    const words = this.#words;
    atomics.store(words, this.#at + HostWord.ThreadId, this.#threadId);
    this.#setState(HostState.Running);
    try {
      this.#loop();
    } catch (error) {
      throw this.#fail(error);
    }
    this.#endBusy();
    this.#setState(HostState.Stopped);
    const busyMs = this.#memory.f64[this.#f64(block.HOST_BUSY_MS)]!;
    return { threadId: this.#threadId, steps: this.#steps, busyMs, sleeps: words[this.#at + HostWord.Sleeps]! };
  }

  #f64(offset: number): number {
    return ((this.#at << 2) + offset) >> 3;
  }

  #loop(): void {
    let idlePolls = 0;
    let waitingPolls = 0;
    for (;;) {
      const command = atomics.load(this.#words, this.#at + HostWord.Control) as HostCommand;
      if (command === HostCommand.Stop) return;
      this.#beat();
      const turn = this.#obey(command, waitingPolls === POLLS_PER_TICK);
      if (turn !== Turn.Idle) {
        idlePolls = 0;
        // The clock goes on while there is work, too, but a device counts its own steps then.
        waitingPolls = turn === Turn.Waiting && waitingPolls < POLLS_PER_TICK ? waitingPolls + 1 : 0;
      } else if (idlePolls++ >= this.#spinPolls) {
        this.#sleep(command);
        idlePolls = 0;
      }
    }
  }

  #obey(command: HostCommand, isTickDue: boolean): Turn {
    if (command === HostCommand.Grant) return this.#serveGrant();
    if (command === HostCommand.Record && this.#order !== null) return this.#recordTurn(this.#order, isTickDue);
    return this.#turn(isTickDue);
  }

  #beat(): void {
    this.#heartbeat = (this.#heartbeat + 1) | 0;
    atomics.store(this.#words, this.#at + HostWord.Heartbeat, this.#heartbeat);
  }

  /** One turn of every device; those that only wait for time get a tick if one is due. */
  #turn(isTickDue: boolean): Turn {
    const devices = this.#devices;
    let steps = 0;
    let waiting = false;
    for (let i = 0; i < devices.length; i++) {
      const device = devices[i]!;
      const op = device.model.pending(device);
      if (op === DONE) continue;
      const isWait = opKind(op) === OpKind.Wait;
      if (isWait) waiting = true;
      if (isWait && !isTickDue) continue;
      if (steps === 0) this.#beginBusy();
      steps += isWait ? this.#stepDevice(device, 1) : this.#stepDevice(device, STEPS_PER_TURN);
    }
    if (steps > 0) this.#countSteps(steps);
    return waiting ? Turn.Waiting : steps > 0 ? Turn.Worked : Turn.Idle;
  }

  #stepDevice(device: DeviceView, limit: number): number {
    const { model } = device;
    this.#stepping = device.name;
    device.setEngaged(true);
    let steps: number;
    if (limit === 1) steps = model.step(device) ? 1 : 0;
    else steps = model.stepMany === undefined ? singleSteps(device, limit) : manySteps(device, limit);
    device.setEngaged(false);
    return steps;
  }

  #countSteps(steps: number): void {
    this.#steps += steps;
    this.#memory.f64[this.#f64(block.HOST_STEPS)] = this.#steps;
  }

  // ---- Recording: a step is one operation of the order, performed with the order lock held

  /** As `#turn`, but step by step, and only while the main thread lets devices step. */
  #recordTurn(order: OrderLock, isTickDue: boolean): Turn {
    if (!order.isOpen || order.isFull) return Turn.Idle;
    let steps = 0;
    let waiting = false;
    for (let i = 0; i < this.#devices.length; i++) {
      const device = this.#devices[i]!;
      const op = device.model.pending(device);
      if (op === DONE) continue;
      const isWait = opKind(op) === OpKind.Wait;
      if (isWait) waiting = true;
      if (isWait && !isTickDue) continue;
      this.#beginBusy();
      steps += this.#recordDevice(order, device, isWait ? 1 : STEPS_PER_TURN);
    }
    if (steps > 0) this.#countSteps(steps);
    return waiting ? Turn.Waiting : steps > 0 ? Turn.Worked : Turn.Idle;
  }

  #recordDevice(order: OrderLock, device: DeviceView, limit: number): number {
    if (!order.take(LOCK_SLICE_MS)) return 0;
    let steps = 0;
    let givesWay = false;
    // Asked again under the lock: the main thread may have ended the traffic, or somebody else filled the ring.
    while (steps < limit && !givesWay && order.isOpen && !order.isFull) {
      const op = device.model.pending(device);
      if (op === DONE || (opKind(op) === OpKind.Wait && limit > 1)) break;
      this.#stepDevice(device, 1);
      order.append(device.placement.index, op);
      steps++;
      // A refused access ends the machine: what was to come after it does not happen any more.
      if (this.#interrupts.hasFault()) order.stopHere();
      givesWay = order.mustGiveWay();
    }
    const concernsMain = this.#interrupts.hasAttention() || order.isFull || device.model.pending(device) === DONE;
    if (givesWay) order.giveWay();
    else order.release();
    if (concernsMain) order.signal();
    return steps;
  }

  /** Lockstep: exactly one step of the device the main side names, then the answer. */
  #serveGrant(): Turn {
    const words = this.#words;
    const sequence = atomics.load(words, this.#at + HostWord.GrantSequence);
    if (sequence === words[this.#at + HostWord.GrantDone]) return Turn.Idle;
    const device = this.#devices[words[this.#at + HostWord.GrantDevice]!];
    if (device === undefined)
      throw new InternalError(
        'ENGINE_GRANT',
        `a step was granted to device ${words[this.#at + HostWord.GrantDevice]} of ${this.#devices.length}`,
      );
    const steps = this.#stepDevice(device, 1);
    this.#countSteps(steps);
    words[this.#at + HostWord.GrantResult] = steps;
    atomics.store(words, this.#at + HostWord.GrantDone, sequence);
    atomics.notify(words, this.#at + HostWord.GrantDone);
    return Turn.Worked;
  }

  #sleep(command: HostCommand): void {
    const words = this.#words;
    const seen = atomics.load(words, this.#at + HostWord.Doorbell);
    atomics.exchange(words, this.#at + HostWord.Sleeping, 1);
    if (!this.#hasWork(command)) {
      this.#endBusy();
      words[this.#at + HostWord.Sleeps] = (words[this.#at + HostWord.Sleeps]! + 1) | 0;
      atomics.waitBlocking(words, this.#at + HostWord.Doorbell, seen, SLEEP_SLICE_MS);
    }
    atomics.store(words, this.#at + HostWord.Sleeping, 0);
  }

  #hasWork(command: HostCommand): boolean {
    const words = this.#words;
    if (atomics.load(words, this.#at + HostWord.Control) !== command) return true;
    if (command === HostCommand.Grant)
      return atomics.load(words, this.#at + HostWord.GrantSequence) !== words[this.#at + HostWord.GrantDone];
    // Who opens wakes the host afterwards, by the doorbell that was read before.
    if (command === HostCommand.Record && this.#order?.isOpen !== true) return false;
    for (const device of this.#devices) if (device.model.pending(device) !== DONE) return true;
    return false;
  }

  // ---- Busy intervals: stamped only where the host falls asleep or begins to work

  #beginBusy(): void {
    const words = this.#words;
    if (words[this.#at + HostWord.Busy] !== 0) return;
    this.#memory.f64[this.#f64(block.HOST_BUSY_SINCE)] = hostTimeMs();
    atomics.store(words, this.#at + HostWord.Busy, 1);
  }

  #endBusy(): void {
    const words = this.#words;
    if (words[this.#at + HostWord.Busy] === 0) return;
    const { f64 } = this.#memory;
    const startMs = f64[this.#f64(block.HOST_BUSY_SINCE)]!;
    const endMs = hostTimeMs();
    f64[this.#f64(block.HOST_BUSY_MS)] = f64[this.#f64(block.HOST_BUSY_MS)]! + (endMs - startMs);
    const written = words[this.#at + HostWord.IntervalsWritten]!;
    const kept = (written - atomics.load(words, this.#at + HostWord.IntervalsRead)) | 0;
    if (kept < block.HOST_INTERVAL_SLOTS) {
      const slot = this.#f64(block.HOST_INTERVALS) + (written & (block.HOST_INTERVAL_SLOTS - 1)) * 2;
      f64[slot] = startMs;
      f64[slot + 1] = endMs;
      atomics.store(words, this.#at + HostWord.IntervalsWritten, (written + 1) | 0);
    } else {
      words[this.#at + HostWord.IntervalsLost] = (words[this.#at + HostWord.IntervalsLost]! + 1) | 0;
    }
    atomics.store(words, this.#at + HostWord.Busy, 0);
  }

  // ---- The end

  #setState(state: HostState): void {
    atomics.store(this.#words, this.#at + HostWord.State, state);
    this.#interrupts.wakeMain();
  }

  #fail(error: unknown): InternalError {
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const reason = `engine thread ${this.#threadId} stopped in a step of ${this.#stepping} after ${this.#steps} steps: ${why}`;
    const bytes = Buffer.from(reason, 'utf8').subarray(0, block.HOST_REASON_BYTES);
    this.#memory.u8.set(bytes, (this.#at << 2) + block.HOST_REASON);
    this.#words[this.#at + HostWord.ReasonLength] = bytes.length;
    for (const device of this.#devices) device.setEngaged(false);
    this.#endBusy();
    this.#setState(HostState.Failed);
    return new InternalError('ENGINE_STEP', reason);
  }
}

function singleSteps(device: DeviceView, limit: number): number {
  const { model } = device;
  let steps = 0;
  // A step that only waits must not run in a row: time would be over at once.
  for (let op = model.pending(device); steps < limit && op !== DONE && opKind(op) !== OpKind.Wait; op = model.pending(device)) {
    if (!model.step(device)) break;
    steps++;
  }
  return steps;
}

function manySteps(device: DeviceView, limit: number): number {
  const { model } = device;
  let steps = 0;
  while (steps < limit) {
    const made = model.stepMany!(device, limit - steps);
    if (made === 0) break;
    steps += made;
  }
  return steps;
}
