import type { ScatterGatherList, Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** The doorbell is rung at once for an idle channel only; a busy one will interrupt, and the DPC rings for all that came meanwhile. */
class Driver extends RingDriver {
  #pending = 0;
  #rung = 0;

  protected override *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    const isIdle = this.#pending === 0;
    yield* this.lock.acquire();
    this.#pending++;
    this.writeDescriptors(transfer, list);
    if (isIdle) yield* this.#ringDoorbell();
    yield* this.lock.release();
    return true;
  }

  protected override takeCompletion(): RingTransfer | null {
    const transfer = super.takeCompletion();
    if (transfer !== null) this.#pending--;
    return transfer;
  }

  protected override *dpc(): Suspending<void> {
    yield* this.reap();
    yield* this.lock.acquire();
    if (this.#rung !== this.submitted) yield* this.#ringDoorbell();
    yield* this.lock.release();
  }

  *#ringDoorbell(): Suspending<void> {
    this.#rung = this.submitted;
    yield* this.write(ring.SQ_TAIL, this.submitted);
  }
}

export const driver = driverOf('ring-idle', Driver);
