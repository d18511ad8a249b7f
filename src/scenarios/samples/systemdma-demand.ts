import {
  DmaCompletionStatus,
  STATUS_IO_TIMEOUT,
  type Device,
  type DmaAdapter,
  type DmaEnabler,
  type NtStatus,
  type Suspending,
} from '../../index.js';
import * as port from './systemdma-registers.js';
import { PortTransfer } from './systemdma-transfer.js';

/** The timer looks at the controller's counter so often. */
const CHECK_MS = 1000;

/** Demand mode: the controller moves data while the device asks for it. A transfer whose counter stands still has timed out. */
export class DemandTransfer extends PortTransfer {
  /** Looks at the counter in a row that found it where it was. */
  #idleChecks = 0;
  #lastCounter = 0;
  #counter = 0;

  constructor(
    device: Device,
    enabler: DmaEnabler,
    line: number,
    /** Such looks after which a transfer has timed out. */
    private readonly idleChecksMax: number,
  ) {
    super(device, enabler, line, CHECK_MS);
  }

  /** The device asks when it is told to, and not before. */
  protected *prepareDevice(): Suspending<void> {
    this.#idleChecks = 0;
    this.#lastCounter = 0;
  }

  protected *startDevice(lengthBytes: number): Suspending<void> {
    yield* this.writePort(port.POINTER, this.bankOffset + this.transaction.bytesTransferred);
    yield* this.writePort(port.COUNT, lengthBytes);
    yield* this.writePort(port.LINE, 1);
  }

  protected *stopDevice(): Suspending<void> {
    yield* this.writePort(port.LINE, 0);
  }

  protected movedBytes(completion: DmaCompletionStatus): number {
    return completion === DmaCompletionStatus.DmaComplete ? this.transaction.currentDmaTransferLengthBytes : 0;
  }

  /** Position by ReadDmaCounter. */
  protected *look(adapter: DmaAdapter): Suspending<void> {
    this.#counter = yield* adapter.readDmaCounter();
  }

  /** A transfer that moves, or whose end is on its way, gets more time. */
  protected verdict(isRunning: boolean): NtStatus | null {
    const isAlive = this.#counter === 0 || this.#counter !== this.#lastCounter || !isRunning;
    this.#idleChecks = isAlive ? 0 : this.#idleChecks + 1;
    this.#lastCounter = this.#counter;
    return this.#idleChecks > this.idleChecksMax ? STATUS_IO_TIMEOUT : null;
  }
}
