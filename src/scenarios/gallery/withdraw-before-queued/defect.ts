import {
  NT_SUCCESS,
  STATUS_CANCELLED,
  type DeviceInit,
  type IoQueueConfig,
  type NtStatus,
  type ScatterGatherList,
  type Suspending,
} from '../../../index.js';
import { CancelableRingDriver } from '../kit/cancelable-ring-driver.js';
import { driverOf } from '../kit/driver-of.js';
import type { RingTransfer } from '../kit/ring-driver.js';

/**
 * One request at a time, others wait in a manual queue. A cancelled transfer that waits for map registers is withdrawn; it is
 * ended by whoever is in Execute with it, else by the cancel callback.
 */
class Driver extends CancelableRingDriver {
  protected override readonly transfersMax = 1;
  /** The transfer has been handed to the framework, and EvtProgramDma has not come. */
  #isWaiting = false;
  /** Number of the call of Execute that has not returned; 0 for none. */
  #executing = 0;
  #calls = 0;
  /** Withdrawn inside of Execute. */
  #isWithdrawn = false;

  override *addDevice(deviceInit: DeviceInit): Suspending<NtStatus> {
    const status = yield* super.addDevice(deviceInit);
    if (NT_SUCCESS(status)) this.queue.readyNotify(() => this.startWaiting());
    return status;
  }

  protected override queueConfig(): IoQueueConfig {
    return { dispatchType: 'manual' };
  }

  protected override *execute(transfer: RingTransfer): Suspending<NtStatus> {
    const call = ++this.#calls;
    this.#executing = call;
    this.#isWaiting = true;
    this.#isWithdrawn = false;
    const status = yield* super.execute(transfer);
    // Another request may have been started by now.
    if (this.#executing !== call) return status;
    this.#executing = 0;
    return this.#isWithdrawn ? STATUS_CANCELLED : status;
  }

  protected override *submit(transfer: RingTransfer, list: ScatterGatherList): Suspending<void> {
    this.#isWaiting = false;
    yield* super.submit(transfer, list);
  }

  /** EvtRequestCancel. */
  protected override *cancel(transfer: RingTransfer): Suspending<void> {
    yield* this.lock.acquire();
    transfer.isCancelled = true;
    if (transfer.tag !== 0) yield* this.abort(transfer.tag);
    const isWithdrawn = this.#isWaiting && (yield* transfer.transaction.cancel());
    const isOurs = isWithdrawn && this.#executing === 0;
    this.#isWithdrawn = isWithdrawn && !isOurs;
    yield* this.lock.release();
    if (isOurs) yield* this.requestDone(transfer, STATUS_CANCELLED);
    yield* this.dropPart(transfer);
  }

  protected override *complete(transfer: RingTransfer): Suspending<void> {
    yield* super.complete(transfer);
    yield* this.transferFreed();
  }
}

export const driver = driverOf('ring-withdraw', Driver);
