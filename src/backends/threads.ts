import type { Violation } from '../nt/index.js';
import { EventRing, HostClock, SeededRandom, SpinLock, deriveSeed, hostTimeMs, hostTurn } from '../kernel/index.js';
import { loadDeviceModules } from '../machine/device-modules.js';
import { Machine } from '../machine/machine.js';
import { requireFreeRunning } from '../machine/ordering.js';
import { resolveParameters, type MachineParameters, type Overrides } from '../machine/parameters.js';
import { reportLostWakeUp } from '../machine/lost-wake-up.js';
import { reportRegisterDeadlock } from '../machine/register-deadlock.js';
import type { RunReport } from '../machine/report.js';
import type { Scenario } from '../machine/scenario.js';
import { recordThrown } from './driver-error.js';
import { EnginePool, hostCountOf, maySpin } from './engine-pool.js';
import { RunTotals } from './run-report.js';
import { ThreadsGate } from './threads-gate.js';
import { VcpuTurns, type Ratio } from './vcpu-turns.js';

/** Progress of a run; `target` and `durationSeconds` are null where there is no such bound. */
export interface RunProgress {
  readonly requests: number;
  readonly target: number | null;
  readonly seconds: number;
  readonly durationSeconds: number | null;
  readonly bytes: number;
  readonly findings: number;
}

export interface RunSettings {
  readonly overrides: Overrides;
  /** The run ends at this or when all requests have completed, whichever is first; null for no bound in time. */
  readonly durationSeconds: number | null;
  /** Chance of a switch between virtual CPUs at a scheduling point. */
  readonly preempt: Ratio | null;
  /** After a crash, boot a new machine (its seed derived from this one's) and go on. Other findings never end a run. */
  readonly keepGoing: boolean;
  /** Nothing completed for this long while requests are outstanding: the run cannot go on (L-QUIESCENCE, L-DEADLOCK). Default 5000. */
  readonly stallMs?: number;
  /** True: the caller has no event loop to serve and the main thread may sleep in slices of SLICE_MS. False: it waits on the loop. */
  readonly blocking: boolean;
  /** The command line that runs this again, for findings. */
  readonly again: string;
  readonly signal: AbortSignal;
  onProgress(progress: RunProgress): void;
}

/** Longest time the event loop gets no turn: worker errors, signals and progress wait for it. */
const SLICE_MS = 50;
/** Looks at the controller before going to sleep, when there are cores to spare for spinning. */
const SPINS = 2000;
/** vCPU advances between looks at the clock. */
const ADVANCES_PER_LOOK = 64;
/** Pumps after the last completion until everything must have come to rest. */
const SETTLE_PUMPS_MAX = 100_000;
/** A gap between two looks longer than this means that the process itself stood still. */
const UNNOTICED_MS = 1000;
/** Default of `stallMs`. */
const STALL_MS = 5000;

/** Machines one run may boot with `keepGoing`. */
const BOOTS_MAX = 1000;
/** Boots in a row that complete nothing: another would not, either. */
const FRUITLESS_BOOTS_MAX = 3;

/** Runs a scenario on worker threads, as fast as it goes. Findings are in the report; throws UsageError for bad parameters only. */
export async function runOnThreads(scenario: Scenario, settings: RunSettings): Promise<RunReport> {
  await loadDeviceModules(scenario);
  const { overrides } = settings;
  const { requests: target, machine: config } = resolveParameters(scenario, overrides);
  requireFreeRunning(config.ordering);
  const deadlineMs = settings.durationSeconds === null ? Infinity : hostTimeMs() + settings.durationSeconds * 1000;
  const totals = new RunTotals();
  let interrupted = false;
  let fruitless = 0;
  for (let boot = 0; boot < BOOTS_MAX; boot++) {
    const seed = boot === 0 ? overrides.seed : deriveSeed(overrides.seed, `boot ${boot}`);
    const workload = boot === 0 ? overrides.workload : { ...overrides.workload, requests: target - totals.requests };
    const parameters = resolveParameters(scenario, { ...overrides, seed, ...(workload === undefined ? {} : { workload }) });
    const { machine, run } = await bootOnce(parameters, settings, deadlineMs, totals);
    interrupted = run.interrupted;
    fruitless = machine.devices.some(({ workload }) => (workload?.completed ?? 0) > 0) ? 0 : fruitless + 1;
    const isOver =
      interrupted || settings.signal.aborted || hostTimeMs() >= deadlineMs || totals.requests >= target || fruitless >= FRUITLESS_BOOTS_MAX;
    if (machine.dead === null || !settings.keepGoing || isOver) break;
  }
  return totals.report(scenario, overrides.seed, () => settings.again, interrupted);
}

async function bootOnce(
  parameters: MachineParameters,
  settings: RunSettings,
  deadlineMs: number,
  totals: RunTotals,
): Promise<{ machine: Machine; run: ThreadsRun }> {
  const machine = new Machine(parameters, { hosts: hostCountOf(parameters), clock: new HostClock(), events: new EventRing(4096) });
  const pool = new EnginePool(machine);
  const run = new ThreadsRun(machine, pool, settings, deadlineMs);
  try {
    await pool.start();
    await run.execute();
  } finally {
    await pool.stop();
  }
  totals.add(machine, pool, run.seconds);
  return { machine, run };
}

/** One run: pumps interrupts and virtual CPUs, sleeps when there is nothing to do, and notices when nothing will come. */
export class ThreadsRun {
  seconds = 0;
  interrupted = false;
  readonly #turns: VcpuTurns;
  readonly #gate: ThreadsGate;
  readonly #maySpin: boolean;
  #startMs = 0;
  #lastCompleted = 0;
  #lastCompletionMs = 0;
  #lastLookMs = 0;
  #nextTurnMs = 0;

