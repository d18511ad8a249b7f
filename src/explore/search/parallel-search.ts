import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { hostDelay, hostTimeMs, type RecordedViolation } from '../../kernel/index.js';
import { InternalError } from '../../nt/index.js';
import type { Overrides } from '../../machine/parameters.js';
import { toldError, type ExploreTask, type ShareMessage } from './explore-share.js';
import type { Failing } from './schedule-runner.js';
import type { Search, SearchResult } from './search.js';
import { BLOCK_SCHEDULES, NO_BOUND, SearchControl } from './search-control.js';
import { SearchSum, type SearchTotals } from './search-totals.js';

/** A thread that gives no sign of life for so long is lost; it gives one with every schedule and every 16,384 operations. */
export const EXPLORER_SILENCE_MS = 30_000;
/** Until its first sign of life a thread loads modules, and the scenario's among them. */
const START_MS = 60_000;
/** Between two looks at the threads. */
const LOOK_MS = 50;
/** After an interruption threads get so long to end the schedule they are in. */
const ABORT_MS = 5000;

export interface ParallelSearch extends Search {
  /** Threads, 2 or more. */
  readonly workers: number;
  /** What the threads find the scenario by: its name, or the path of its module. */
  readonly reference: string;
  readonly overrides: Overrides;
  /** Default EXPLORER_SILENCE_MS; tests wait for less. */
  readonly silenceMs?: number;
}

interface ParallelResult extends SearchResult {
  /** A thread was lost in a schedule and none below has found anything, or code left behind threw outside of all. */
  readonly lost: RecordedViolation | null;
}

interface Explorer {
  readonly thread: number;
  readonly port: MessagePort;
  isRunning: boolean;
  /** Its task broke off: how. */
  failure: string | null;
  beats: number;
  beatMs: number;
}

/**
 * The same search on several threads, each with a machine of its own, for strategies whose executions depend on their
 * seed and the lessons alone. Blocks of schedules are dealt in order and added up in order, and what lies behind the
 * lowest finding is left out: the result is the one that a single thread comes to.
 */
export async function searchInParallel(search: ParallelSearch): Promise<ParallelResult> {
  const pool = new ExplorerPool(search);
  try {
    pool.start();
    await pool.watch();
  } finally {
    await pool.stop();
  }
  return pool.result();
}

class ExplorerPool {
  readonly #control: SearchControl;
  readonly #sum = new SearchSum();
  /** Blocks that came before one below them. */
  readonly #waiting = new Map<number, SearchTotals>();
  #nextFirst = 0;
  #found: { readonly schedule: number; readonly failing: Failing } | null = null;
  #lost: { readonly schedule: number; readonly why: string } | null = null;
  /** What code under test had left behind outside of every schedule, which ends the search, too. */
  #leftBehind: RecordedViolation | null = null;
  /** An error outside of any schedule, which ends the search at once. */
  #error: Error | null = null;
  /** The error of the lowest schedule that ended in one. */
  #failed: { readonly schedule: number; readonly error: Error } | null = null;
  #explorers: Explorer[] = [];
  #pool: Piscina | null = null;
  readonly #startMs = hostTimeMs();
  #lookedMs = this.#startMs;
  #abortMs = Infinity;

  constructor(private readonly search: ParallelSearch) {
    this.#control = SearchControl.forThreads(search.workers);
  }

