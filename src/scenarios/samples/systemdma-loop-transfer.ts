import {
  NT_SUCCESS,
  STATUS_SUCCESS,
  SystemDmaFunction,
  type Device,
  type DmaAdapter,
  type DmaCompletionStatus,
  type DmaDevice,
  type DmaEnabler,
  type DmaTransaction,
  type Mdl,
  type NtStatus,
  type Suspending,
} from '../../index.js';
import * as port from './systemdma-registers.js';
import { PortTransfer } from './systemdma-transfer.js';

/** The timer looks at the position so often. */
const LOOK_MS = 1;
/** Steps of the position that a round has at least, so that it can be seen to move. */
const POSITIONS_MIN = 8;
/** Most times that one look reads the position. */
const READS_MAX = 64;
const WIDTH_BYTES = 4;

/**
 * A looped transfer, as audio hardware does them: the controller goes round in the request's buffer, the device in a
 * ring of the same length, and nothing ends by itself. The driver follows the position by ReadDmaCounter; when it has
 * gone round once, every byte has been moved, and WdfDmaTransactionStopSystemTransfer ends the transfer. The controller
 * does not wait to be asked (no demand mode), so the device is ready before Execute (rule D53).
 */
export class LoopTransfer extends PortTransfer {
  #hasGoneRound = false;
  #lastPosition = 0;
  #looks = 0;

  constructor(device: Device, enabler: DmaEnabler, line: number) {
    super(device, enabler, line, LOOK_MS);
  }

  /** A piece of the buffer would loop by itself: it is the whole or nothing. */
  protected override beforeInitialize(transaction: DmaTransaction): void {
    transaction.setSingleTransferRequirement(true);
  }

  protected override configure(transaction: DmaTransaction): void {
    this.#hasGoneRound = false;
    this.#lastPosition = 0;
    this.#looks = 0;
    transaction.setChannelConfigurationCallback(evtConfigureDmaChannel, this);
  }

  /** EvtDmaTransactionConfigureDmaChannel: bursts so short that a round is seen in several positions. */
  *configureChannel(lengthBytes: number): Suspending<boolean> {
    const burstBytes = Math.max(WIDTH_BYTES, Math.floor(lengthBytes / POSITIONS_MIN / WIDTH_BYTES) * WIDTH_BYTES);
    const adapter = this.enabler.wdmGetDmaAdapter(this.direction)!;
    const status = yield* adapter.configureAdapterChannel(SystemDmaFunction.Burst, burstBytes);
    if (NT_SUCCESS(status)) return true;
    yield* this.refused(status);
    return false;
  }

  protected *prepareDevice(): Suspending<void> {
    yield* this.writePort(port.RING_START, this.bankOffset);
    yield* this.writePort(port.RING_BYTES, this.request!.lengthBytes);
    yield* this.writePort(port.POINTER, this.bankOffset);
  }

  protected *startDevice(): Suspending<void> {}

  /** The ring stays: the next request describes its own. */
  protected *stopDevice(): Suspending<void> {}

  protected movedBytes(_completion: DmaCompletionStatus): number {
    return this.#hasGoneRound ? this.transaction.currentDmaTransferLengthBytes : 0;
  }

  /**
   * A position that went back has gone round. Each look reads it once more often than the one before, so that no
   * rhythm of looks and rounds can hide that for ever.
   */
  protected *look(adapter: DmaAdapter): Suspending<void> {
    if (this.#looks < READS_MAX) this.#looks++;
    for (let read = 0; read < this.#looks; read++) {
      const position = this.request!.lengthBytes - (yield* adapter.readDmaCounter());
      this.#hasGoneRound ||= position < this.#lastPosition;
      this.#lastPosition = position;
      if (this.#hasGoneRound) return;
    }
  }

  protected verdict(): NtStatus | null {
    return this.#hasGoneRound ? STATUS_SUCCESS : null;
  }
}

function* evtConfigureDmaChannel(
  _transaction: DmaTransaction,
  _device: DmaDevice,
  context: unknown,
  _mdl: Mdl | null,
  _offset: number,
  lengthBytes: number,
): Suspending<boolean> {
  return yield* (context as LoopTransfer).configureChannel(lengthBytes);
}
