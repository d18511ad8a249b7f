import { STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS, type NtStatus } from '../nt/index.js';
import type { Kernel } from '../kernel/index.js';
import { chainLengthBytes, type Mdl } from '../hal/index.js';
import type { DmaRequest } from './dma-host.js';
import type { DmaTransactionCore } from './dma-transaction-core.js';

/*
 * Findings the framework itself has no word for: it carries out what was asked, and something is lost or goes wrong
 * later. During conformance they are observed and change nothing.
 */

function report(kernel: Kernel, rule: string, object: string, message: string): void {
  kernel.violation({ rule, severity: 'error', object, message });
}

/** The driver relies on documentation where the framework does something else; `item` counts as surprises.md does. */
export function reportFrameworkDefect({ kernel, label }: DmaTransactionCore, item: number, message: string): void {
  report(kernel, 'L-FRAMEWORK-DEFECT', label, `${label} ${message} (surprises ${item})`);
}

/** A buffered request read from the device: its list may be shorter than what is to be moved. */
export function checkBufferedList(transaction: DmaTransactionCore, request: DmaRequest, mdl: Mdl | null, lengthBytes: number): void {
  if (request.deviceControl?.method !== 'Buffered') return;
  const listBytes = chainLengthBytes(mdl);
  if (listBytes >= lengthBytes) return;
  reportFrameworkDefect(
    transaction,
    15,
    `takes ${lengthBytes} bytes, the output length, of a buffered request whose list has ${listBytes}`,
  );
}

/** Completed while it waits for registers, or a second time before the next transfer was presented: not detected by the framework. */
export function reportUnpresented({ kernel, label }: DmaTransactionCore, isWaiting: boolean): void {
  const why = isWaiting
    ? 'it still waits for map registers and was not programmed'
    : 'its transfer was completed already, and the next one is not programmed yet';
  report(kernel, 'L-NOT-PRESENTED', label, `WdfDmaTransactionDmaCompleted is called on ${label}, but ${why} (surprises 9)`);
}

/** Rule C27. */
export function reportProgramFailed({ kernel, label }: DmaTransactionCore): void {
  report(
    kernel,
    'C27',
    label,
    `EvtProgramDma of ${label} returned FALSE and nobody has completed the transfer: the framework ignores the result, so a driver that cannot go on calls WdfDmaTransactionDmaCompletedFinal`,
  );
}

/** Rule C28. */
export function reportConfigureRefused({ kernel, label }: DmaTransactionCore): void {
  report(
    kernel,
    'C28',
    label,
    `EvtDmaTransactionConfigureDmaChannel of ${label} answered FALSE and has not ended the transaction with WdfDmaTransactionDmaCompletedFinal: it stays in Transfer for ever`,
  );
}

/** Rule C29. */
export function reportExecuteErrorNotReleased({ kernel, label }: DmaTransactionCore, what: string): void {
  report(kernel, 'C29', label, `${label} is ${what} after WdfDmaTransactionExecute failed: release it first`);
}

/** Rule D26. */
export function reportNoTransfer({ kernel, label, stateName }: DmaTransactionCore): void {
  report(
    kernel,
    'D26',
    label,
    `WdfDmaTransactionGetCurrentDmaTransferLength is called on ${label} in state ${stateName}, where it is 0: the length is to be asked for before the transfer is completed`,
  );
}

/** What Initialize answers when a single transfer takes too many map registers. Rule D38 when a reservation is what is short of them. */
export function refuseRegisters({ kernel, label }: DmaTransactionCore, needed: number, available: number, ofAdapter: number): NtStatus {
  if (available === ofAdapter) return STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS;
  report(
    kernel,
    'D38',
    label,
    `${label} must be a single transfer and takes ${needed} map registers, of which ${available} are reserved for it`,
  );
  return STATUS_WDF_NOT_ENOUGH_MAP_REGISTERS;
}

/** Rule D54. */
export function reportNobodyTells({ kernel, label, enabler }: DmaTransactionCore): void {
  const { deviceName, label: device } = enabler.device;
  report(
    kernel,
    'D54',
    label,
    `${label} is executed without EvtDmaTransactionDmaTransferComplete, and ${deviceName ?? device} has no interrupt: nobody learns when the controller is through`,
  );
}

/** Rule D27. */
export function reportRetriedForEver({ kernel, label }: DmaTransactionCore, times: number): void {
  report(kernel, 'D27', label, `${label} has retried the same transfer ${times} times: the driver needs a bound`);
}
