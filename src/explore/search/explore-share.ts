import type { MessagePort } from 'node:worker_threads';
import { forbidProcessExit, leftBehindViolation } from '../../backends/left-behind.js';
import { hostTimeMs, hostTurn, type RecordedViolation } from '../../kernel/index.js';
import { InternalError, UsageError } from '../../nt/index.js';
import { loadDeviceModules } from '../../machine/device-modules.js';
import { resolveParameters, type Overrides } from '../../machine/parameters.js';
import type { Scenario } from '../../machine/scenario.js';
import { strategyNamed } from '../strategies/index.js';
import { ScheduleRunner, type Failing } from './schedule-runner.js';
import { BLOCK_SCHEDULES, SearchControl } from './search-control.js';
import type { SearchTotals } from './search-totals.js';
import { TURN_MS } from './sequential-search.js';

/** What one thread of a search is told. */
export interface ExploreTask {
  /** Name of the scenario, or path of its module. */
  readonly reference: string;
  readonly overrides: Overrides;
  /** Name of the strategy. */
  readonly strategy: string;
  readonly schedules: number;
  /** Number of this thread, from 0. */
  readonly thread: number;
  readonly control: SharedArrayBuffer;
  /** Takes `ShareMessage`s. */
  readonly port: MessagePort;
}

/** A block that was executed, a finding outside of every schedule, or an error that ends the search. Errors lose their class between threads. */
export type ShareMessage =
  | { readonly kind: 'left-behind'; readonly violation: RecordedViolation }
  | { readonly kind: 'block'; readonly totals: SearchTotals; readonly failing: Failing | null }
  | {
      readonly kind: 'error';
      /** Schedule that ended in it; -1: none. */
      readonly schedule: number;
      readonly isUsage: boolean;
      readonly code: string;
      readonly message: string;
      readonly stack: string;
      readonly details: UsageError['details'];
    };

/** One thread's share of a search: takes blocks of schedules until there is none below the bound. Tells all by messages, never throws. */
export async function exploreShare(task: ExploreTask, loadScenario: (reference: string) => Promise<Scenario>): Promise<void> {
  const { port } = task;
  const allowExit = forbidProcessExit();
  const onUncaught = (error: unknown): void => tellEscaped(task, error);
  process.on('uncaughtException', onUncaught);
  try {
    const scenario = await loadScenario(task.reference);
    await loadDeviceModules(scenario);
    await new Share(task, scenario).run();
  } catch (error) {
    const control = new SearchControl(task.control);
    const schedule = control.scheduleOf(task.thread);
    // What other threads find below it comes first, as it would on one thread.
    if (schedule < 0) control.abort();
    else control.lowerBound(schedule);
    port.postMessage(errorMessage(error, schedule));
  } finally {
    process.removeListener('uncaughtException', onUncaught);
    allowExit();
    port.close();
  }
}

/** An error that nobody awaited ends the search, whoever threw it. */
function tellEscaped(task: ExploreTask, error: unknown): void {
  const violation = leftBehindViolation(error);
  const message: ShareMessage = violation === null ? errorMessage(error, -1) : { kind: 'left-behind', violation };
  task.port.postMessage(message);
  new SearchControl(task.control).abort();
}

class Share {
  readonly #control: SearchControl;
  readonly #runner: ScheduleRunner;
  #lastTurnMs = hostTimeMs();

  constructor(
    private readonly task: ExploreTask,
    scenario: Scenario,
  ) {
    const control = new SearchControl(task.control);
    this.#control = control;
    this.#runner = new ScheduleRunner(resolveParameters(scenario, task.overrides), strategyNamed(task.strategy)!.create(), () =>
      control.beat(task.thread),
    );
  }

  async run(): Promise<void> {
    const control = this.#control;
    while (!control.isEnding) {
      const first = control.takeBlock();
      if (first >= this.task.schedules || first > control.bound) return;
      await this.#learnFor(first);
      const failing = await this.#runBlock(first, Math.min(first + BLOCK_SCHEDULES, this.task.schedules));
      const totals = this.#runner.takeTotals();
      if (totals.schedules > 0) this.task.port.postMessage({ kind: 'block', totals, failing } satisfies ShareMessage);
      if (failing !== null) return;
    }
  }

  /** Executes the strategy's lessons below schedule `first` that this thread has not executed. */
  async #learnFor(first: number): Promise<void> {
    const control = this.#control;
    const { thread, overrides } = this.task;
    for (let lesson = this.#runner.lessonBefore(first); lesson >= 0; lesson = this.#runner.lessonBefore(first)) {
      if (control.isAborted || lesson > control.bound) return;
      control.begin(thread, lesson);
      this.#runner.learn(lesson, overrides.seed);
      control.learnt(thread);
      await this.#turn();
    }
  }

  async #runBlock(first: number, end: number): Promise<Failing | null> {
    const control = this.#control;
    const { thread, overrides } = this.task;
    for (let index = first; index < end && !control.isAborted && index <= control.bound; index++) {
      control.begin(thread, index);
      const outcome = this.#runner.run(index, overrides.seed);
      control.executed(thread);
      if (outcome === 'none') throw new InternalError('SEARCH_ENDED', `${this.task.strategy} ends, so it cannot be shared among threads`);
      if (outcome !== 'clean') {
        control.lowerBound(index);
        return outcome;
      }
      await this.#turn();
    }
    return null;
  }

  /** Promises that code under test has left behind are served, as on the main thread. */
  async #turn(): Promise<void> {
    const nowMs = hostTimeMs();
    if (nowMs - this.#lastTurnMs < TURN_MS) return;
    this.#lastTurnMs = nowMs;
    await hostTurn();
  }
}

function errorMessage(error: unknown, schedule: number): ShareMessage {
  const isUsage = error instanceof UsageError;
  const code = isUsage || error instanceof InternalError ? error.code : 'EXPLORE_WORKER';
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'error', schedule, isUsage, code, message, stack: stack ?? '', details: isUsage ? error.details : {} };
}

/** The error that was told, in its own class again. */
export function toldError(message: ShareMessage & { readonly kind: 'error' }): UsageError | InternalError {
  const error = message.isUsage
    ? new UsageError(message.code, message.message, message.details)
    : new InternalError(message.code, message.message);
  error.stack = message.stack;
  return error;
}
