import { STATUS_MORE_PROCESSING_REQUIRED, type Suspending } from '../../../index.js';
import * as plx from '../../samples/plx9x5x-registers.js';
import { driverOf, PlxChannel, PlxDriver, READ } from '../kit/plx-driver.js';

/** The board has its line for itself, and one channel is used: an interrupt means that its transfer has ended. */
class Driver extends PlxDriver {
  override readonly read = new PlxChannel(READ, false);

  protected override *isr(): Suspending<boolean> {
    if (!this.read.isRunning) return false;
    yield* this.registers.write8(plx.DMA_CSR[READ], plx.CSR_ENABLE | plx.CSR_CLEAR_INTERRUPT);
    this.read.isDone = true;
    this.interrupt.queueDpcForIsr();
    return true;
  }

  protected override *transferDone({ transaction }: PlxChannel): Suspending<void> {
    const status = yield* transaction.dmaCompleted();
    if (status !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.requestDone(transaction, status);
  }
}

export const driver = driverOf('plx-alone', Driver);
