import {
  DmaDirection,
  STATUS_CANCELLED,
  STATUS_MORE_PROCESSING_REQUIRED,
  type DmaTransaction,
  type NtStatus,
  type Request,
  type ScatterGatherList,
  type Suspending,
} from '../../../src/index.js';
import { Amcc5933Driver, type AmccContext } from '../../../src/scenarios/samples/amcc5933-driver.js';
import * as amcc from '../../../src/scenarios/samples/amcc5933-registers.js';

/* Defects of the published AMCC5933 sample, one a driver; the repaired driver is the base. */

/** The cancelled path deletes a transaction that is still in Transfer. */
export class DeletesInTransfer extends Amcc5933Driver {
  protected override *transferEnded(context: AmccContext): Suspending<void> {
    const transaction = context.transaction!;
    const request = transaction.request!;
    if (request.isCanceled()) {
      context.transaction = null;
      yield* transaction.delete();
      yield* request.complete(STATUS_CANCELLED);
    } else yield* super.transferEnded(context);
  }
}

/** The other order: the request first. */
export class CompletesInTransfer extends Amcc5933Driver {
  protected override *transferEnded(context: AmccContext): Suspending<void> {
    const request = context.transaction!.request!;
    if (request.isCanceled()) yield* request.complete(STATUS_CANCELLED);
    else yield* super.transferEnded(context);
  }
}

/** The DPC takes the end of a transfer for its success, whatever causes the ISR has saved. */
export class IgnoresCauses extends Amcc5933Driver {
  protected override *transferEnded(context: AmccContext): Suspending<void> {
    const status = yield* context.transaction!.dmaCompleted();
    if (status !== STATUS_MORE_PROCESSING_REQUIRED) yield* this.completeRequest(context, status);
  }
}

/**
 * INTCSR is read and written back. In the sample this comes before the start, when no cause of the transfer can be
 * latched: changed so that it bites, the enables come after it.
 */
export class WritesBackIntcsr extends Amcc5933Driver {
  protected override *evtProgramDma(
    context: AmccContext,
    transaction: DmaTransaction,
    direction: DmaDirection,
    list: ScatterGatherList,
  ): Suspending<boolean> {
    const { registers } = context.controller;
    const programmed = yield* super.evtProgramDma(context, transaction, direction, list);
    const intcsr = yield* registers.read32(amcc.INTCSR);
    yield* registers.write32(amcc.INTCSR, intcsr | amcc.INTCSR_ENABLE[direction]);
    return programmed;
  }
}

/** ISR and DPC take every interrupt for the end of the transfer: both enables off, DPC whenever there is a transaction. */
export class TakesEveryInterrupt extends IgnoresCauses {
  protected override *evtInterruptIsr(context: AmccContext): Suspending<boolean> {
    const { registers, interrupt } = context.controller;
    let intcsr = yield* registers.read32(amcc.INTCSR);
    if ((intcsr & amcc.INTCSR_ASSERTED) === 0) return false;
    yield* registers.write32(amcc.MCSR, 0);
    while ((intcsr & amcc.INTCSR_ASSERTED) !== 0) {
      yield* registers.write32(amcc.INTCSR, intcsr & (amcc.INTCSR_ENABLES | amcc.INTCSR_CAUSES));
      intcsr = yield* registers.read32(amcc.INTCSR);
    }
    if (context.transaction !== null) interrupt.queueDpcForIsr();
    return true;
  }

  protected override *evtInterruptDpc(context: AmccContext): Suspending<void> {
    if (context.transaction !== null) yield* this.transferEnded(context);
  }
}

/**
 * When Execute fails the context keeps the transaction. As in the sample, every interrupt that finds one runs the DPC,
 * which begins by asking whether the request is cancelled.
 */
export class KeepsStaleTransaction extends Amcc5933Driver {
  protected override *executeFailed(
    context: AmccContext,
    transaction: DmaTransaction,
    request: Request,
    status: NtStatus,
  ): Suspending<void> {
    context.transaction = transaction;
    yield* transaction.delete();
    yield* request.complete(status);
  }

  protected override *evtInterruptIsr(context: AmccContext): Suspending<boolean> {
    const isOurs = yield* super.evtInterruptIsr(context);
    if (isOurs && context.transaction !== null) context.controller.interrupt.queueDpcForIsr();
    return isOurs;
  }

  protected override *evtInterruptDpc(context: AmccContext): Suspending<void> {
    context.transaction?.request?.isCanceled();
    yield* super.evtInterruptDpc(context);
  }
}