  constructor(
    private readonly machine: Machine,
    private readonly pool: EnginePool,
    private readonly settings: RunSettings,
    private readonly deadlineMs: number,
  ) {
    const random = new SeededRandom(deriveSeed(machine.parameters.seed, 'preemption'));
    this.#turns = new VcpuTurns(machine.kernel.vcpus, settings.preempt, random);
    this.#gate = new ThreadsGate(machine, this.#turns);
    // A spinning main thread beside spinning engines needs a core for each of them.
    this.#maySpin = maySpin(machine.plan.hosts.length);
  }

  async execute(): Promise<void> {
    const { machine } = this;
    try {
      machine.prologue();
      machine.kernel.gate = this.#gate;
      this.#startMs = hostTimeMs();
      this.#lastCompletionMs = this.#startMs;
      await this.#loop();
      this.seconds = (hostTimeMs() - this.#startMs) / 1000;
      if (machine.isDone) {
        this.#settle();
        machine.epilogue();
      }
    } catch (error) {
      this.seconds = this.#startMs === 0 ? 0 : (hostTimeMs() - this.#startMs) / 1000;
      recordThrown(error, machine.kernel);
    }
  }

  async #loop(): Promise<void> {
    while (!this.machine.isDone) {
      const idle = !this.#pump();
      const nowMs = hostTimeMs();
      this.#lookAtClock(nowMs);
      if (nowMs >= this.#nextTurnMs) {
        this.#nextTurnMs = nowMs + SLICE_MS;
        this.#progress(nowMs);
        await hostTurn();
        this.pool.check();
      } else if (idle) await this.#sleep(nowMs);
    }
  }

  /** Delivers interrupts and advances virtual CPUs; false when there was nothing to do. */
  #pump(): boolean {
    const { controller, kernel } = this.machine;
    const gate = this.#gate;
    for (let i = 0; i < ADVANCES_PER_LOOK; i++) {
      if (controller.hasAttention()) gate.deliverPending();
      const cpu = this.#turns.pick();
      if (cpu === null) {
        if (kernel.timers.nextDueNs <= kernel.clock.nowNs() && kernel.fireTimers(kernel.clock.nowNs()) > 0) continue;
        return false;
      }
      cpu.advance();
      if (gate.mustLook) {
        gate.mustLook = false;
        break;
      }
    }
    if (kernel.timers.size > 0) kernel.fireTimers(kernel.clock.nowNs());
    return true;
  }

  #lookAtClock(nowMs: number): void {
    const { settings, machine } = this;
    if (nowMs >= this.deadlineMs || settings.signal.aborted) this.#stopTraffic();
    const completed = this.#completed();
    // Time in which this thread did not run either is nobody's fault; nothing outstanding is no stall; a one-shot timer may be what everybody waits for.
    const isExcused = nowMs - this.#lastLookMs > UNNOTICED_MS || !machine.hasOutstanding || machine.kernel.timers.hasOneShot;
    this.#lastLookMs = nowMs;
    if (completed !== this.#lastCompleted || isExcused) {
      this.#lastCompleted = completed;
      this.#lastCompletionMs = nowMs;
    } else if (nowMs - this.#lastCompletionMs > (settings.stallMs ?? STALL_MS)) {
      this.#lastCompletionMs = nowMs;
      if (!machine.kernel.expireWatchdog()) this.#stalled();
    }
  }

  #stopTraffic(): void {
    if (this.settings.signal.aborted) this.interrupted = true;
    for (const { workload } of this.machine.devices) workload?.stop();
  }

  #completed(): number {
    return this.machine.devices.reduce((sum, { workload }) => sum + (workload?.completed ?? 0), 0);
  }

  #stalled(): never {
    const { kernel } = this.machine;
    reportRegisterDeadlock(this.machine);
    const blocked = kernel.vcpus.some((cpu) => cpu.top?.blockedOn instanceof SpinLock);
    if (!blocked) reportLostWakeUp(this.machine);
    const violation: Violation = blocked
      ? { rule: 'L-DEADLOCK', severity: 'crash', object: null, message: `deadlock: ${kernel.describeWaits()}` }
      : {
          rule: 'L-QUIESCENCE',
          severity: 'crash',
          object: null,
          message: `no request completed for ${(this.settings.stallMs ?? STALL_MS) / 1000} s, and outstanding are ${this.machine.describeOutstanding()}: neither the driver nor a device has anything left to do`,
        };
    kernel.violation(violation);
    throw kernel.dead!;
  }

  /** Lets what is still under way end: DPCs, late interrupts. */
  #settle(): void {
    for (let i = 0; i < SETTLE_PUMPS_MAX && this.#pump(); i++);
  }

  async #sleep(nowMs: number): Promise<void> {
    const { controller, kernel } = this.machine;
    if (this.#maySpin) for (let i = 0; i < SPINS; i++) if (controller.hasAttention()) return;
    const dueMs = (kernel.timers.nextDueNs - kernel.clock.nowNs()) / 1e6;
    const timeoutMs = Math.max(Math.min(this.#nextTurnMs - nowMs, dueMs, this.deadlineMs - nowMs), 0);
    if (this.settings.blocking) controller.waitBlocking(timeoutMs);
    else await controller.waitOnLoop(timeoutMs);
  }

  #progress(nowMs: number): void {
    const { settings, machine } = this;
    const { requests: target } = machine.parameters;
    settings.onProgress({
      requests: this.#completed(),
      target: target === Infinity ? null : target,
      seconds: (nowMs - this.#startMs) / 1000,
      durationSeconds: settings.durationSeconds,
      bytes: machine.devices.reduce((sum, { workload }) => sum + (workload?.bytes ?? 0), 0),
      findings: machine.kernel.findings.total,
    });
  }
}
