import type { ScatterGatherList, Suspending } from '../../../index.js';
import type { PlxChannel } from '../../samples/plx9x5x-channel.js';
import { driverOf, PlxDriver } from '../kit/plx-driver.js';

/** The channels share INTCSR: starting one reads it, sets its enable bit and writes it back. */
class Driver extends PlxDriver {
  protected override *evtProgramDma(channel: PlxChannel, list: ScatterGatherList): Suspending<boolean> {
    const { transaction } = channel;
    channel.writeElements(list, transaction.request!.deviceOffset + transaction.bytesTransferred);
    yield* channel.start(this.registers);
    return true;
  }
}

export const driver = driverOf('plx-start', Driver);
