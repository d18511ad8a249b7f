import { KernelEvent, answered, type Activation, type Suspending } from '../kernel/index.js';
import { RequestStopAction } from './io-queue-config.js';
import type { IoQueue } from './io-queue.js';
import type { RequestList } from './request-list.js';
import { CancelState, PowerMark, StopAnswer } from './request-state.js';
import type { Request } from './request.js';

/**
 * Power states of a queue and where each leads, in the framework's order: leaving D0, purging on removal, coming
 * back. `NotifyingDriver` states hold cancel notifications back, so that no request is completed twice.
 */
export const QUEUE_POWER_STATES = {
  On: { next: 'StartingTransition', notifiesDriver: false },
  /** No new dispatching; handlers that run still end. */
  StartingTransition: { next: 'Stopping', notifiesDriver: false },
  Stopping: { next: 'StoppingNotifyingDriver', notifiesDriver: false },
  StoppingNotifyingDriver: { next: 'StoppingDriverNotified', notifiesDriver: true },
  StoppingDriverNotified: { next: 'Off', notifiesDriver: false },
  Purging: { next: 'PurgingNotifyingDriver', notifiesDriver: false },
  PurgingNotifyingDriver: { next: 'PurgingDriverNotified', notifiesDriver: true },
  PurgingDriverNotified: { next: 'Off', notifiesDriver: false },
  Off: { next: 'Restarting', notifiesDriver: false },
  Restarting: { next: 'RestartingNotifyingDriver', notifiesDriver: false },
  RestartingNotifyingDriver: { next: 'On', notifiesDriver: true },
} as const;
export type QueuePowerState = keyof typeof QUEUE_POWER_STATES;

/** Where a transition begins. */
export type QueuePowerBegin = 'StartingTransition' | 'Stopping' | 'Purging' | 'Restarting';

/** The queue's insides, as its power state machine needs them. */
export interface QueuePowerHost {
  readonly driverOwned: RequestList;
  /** What runs the dispatch loops that are active now, on all virtual CPUs. */
  readonly loops: readonly Activation[];
  readonly hasStopCallback: boolean;
  readonly hasResumeCallback: boolean;
  callStop(request: Request, actionFlags: number): Suspending<void>;
  callResume(request: Request): Suspending<void>;
  /** Back to the head of the queue, or out of it when it is cancelled. */
  putBack(request: Request): Suspending<void>;
}

/** One queue's part of a power transition (queues-requests-cancel section 8); driven by the dispatch loop. */
export class QueuePower {
  #state: QueuePowerState;
  readonly #idle: KernelEvent;

  constructor(
    queue: IoQueue,
    private readonly host: QueuePowerHost,
    isOff: boolean,
  ) {
    this.#state = isOff ? 'Off' : 'On';
    this.#idle = new KernelEvent(queue.kernel, `${queue.label}: the driver to stop its requests`);
  }

  get state(): QueuePowerState {
    return this.#state;
  }

  get isOn(): boolean {
    return this.#state === 'On';
  }

  get isOff(): boolean {
    return this.#state === 'Off';
  }

  get isInTransition(): boolean {
    return this.#state !== 'On' && this.#state !== 'Off';
  }

