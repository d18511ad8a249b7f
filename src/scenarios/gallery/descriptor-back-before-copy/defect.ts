import type { Suspending } from '../../../index.js';
import { ReceiveList } from '../../samples/pcidrv-receive.js';
import { NetDriver } from '../kit/net-driver.js';

/** A frame goes to the read that waits, its descriptor back to the end of the list. */
class Receive extends ReceiveList {
  protected override *frameIn(index: number, status: number, count: number): Suspending<void> {
    yield* this.giveBack(index);
    yield* this.deliver(index, status, count);
  }
}

export const driver = new NetDriver('net-receive', { Receive, receiveFrames: 2 });
