import type { Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

const LOW_HALF = 0xffff_ffffn;

/** Tag and byte count of a completion are one field of 64 bits, which is cleared when it has been taken. */
class Driver extends RingDriver {
  get #entry(): number {
    return (this.reaped & (this.entries - 1)) * ring.COMPLETION_BYTES;
  }

  protected override *reap(): Suspending<void> {
    for (;;) {
      yield* this.lock.acquire();
      const field = yield* this.completion.read64(this.#entry + ring.COMPLETION_TAG);
      const isNew = field !== 0n;
      const transfer = isNew ? yield* this.#take(field) : null;
      yield* this.lock.release();
      if (!isNew) return;
      if (transfer !== null) yield* this.transferDone(transfer);
    }
  }

  /** The transfer that the entry names; null when there is none such at the device. */
  *#take(field: bigint): Suspending<RingTransfer | null> {
    const tag = Number(field & LOW_HALF);
    const transfer = this.transfers[(tag & 0xffff) - 1];
    if (transfer?.tag === tag) {
      transfer.tag = 0;
      transfer.movedBytes = Number(field >> 32n);
      transfer.completionStatus = this.completion.read32(this.#entry + ring.COMPLETION_STATUS);
    }
    yield* this.completion.write64(this.#entry + ring.COMPLETION_TAG, 0n);
    this.reaped = (this.reaped + 1) | 0;
    yield* this.write(ring.CQ_HEAD, this.reaped);
    return transfer ?? null;
  }
}

export const driver = driverOf('ring-fields', Driver);