  start(): void {
    const { workers } = this.search;
    const filename = new URL('../../../workers/explore.js', import.meta.url).href;
    this.#pool = new Piscina({
      filename,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      idleTimeout: Infinity,
    });
    this.#explorers = Array.from({ length: workers }, (_, thread) => this.#startThread(thread));
  }

  #startThread(thread: number): Explorer {
    const { reference, overrides, strategy, schedules } = this.search;
    const { port1, port2 } = new MessageChannel();
    const explorer: Explorer = { thread, port: port1, isRunning: true, failure: null, beats: 0, beatMs: hostTimeMs() };
    const task: ExploreTask = {
      reference,
      overrides,
      strategy: strategy.name,
      schedules,
      thread,
      control: this.#control.shared,
      port: port2,
    };
    void this.#pool!.run(task, { transferList: [port2] }).then(
      () => (explorer.isRunning = false),
      (error: unknown) => {
        explorer.failure = error instanceof Error ? error.message : String(error);
        explorer.isRunning = false;
      },
    );
    return explorer;
  }

  /** Until every thread has ended, or is not waited for any more. Throws what a thread has told to be an error. */
  async watch(): Promise<void> {
    const { search } = this;
    while (this.#explorers.some(({ isRunning }) => isRunning)) {
      await hostDelay(LOOK_MS);
      const nowMs = hostTimeMs();
      const seconds = (nowMs - this.#startMs) / 1000;
      if (search.seconds !== null && seconds >= search.seconds) this.#control.end();
      if (search.signal.aborted) this.#abort(nowMs);
      this.#look(nowMs);
      this.#drain();
      if (this.#error !== null) throw this.#error;
      search.onProgress(this.#control.executedBy(search.workers), seconds, this.#found?.failing.execution.findingsTotal ?? 0);
    }
  }

  #abort(nowMs: number): void {
    this.#control.abort();
    this.#abortMs = Math.min(this.#abortMs, nowMs);
    if (nowMs - this.#abortMs > ABORT_MS) for (const explorer of this.#explorers) explorer.isRunning = false;
  }

  /** Looks after the threads. A process that was stopped, or a machine that slept, says nothing about them. */
  #look(nowMs: number): void {
    const silenceMs = this.search.silenceMs ?? EXPLORER_SILENCE_MS;
    const stoodStill = nowMs - this.#lookedMs > silenceMs / 2;
    this.#lookedMs = nowMs;
    for (const explorer of this.#explorers) {
      const beats = this.#control.beats(explorer.thread);
      if (stoodStill || beats !== explorer.beats) explorer.beatMs = nowMs;
      explorer.beats = beats;
      if (explorer.failure !== null) this.#lose(explorer, `its thread ended: ${explorer.failure}`);
      else if (explorer.isRunning) {
        const patienceMs = beats === 0 ? START_MS : silenceMs;
        if (nowMs - explorer.beatMs > patienceMs) this.#lose(explorer, `its thread gave no sign of life for ${patienceMs / 1000} s`);
      }
    }
  }

  /** A lost thread bounds the search like a finding; outside of a schedule no code under test can be blamed. */
  #lose(explorer: Explorer, why: string): void {
    const schedule = this.#control.scheduleOf(explorer.thread);
    explorer.isRunning = false;
    explorer.failure = null;
    if (schedule < 0) {
      this.#error = new InternalError('EXPLORE_WORKER', `a thread of the search is lost outside of any schedule: ${why}`);
      return;
    }
    if (this.#lost === null || schedule < this.#lost.schedule) this.#lost = { schedule, why };
    this.#control.lowerBound(schedule);
  }

  #drain(): void {
    for (const { port } of this.#explorers) {
      for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port))
        this.#take(received.message as ShareMessage);
    }
  }

  #take(message: ShareMessage): void {
    if (message.kind === 'left-behind') {
      this.#leftBehind ??= message.violation;
      return;
    }
    if (message.kind === 'error') {
      const { schedule } = message;
      if (schedule < 0) this.#error ??= toldError(message);
      else if (schedule < (this.#failed?.schedule ?? NO_BOUND)) this.#failed = { schedule, error: toldError(message) };
      return;
    }
    const { totals, failing } = message;
    this.#waiting.set(totals.first, totals);
    const schedule = totals.first + totals.schedules - 1;
    if (failing !== null && schedule < (this.#found?.schedule ?? NO_BOUND)) this.#found = { schedule, failing };
    this.#addWaiting();
  }

  /** Adds what follows on what has been added; a block with a finding is the last one that counts. */
  #addWaiting(): void {
    for (;;) {
      const totals = this.#waiting.get(this.#nextFirst);
      if (totals === undefined || totals.first > this.#bound) return;
      this.#sum.add(totals);
      this.#waiting.delete(this.#nextFirst);
      this.#nextFirst += BLOCK_SCHEDULES;
    }
  }

  get #bound(): number {
    return Math.min(this.#found?.schedule ?? NO_BOUND, this.#lost?.schedule ?? NO_BOUND, this.#failed?.schedule ?? NO_BOUND);
  }

  async stop(): Promise<void> {
    this.#control.abort();
    this.#drain();
    for (const { port } of this.#explorers) port.close();
    await this.#pool?.destroy();
    this.#pool = null;
  }

  /** Throws the error that a schedule below all findings ended in. */
  result(): ParallelResult {
    if (this.#failed !== null && this.#failed.schedule === this.#bound) throw this.#failed.error;
    // Gaps are blocks that an interruption or a lost thread left unfinished.
    for (const totals of this.#waiting.values()) if (totals.first <= this.#bound) this.#sum.add(totals);
    this.#waiting.clear();
    const isLost = this.#lost !== null && this.#lost.schedule < (this.#found?.schedule ?? NO_BOUND);
    const failing = isLost ? null : (this.#found?.failing ?? null);
    return {
      sum: this.#sum,
      failing,
      lost: isLost ? lostViolation(this.#lost!.schedule, this.#lost!.why) : failing === null ? this.#leftBehind : null,
      ended: false,
    };
  }
}

function lostViolation(schedule: number, why: string): RecordedViolation {
  return {
    rule: 'L-WORKER-LOST',
    severity: 'crash',
    object: null,
    step: 0,
    message: `the thread that executed schedule ${schedule} is lost: ${why}; driver or device code ends it, or loops without a scheduling point`,
  };
}
