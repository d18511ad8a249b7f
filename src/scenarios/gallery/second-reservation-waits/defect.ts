import { NT_SUCCESS, type Device, type DmaDirection, type Suspending } from '../../../index.js';
import { StripeDriver, boardContext } from '../../samples/reserve-contention-driver.js';

/** A request goes over both channels, half and half; each channel's transaction has map registers of its own. */
class Driver extends StripeDriver {
  /** EvtReserveDma of the first channel: the second one's are asked for. */
  protected override *firstReserved(device: Device, direction: DmaDirection): Suspending<void> {
    const context = boardContext(device);
    const { transaction } = context.channels[1];
    const status = yield* transaction.allocateResources(
      direction,
      this.registersOfHalf,
      (_transaction, owner) => this.bothReserved(owner as Device),
      device,
    );
    if (NT_SUCCESS(status)) return;
    yield* transaction.release();
    context.partsLeft = 1;
    yield* this.executePart(device, context.channels[0], 0, context.request!.lengthBytes);
  }
}

export const driver = new Driver('stripe', 4096, true);
