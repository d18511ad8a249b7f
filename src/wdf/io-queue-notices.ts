import { WDF_VIOLATION, WdfViolation } from '../nt/index.js';
import type { Activation, Suspending } from '../kernel/index.js';
import type { IoQueue } from './io-queue.js';

type Notice = (queue: IoQueue) => Suspending<void>;

/**
 * EvtIoQueueState calls that a queue owes its driver: one after Stop or StopAndPurge, one after Drain or Purge. And
 * the findings about how the driver uses the queue.
 */
export class QueueNotices {
  /** Due when the driver owns no request. */
  #stopComplete: Notice | null = null;
  /** Due when the driver owns none and none waits. */
  #purgeComplete: Notice | null = null;

  constructor(private readonly queue: IoQueue) {}

  get arePending(): boolean {
    return this.#stopComplete !== null || this.#purgeComplete !== null;
  }

  /** One notice of a kind at a time: a second is fatal (rule B20), one of the other kind a driver mistake (C19). */
  expect(ddi: string, change: 'stop' | 'purge', callback: Notice): void {
    const { queue } = this;
    const same = change === 'stop' ? this.#stopComplete : this.#purgeComplete;
    if (same !== null) {
      queue.kernel.violation({
        rule: 'B20',
        severity: 'crash',
        object: queue.label,
        message: `${ddi} is called on ${queue.label} while the callback of an earlier state change is still to come`,
        bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.QUEUE_FATAL_ERROR, queue.objectId] },
      });
    }
    if (this.arePending) this.report('C19', `${ddi} overlaps an earlier state change of ${queue.label} that has not ended`);
    if (change === 'stop') this.#stopComplete = callback;
    else this.#purgeComplete = callback;
  }

  /** Only one loop may tell. */
  isDue(loopsRunning: number): boolean {
    const { queue } = this;
    if (loopsRunning > 1 || queue.driverOwnedCount > 0) return false;
    return this.#stopComplete !== null || queue.waitingCount === 0;
  }

  /** The notice that is due; stop-complete goes first. */
  take(): Notice {
    const notice = this.#stopComplete ?? this.#purgeComplete!;
    if (this.#stopComplete !== null) this.#stopComplete = null;
    else this.#purgeComplete = null;
    return notice;
  }

  /** Rule C23: the wait would be for the callback that waits. */
  checkMayWait(ddi: string, loops: readonly Activation[]): void {
    const { queue } = this;
    if (!loops.includes(queue.kernel.current.top!)) return;
    queue.kernel.violation({
      rule: 'C23',
      severity: 'crash',
      object: queue.label,
      message: `${ddi} is called from a callback of ${queue.label}: it waits for that very callback to end, for ever`,
    });
  }

  report(rule: string, message: string): void {
    const { queue } = this;
    const severity = rule === 'C16' ? 'warning' : 'error';
    queue.kernel.violation({ rule, severity, object: queue.label, message: `${queue.label}: ${message}` });
  }
}
