import { STATUS_DEVICE_REMOVED, STATUS_SUCCESS, type NtStatus, type ScatterGatherList, type Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { PlxDriver } from './plx-driver.js';

/**
 * `PlxDriver` that outlives its board, right as it stands: when the board has been pulled, what a channel worked on is
 * ended by the power-down sequence, and nothing is started any more.
 */
export class RemovablePlxDriver extends PlxDriver {
  isGone = false;

  protected override powerCallbacks(): ReturnType<PlxDriver['powerCallbacks']> {
    return {
      ...super.powerCallbacks(),
      evtDeviceSurpriseRemoval: () => {
        this.isGone = true;
      },
      evtDeviceSelfManagedIoSuspend: () => this.suspendIo(),
    };
  }

  protected override *evtProgramDma(channel: PlxChannel, list: ScatterGatherList): Suspending<boolean> {
    yield* this.lock.acquire();
    const { isGone } = this;
    if (!isGone) yield* this.start(channel, list);
    yield* this.lock.release();
    if (isGone) yield* this.endWithoutBoard(channel);
    return true;
  }

  /** The chip will confirm nothing any more: what it was given is taken off its channels, unless the DPC was quicker. */
  protected *suspendIo(): Suspending<NtStatus> {
    if (!this.isGone) return STATUS_SUCCESS;
    for (const channel of this.channels) if (yield* this.#takeLost(channel)) yield* this.endWithoutBoard(channel);
    return STATUS_SUCCESS;
  }

  *#takeLost(channel: PlxChannel): Suspending<boolean> {
    yield* this.lock.acquire();
    yield* this.interrupt.acquireLock();
    const wasRunning = channel.takeLost();
    yield* this.interrupt.releaseLock();
    yield* this.lock.release();
    return wasRunning;
  }

  protected *endWithoutBoard({ transaction }: PlxChannel): Suspending<void> {
    yield* transaction.dmaCompletedFinal(0);
    yield* this.requestDone(transaction, STATUS_DEVICE_REMOVED);
  }
}
