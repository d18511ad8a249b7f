import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { InternalError } from '../nt/index.js';
import { hostDelay, hostTimeMs } from '../kernel/index.js';
import { EngineHostControl, HostCommand, HostState, type EngineResult, type EngineTask } from '../hardware/index.js';
import type { Machine } from '../machine/machine.js';
import type { MachineParameters } from '../machine/parameters.js';
import type { EngineReport } from '../machine/report.js';
import { BusyOverlap } from './busy-overlap.js';

/** Longest wait for the worker threads to come up. */
const START_MS = 10_000;
/** Longest wait for an engine task to end after it was told to; then its thread is killed. */
const STOP_MS = 2000;
/** An engine that works and has not beaten for this long is lost. Sleeping engines beat every 100 ms. */
const SILENCE_MS = 900;
/** Looks at idle devices before an engine sleeps, when every thread can have a core. */
const SPIN_POLLS = 2000;

/** Worker threads that carry the devices of a machine. */
export function hostCountOf({ devices }: MachineParameters): number {
  return Math.min(devices.length, Math.max(2, availableParallelism() - 1));
}

/** Whether so many engines and the main thread can each have a core: only then do they spin before they sleep. */
export function maySpin(hosts: number): boolean {
  return hosts + 1 <= availableParallelism();
}

interface Host {
  readonly control: EngineHostControl;
  readonly devices: readonly string[];
  task: Promise<EngineResult> | null;
  failure: string | null;
  heartbeat: number;
  heartbeatMs: number;
}

/** The engine hosts of one run: a piscina pool with one long task a thread, and how they fare. */
export class EnginePool {
  readonly #machine: Machine;
  readonly #command: HostCommand;
  readonly #hosts: readonly Host[];
  readonly #overlap: BusyOverlap;
  #pool: Piscina | null = null;
  #reports: EngineReport[] = [];
  #isLost = false;
  #lastCheckMs = 0;

  /** `command` is what the hosts do from the start: run freely, or wait for grants. */
  constructor(machine: Machine, command: HostCommand = HostCommand.Run) {
    this.#machine = machine;
    this.#command = command;
    const { hosts, hostOf, placements } = machine.plan;
    this.#hosts = hosts.map((block, i) => ({
      control: new EngineHostControl(machine.memory, block),
      devices: placements.filter((_, device) => hostOf[device] === i).map((placement) => placement.name),
      task: null,
      failure: null,
      heartbeat: 0,
      heartbeatMs: 0,
    }));
    this.#overlap = new BusyOverlap(hosts.length);
  }

  /** Starts the threads and waits until every engine runs. Throws InternalError ENGINE_START when one does not come up. */
  async start(): Promise<void> {
    const count = this.#hosts.length;
    const filename = new URL('../../workers/engine.js', import.meta.url).href;
    this.#pool = new Piscina({ filename, minThreads: count, maxThreads: count, concurrentTasksPerWorker: 1, idleTimeout: Infinity });
    this.#hosts.forEach((host, i) => this.#startHost(host, i));
    const deadlineMs = hostTimeMs() + START_MS;
    while (!this.#hosts.every((host) => host.control.state === HostState.Running)) {
      const failed = this.#hosts.find((host) => host.failure !== null);
      if (failed !== undefined) throw new InternalError('ENGINE_START', `an engine thread did not start: ${failed.failure}`);
      if (hostTimeMs() > deadlineMs)
        throw new InternalError('ENGINE_START', `the engine threads did not start within ${START_MS / 1000} s`);
      await hostDelay(1);
    }
  }

  #startHost(host: Host, index: number): void {
    const { plan, memory } = this.#machine;
    host.control.prepare(this.#command);
    host.heartbeatMs = hostTimeMs();
    const task: EngineTask = {
      memory: memory.wasm,
      host: host.control.host,
      devices: plan.placements.filter((_, device) => plan.hostOf[device] === index),
      interrupts: plan.controller,
      firstRamFrame: plan.firstRamFrame,
      spinPolls: maySpin(this.#hosts.length) ? SPIN_POLLS : 0,
      ...(this.#command === HostCommand.Record ? { order: { at: plan.orderLock, party: index + 1 } } : {}),
    };
    host.task = this.#pool!.run(task) as Promise<EngineResult>;
    host.task.catch((error: unknown) => {
      host.failure ??= error instanceof Error ? error.message : String(error);
    });
  }

  /** An engine was lost: its thread did not come to the end of what it was doing. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** The main side of engine host number `index`. */
  control(index: number): EngineHostControl {
    return this.#hosts[index]!.control;
  }

  /** Looks after the engines; call it at every turn of the event loop. A lost one is the finding L-ENGINE-LOST, a crash. */
  check(): void {
    this.collect();
    const nowMs = hostTimeMs();
    // A process that was stopped, or a machine that slept, says nothing about its engines.
    const stoodStill = nowMs - this.#lastCheckMs > SILENCE_MS / 2;
    this.#lastCheckMs = nowMs;
    for (const host of this.#hosts) {
      if (stoodStill) host.heartbeatMs = nowMs;
      const { heartbeat } = host.control;
      if (heartbeat !== host.heartbeat) {
        host.heartbeat = heartbeat;
        host.heartbeatMs = nowMs;
      }
      // The control block tells even while this thread is blocked and gets no messages.
      const failure = host.failure ?? host.control.failureReason();
      if (failure !== null) this.#lost(host, failure);
      else if (nowMs - host.heartbeatMs > SILENCE_MS) this.#lost(host, `its thread gave no sign of life for ${SILENCE_MS} ms`);
    }
  }

  #lost(host: Host, why: string): void {
    this.#isLost = true;
    const registers = this.#machine.views
      .filter((view) => host.devices.includes(view.name))
      .map(
        (view) =>
          `${view.name}: ${view
            .describeRegisters()
            .filter((r) => r.value !== 0)
            .map((r) => `${r.name}=0x${(r.value >>> 0).toString(16)}`)
            .join(' ')}`,
      );
    this.#machine.kernel.violation({
      rule: 'L-ENGINE-LOST',
      severity: 'crash',
      object: host.devices.join(', '),
      message: `the engine host of ${host.devices.join(', ')} is lost: ${why}; registers: ${registers.join('; ')}`,
    });
  }

  /** Takes the busy intervals off the hosts' rings, which keep so many only. */
  collect(): void {
    this.#hosts.forEach((host, i) => this.#overlap.add(i, host.control.drainBusyIntervals()));
  }

  /** Ends all tasks and the pool; a thread that does not answer is killed. Never throws. */
  async stop(): Promise<void> {
    if (this.#pool === null) return;
    for (const host of this.#hosts) host.control.stop();
    let ended = false;
    void Promise.allSettled(this.#hosts.flatMap((host) => (host.task === null ? [] : [host.task]))).then(() => (ended = true));
    // Not a race with one long delay: its timer would keep the process alive after the tasks have ended.
    const deadlineMs = hostTimeMs() + (this.#isLost ? SILENCE_MS / 10 : STOP_MS);
    while (!ended && hostTimeMs() < deadlineMs) await hostDelay(1);
    this.collect();
    this.#reports = this.#hosts.map((host, i) => {
      const { threadId, steps, busyMs } = host.control.readStats();
      return { host: i, threadId, devices: host.devices, steps, busyMs };
    });
    await this.#pool.destroy();
    this.#pool = null;
  }

  /** What each engine did; after `stop`. */
  reports(): readonly EngineReport[] {
    return this.#reports;
  }

  /** Milliseconds in which two or more engines were busy at once. */
  overlapMs(): number {
    return this.#overlap.totalMs();
  }
}
