import {
  NT_SUCCESS,
  STATUS_IO_TIMEOUT,
  STATUS_SUCCESS,
  Timer,
  type DmaDirection,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { driverOf, PlxDriver } from '../kit/plx-driver.js';

const TIME_LIMIT_MS = 10;

/** What a channel's request has come to; guarded by the driver's lock. */
class TimedTransfer {
  timer!: Timer;
  request: Request | null = null;
  isRunning = false;
  isOverdue = false;
  /** Who may still touch the request: the DPC and the timer. Without them it is completed. */
  parties = 0;
  status: NtStatus = STATUS_SUCCESS;
  bytes = 0;
}

/** Each transfer has a time limit, after which the chip is told to stop; it confirms with Done. */
class Driver extends PlxDriver {
  readonly #transfers = [new TimedTransfer(), new TimedTransfer()] as const;

  protected override createQueues(): NtStatus {
    for (const channel of this.channels) {
      const timer = Timer.create(this.device, { evtTimerFunc: () => this.#timeIsOver(channel) });
      if (!timer.ok) return timer.status;
      this.#transfers[channel.index].timer = timer.object;
    }
    return super.createQueues();
  }

  protected override *evtIo(request: Request, channel: PlxChannel, direction: DmaDirection): Suspending<void> {
    const transfer = this.#transfers[channel.index];
    transfer.request = request;
    transfer.isOverdue = false;
    transfer.parties = 2;
    yield* super.evtIo(request, channel, direction);
  }

  protected override *start(channel: PlxChannel, list: ScatterGatherList): Suspending<void> {
    const transfer = this.#transfers[channel.index];
    yield* this.lock.acquire();
    transfer.isRunning = true;
    yield* super.start(channel, list);
    transfer.timer.start(TIME_LIMIT_MS);
    yield* this.lock.release();
  }

  protected override *transferDone(channel: PlxChannel): Suspending<void> {
    const transfer = this.#transfers[channel.index];
    const { transaction } = channel;
    yield* this.lock.acquire();
    transfer.isRunning = false;
    yield* this.lock.release();
    yield* transaction.dmaCompletedFinal(channel.movedBytes());
    transfer.bytes = transaction.bytesTransferred;
    transfer.status = transfer.bytes === transfer.request!.lengthBytes ? STATUS_SUCCESS : STATUS_IO_TIMEOUT;
    yield* transaction.release();
    // It will not fire any more: its part is the DPC's, too.
    if (yield* transfer.timer.stop(false)) yield* this.#dropPart(transfer);
    yield* this.#dropPart(transfer);
  }

  /** EvtTimerFunc. */
  *#timeIsOver(channel: PlxChannel): Suspending<void> {
    const transfer = this.#transfers[channel.index];
    yield* this.lock.acquire();
    transfer.isOverdue = true;
    if (transfer.isRunning) {
      yield* this.interrupt.acquireLock();
      yield* this.registers.write8(plx.DMA_CSR[channel.index], plx.CSR_ENABLE | plx.CSR_ABORT);
      yield* this.interrupt.releaseLock();
    }
    yield* this.lock.release();
    yield* this.#dropPart(transfer);
  }

  *#dropPart(transfer: TimedTransfer): Suspending<void> {
    yield* this.lock.acquire();
    const isShared = --transfer.parties > 0;
    yield* this.lock.release();
    if (isShared) return;
    yield* transfer.request!.completeWithInformation(transfer.status, NT_SUCCESS(transfer.status) ? transfer.bytes : 0);
  }
}

export const driver = driverOf('plx-timer', Driver);
