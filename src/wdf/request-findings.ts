import { PASSIVE_LEVEL, WDF_VIOLATION, WdfViolation, irqlName, statusName, type NtStatus } from '../nt/index.js';
import type { FxObject } from '../kernel/index.js';
import type { RequestBase } from './request-base.js';
import type { Request } from './request.js';

/** What Windows bug checks on: misuse of a request that leaves nothing to go on with. None of these returns. */

/** Rules C08 and C09: the handle is of a request that was completed. */
export function reportCompleted({ kernel, label, objectId }: Request, ddi: string): void {
  kernel.violation({
    rule: ddi.startsWith('WdfRequestComplete') ? 'C08' : 'C09',
    severity: 'crash',
    object: label,
    message: `${ddi} is called on ${label}, which was completed already`,
    bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, objectId] },
  });
}

/** Rule C10: the request waits in a queue, where it may be cancelled and gone at any moment. */
export function reportQueued({ kernel, label, objectId }: Request, ddi: string): void {
  kernel.violation({
    rule: 'C10',
    severity: 'crash',
    object: label,
    message: `${ddi} is called on ${label}, which waits in a queue and is not the driver's`,
    bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.INVALID_HANDLE, objectId] },
  });
}

/** Rule B03: completed while a transaction initialised from it is in Transfer, or while a reference on its memory is held. */
export function reportReferenced({ kernel, label, objectId, dmaReferences, memoryReferences }: Request, status: NtStatus): void {
  const why = dmaReferences !== 0 ? 'its DMA transaction is still in Transfer' : 'references on its WDFMEMORY are held';
  kernel.violation({
    rule: 'B03',
    severity: 'crash',
    object: label,
    message: `${label} is completed with ${statusName(status)} while ${why}`,
    bugCheck: {
      code: WDF_VIOLATION,
      parameters: [WdfViolation.REQUEST_OUTSTANDING_REFERENCES, objectId, dmaReferences + memoryReferences],
    },
  });
}

/** Rule C26: completing the request cannot dispose `child` here. */
export function checkPassiveDispose({ kernel, label }: RequestBase, child: FxObject): void {
  const { irql } = kernel.current;
  if (irql === PASSIVE_LEVEL) return;
  kernel.violation({
    rule: 'C26',
    severity: 'warning',
    object: label,
    message: `${label} is completed at ${irqlName(irql)} and has ${child.label} as a child, which can be disposed at ${irqlName(PASSIVE_LEVEL)} only: its disposal is deferred to a system thread; give it another parent`,
  });
}

/** Rule C30: the driver touches a buffer that a transaction is moving. */
export function reportBufferInTransfer({ kernel, label }: RequestBase): void {
  kernel.violation({
    rule: 'C30',
    severity: 'error',
    object: label,
    message: `the buffer of ${label} is accessed by the driver while its DMA transaction is in Transfer: from Execute to the last DmaCompleted it is the device's`,
  });
}

/** Rule D25: the transaction ended with an error that the driver did not look at. */
export function reportFailedTransfer({ kernel, label, dmaStatus }: Request, status: NtStatus): void {
  kernel.violation({
    rule: 'D25',
    severity: 'error',
    object: label,
    message: `${label} is completed with ${statusName(status)}, and its DMA transaction ended with ${statusName(dmaStatus)}: that the transaction has ended does not say that it went well`,
  });
}

/** Rule B06: success with more information than the buffer holds. */
export function reportInformation({ kernel, label, informationBytes, lengthBytes }: Request): void {
  kernel.violation({
    rule: 'B06',
    severity: 'crash',
    object: label,
    message: `${label} is completed with ${informationBytes} bytes of information for a buffer of ${lengthBytes} bytes`,
    bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.REQUEST_FATAL_ERROR, 4, informationBytes, lengthBytes] },
  });
}
