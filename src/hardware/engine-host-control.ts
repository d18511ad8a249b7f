import { atomics, type MachineMemory } from '../memory/index.js';
import * as block from './host-layout.js';
import { HostCommand, HostState, HostWord } from './host-layout.js';

/** Wall-clock time in which a host worked, on the scale of `hostTimeMs`. */
export interface BusyInterval {
  readonly startMs: number;
  readonly endMs: number;
}

export interface EngineHostStats {
  /** Thread that runs the host; 0 until it has started. */
  readonly threadId: number;
  readonly steps: number;
  /** Closed intervals only; exact once the host sleeps or has stopped. */
  readonly busyMs: number;
  readonly sleeps: number;
  /** Changes as long as the host lives, at least every 100 ms. */
  readonly heartbeat: number;
  readonly state: HostState;
  /** Closed intervals that were dropped because nobody drained them. */
  readonly intervalsLost: number;
}

/** Looks at the answer to a grant before waiting for it. */
const GRANT_SPINS = 2000;

/** The main side of an engine host: commands, statistics, lockstep. */
export class EngineHostControl {
  readonly #memory: MachineMemory;
  readonly #words: Int32Array;
  readonly #at: number;

  /** `host` is the byte offset from `planEngineHost`. */
  constructor(
    memory: MachineMemory,
    readonly host: number,
  ) {
    this.#memory = memory;
    this.#words = memory.i32;
    this.#at = host >> 2;
  }

  #f64(offset: number): number {
    return (this.host + offset) >> 3;
  }

  /** Makes the control block new for a task that is about to start and then does what `command` says. */
  prepare(command: HostCommand = HostCommand.Run): void {
    this.#memory.fill(this.host, 0, block.HOST_BLOCK_BYTES);
    atomics.store(this.#words, this.#at + HostWord.Control, command);
  }

  /** Lets a host in lockstep run freely. */
  run(): void {
    this.#command(HostCommand.Run);
  }

  /** Ends the host's task at the next turn; its promise then resolves. */
  stop(): void {
    this.#command(HostCommand.Stop);
  }

  #command(command: HostCommand): void {
    atomics.store(this.#words, this.#at + HostWord.Control, command);
    this.kick();
  }

  /** Wakes the host whether or not it sleeps. */
  kick(): void {
    atomics.store(this.#words, this.#at + HostWord.Sleeping, 0);
    atomics.add(this.#words, this.#at + HostWord.Doorbell, 1);
    atomics.notify(this.#words, this.#at + HostWord.Doorbell);
  }

  get state(): HostState {
    return atomics.load(this.#words, this.#at + HostWord.State) as HostState;
  }

  /** Thread that runs the host; 0 until it has started. */
  get threadId(): number {
    return atomics.load(this.#words, this.#at + HostWord.ThreadId);
  }

  get heartbeat(): number {
    return atomics.load(this.#words, this.#at + HostWord.Heartbeat);
  }

  get isSleeping(): boolean {
    return atomics.load(this.#words, this.#at + HostWord.Sleeping) !== 0;
  }

  readStats(): EngineHostStats {
    const word = (field: number): number => atomics.load(this.#words, this.#at + field);
    return {
      threadId: word(HostWord.ThreadId),
      steps: this.#memory.f64[this.#f64(block.HOST_STEPS)]!,
      busyMs: this.#memory.f64[this.#f64(block.HOST_BUSY_MS)]!,
      sleeps: word(HostWord.Sleeps) >>> 0,
      heartbeat: word(HostWord.Heartbeat),
      state: word(HostWord.State) as HostState,
      intervalsLost: word(HostWord.IntervalsLost) >>> 0,
    };
  }

  /** Why the host failed; null while it has not. */
  failureReason(): string | null {
    if (this.state !== HostState.Failed) return null;
    const start = this.host + block.HOST_REASON;
    const length = this.#words[this.#at + HostWord.ReasonLength]!;
    return Buffer.from(this.#memory.u8.slice(start, start + length)).toString('utf8');
  }

  /** Takes the busy intervals closed since the last call, oldest first. Call it now and then: the ring keeps HOST_INTERVAL_SLOTS. */
  drainBusyIntervals(): BusyInterval[] {
    const words = this.#words;
    const { f64 } = this.#memory;
    const written = atomics.load(words, this.#at + HostWord.IntervalsWritten);
    const read = words[this.#at + HostWord.IntervalsRead]!;
    const intervals: BusyInterval[] = [];
    for (let i = 0; i < ((written - read) | 0); i++) {
      const slot = this.#f64(block.HOST_INTERVALS) + ((read + i) & (block.HOST_INTERVAL_SLOTS - 1)) * 2;
      intervals.push({ startMs: f64[slot]!, endMs: f64[slot + 1]! });
    }
    atomics.store(words, this.#at + HostWord.IntervalsRead, written);
    return intervals;
  }

  // ---- Lockstep

  /** Grants one step to the host's device number `device`; one grant at a time. */
  grant(device: number): void {
    this.#words[this.#at + HostWord.GrantDevice] = device;
    atomics.add(this.#words, this.#at + HostWord.GrantSequence, 1);
    this.kick();
  }

  /** The granted step has been performed. */
  get isGrantDone(): boolean {
    return atomics.load(this.#words, this.#at + HostWord.GrantDone) === this.#words[this.#at + HostWord.GrantSequence];
  }

  /** Whether the last granted step did anything; false when nothing was pending. */
  get grantPerformed(): boolean {
    return this.#words[this.#at + HostWord.GrantResult] !== 0;
  }

  /** Waits for the granted step, blocking the event loop. False after `timeoutMs`. */
  awaitGrantBlocking(timeoutMs: number): boolean {
    for (let spins = 0; spins < GRANT_SPINS; spins++) if (this.isGrantDone) return true;
    const seen = atomics.load(this.#words, this.#at + HostWord.GrantDone);
    if (seen !== this.#words[this.#at + HostWord.GrantSequence])
      atomics.waitBlocking(this.#words, this.#at + HostWord.GrantDone, seen, timeoutMs);
    return this.isGrantDone;
  }

  /** As `awaitGrantBlocking`, leaving the event loop running. */
  async awaitGrantOnLoop(timeoutMs: number): Promise<boolean> {
    for (let spins = 0; spins < GRANT_SPINS; spins++) if (this.isGrantDone) return true;
    const seen = atomics.load(this.#words, this.#at + HostWord.GrantDone);
    if (seen !== this.#words[this.#at + HostWord.GrantSequence])
      await atomics.waitOnLoop(this.#words, this.#at + HostWord.GrantDone, seen, timeoutMs);
    return this.isGrantDone;
  }
}
