import type { ScatterGatherList, Suspending } from '../../../index.js';
import { driverOf } from '../kit/driver-of.js';
import { RingDriver, type RingTransfer } from '../kit/ring-driver.js';

/** A transfer of one piece goes straight to the ring; a list of several is taken apart into a table of the device's first. */
class Driver extends RingDriver {
  readonly #addresses: number[] = [];
  readonly #lengthsBytes: number[] = [];

  protected override *evtProgramDma(transfer: RingTransfer, list: ScatterGatherList): Suspending<boolean> {
    if (list.count > 1) this.#takeApart(list);
    yield* this.lock.acquire();
    yield* this.submit(transfer, list);
    yield* this.lock.release();
    return true;
  }

  #takeApart(list: ScatterGatherList): void {
    for (let i = 0; i < list.count; i++) {
      this.#addresses[i] = list.address(i);
      this.#lengthsBytes[i] = list.lengthBytes(i);
    }
  }

  protected override writeDescriptors(transfer: RingTransfer, list: ScatterGatherList): void {
    if (list.count === 1) {
      super.writeDescriptors(transfer, list);
      return;
    }
    transfer.tag = this.newTag(transfer);
    let deviceOffset = transfer.request!.deviceOffset + transfer.transaction.bytesTransferred;
    for (let i = 0; i < list.count; i++) {
      const lengthBytes = this.#lengthsBytes[i]!;
      this.writeDescriptor(this.submitted, transfer, this.#addresses[i]!, lengthBytes, deviceOffset, i === list.count - 1);
      deviceOffset += lengthBytes;
      this.submitted = (this.submitted + 1) | 0;
    }
  }
}

export const driver = driverOf('ring-table', Driver);
