import type { ScatterGatherList, Suspending } from '../../../index.js';
import * as ring from '../../samples/ring-registers.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** The ring is as small as two transfers need; how far the device has got is read only when it seems to be full. */
class Driver extends RingDriver {
  protected override readonly entries = 4;
  protected override readonly transfersMax = 2;
  /** SQ_HEAD as last read. */
  #head = 0;

  protected override *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    yield* this.lock.acquire();
    const first = this.submitted;
    this.submitted = (first + list.count) | 0;
    if (((first + list.count - this.#head) | 0) > this.entries) this.#head = yield* this.read(ring.SQ_HEAD);
    this.#fill(first, transfer, list);
    yield* this.write(ring.SQ_TAIL, this.submitted);
    yield* this.lock.release();
    return true;
  }

  #fill(first: number, transfer: RingTransfer, list: ScatterGatherList): void {
    transfer.tag = this.newTag(transfer);
    let deviceOffset = transfer.request!.deviceOffset + transfer.transaction.bytesTransferred;
    for (let i = 0; i < list.count; i++) {
      const lengthBytes = list.lengthBytes(i);
      this.writeDescriptor((first + i) | 0, transfer, list.address(i), lengthBytes, deviceOffset, i === list.count - 1);
      deviceOffset += lengthBytes;
    }
  }
}

export const driver = driverOf('ring-places', Driver);