  /** EvtIoStop or EvtIoResume calls are being made: cancel notifications wait. */
  get isNotifyingDriver(): boolean {
    return this.isInTransition && QUEUE_POWER_STATES[this.#state].notifiesDriver;
  }

  /** Enters a state of a transition whose end `waitUntilIdle` waits for. */
  begin(state: QueuePowerBegin): void {
    this.#state = state;
    this.#idle.clear();
  }

  /** Works off what was begun where it concerns nobody: the driver has no request, no loop runs. */
  settle(): void {
    if (this.#state === 'Restarting') this.#state = 'On';
    else if (this.#state !== 'StartingTransition') this.#state = 'Off';
    this.#idle.set();
  }

  /** The power thread waits until the state begun has been worked off; PASSIVE_LEVEL. */
  waitUntilIdle(): Suspending<void> {
    return this.#idle.wait();
  }

  /** Requests that EvtIoStop was due for and that were neither completed nor acknowledged. */
  get unanswered(): number {
    let count = 0;
    for (let request = this.host.driverOwned.head; request !== null; request = request.next) {
      if (request.powerMark !== PowerMark.None) count++;
    }
    return count;
  }

  /** Of these, requests whose EvtIoStop was called and that are still the driver's, without an answer. */
  get unansweredStops(): readonly Request[] {
    const requests: Request[] = [];
    for (let request = this.host.driverOwned.head; request !== null; request = request.next) {
      if (request.powerMark === PowerMark.Notified && request.awaitsStopAnswer && request.stopAnswer === StopAnswer.None)
        requests.push(request);
    }
    return requests;
  }

  /** One step of the transition. False: it waits for the driver, or for other loops of this queue to end. */
  step(): Suspending<boolean> {
    switch (this.#state) {
      case 'StartingTransition':
        return answered(this.#settleWhenAlone());
      case 'Stopping':
      case 'Purging':
      case 'Restarting':
        this.#markAll();
        return answered(this.#advance());
      case 'StoppingNotifyingDriver':
        return this.#notifyStop(RequestStopAction.Suspend);
      case 'PurgingNotifyingDriver':
        return this.#notifyStop(RequestStopAction.Purge);
      case 'RestartingNotifyingDriver':
        return this.#notifyResume();
      case 'StoppingDriverNotified':
      case 'PurgingDriverNotified':
        return this.#isAnswered() ? this.#takeAnswers() : answered(this.#leaveWhenAnswered());
      case 'On':
      case 'Off':
        return answered(false);
    }
  }

  #advance(): true {
    this.#state = QUEUE_POWER_STATES[this.#state].next;
    return true;
  }

  #settleWhenAlone(): false {
    if (this.host.loops.length === 1) this.#idle.set();
    return false;
  }

  #markAll(): void {
    for (let request = this.host.driverOwned.head; request !== null; request = request.next) request.powerMark = PowerMark.ToNotify;
  }

  #firstMarked(mark: PowerMark): Request | null {
    let request = this.host.driverOwned.head;
    while (request !== null && request.powerMark !== mark) request = request.next;
    return request;
  }

  #notifyStop(action: number): Suspending<boolean> {
    const request = this.#firstMarked(PowerMark.ToNotify);
    if (request === null) return answered(this.#advance());
    request.powerMark = PowerMark.Notified;
    request.stopAnswer = StopAnswer.None;
    // Without the callback the power thread waits until the request completes; a cancelled one completes anyway.
    if (!this.host.hasStopCallback || request.isCancelTakenUp) return answered(true);
    request.awaitsStopAnswer = true;
    return this.#callStop(request, action + (request.cancelState === CancelState.Marked ? RequestStopAction.RequestCancelable : 0));
  }

  *#callStop(request: Request, actionFlags: number): Suspending<boolean> {
    yield* this.host.callStop(request, actionFlags);
    return true;
  }

  /** False at the end: the loop leaves, nothing is dispatched before all queues of the device are on. */
  #notifyResume(): Suspending<boolean> {
    const request = this.#firstMarked(PowerMark.ToNotify);
    if (request === null) {
      this.#advance();
      this.#idle.set();
      return answered(false);
    }
    request.powerMark = PowerMark.None;
    return this.host.hasResumeCallback && !request.isCancelTakenUp ? this.#callResume(request) : answered(true);
  }

  *#callResume(request: Request): Suspending<boolean> {
    yield* this.host.callResume(request);
    return true;
  }

  /** Some request was acknowledged and not taken in. */
  #isAnswered(): boolean {
    for (let request = this.host.driverOwned.head; request !== null; request = request.next)
      if (request.powerMark === PowerMark.Notified && request.stopAnswer !== StopAnswer.None) return true;
    return false;
  }

  *#takeAnswers(): Suspending<boolean> {
    let request = this.host.driverOwned.head;
    let unanswered = 0;
    while (request !== null) {
      const { next } = request;
      if (request.powerMark === PowerMark.Notified && request.stopAnswer !== StopAnswer.None) yield* this.#takeAnswer(request);
      else if (request.powerMark === PowerMark.Notified) unanswered++;
      request = next;
    }
    if (unanswered === 0) this.#leaveWhenAlone();
    return true;
  }

  /** Off when every request is answered for and no other loop runs. */
  #leaveWhenAnswered(): boolean {
    for (let request = this.host.driverOwned.head; request !== null; request = request.next)
      if (request.powerMark === PowerMark.Notified) return false;
    return this.#leaveWhenAlone();
  }

  #leaveWhenAlone(): boolean {
    if (this.host.loops.length !== 1) return false;
    this.#advance();
    this.#idle.set();
    return true;
  }

  *#takeAnswer(request: Request): Suspending<void> {
    const { stopAnswer } = request;
    forgetPowerMarks(request);
    if (stopAnswer === StopAnswer.Requeue) yield* this.host.putBack(request);
  }
}

/** A request that leaves the driver's hands, or was answered for, has no part in the transition any more. */
export function forgetPowerMarks(request: Request): void {
  request.powerMark = PowerMark.None;
  request.stopAnswer = StopAnswer.None;
  request.awaitsStopAnswer = false;
}
