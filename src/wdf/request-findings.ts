import { WDF_VIOLATION, WdfViolation, statusName, type NtStatus } from '../nt/index.js';
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

/** Rule B03: completed while a transaction initialised from it is in Transfer. */
export function reportTransferring({ kernel, label, objectId, dmaReferences }: Request, status: NtStatus): void {
  kernel.violation({
    rule: 'B03',
    severity: 'crash',
    object: label,
    message: `${label} is completed with ${statusName(status)} while its DMA transaction is still in Transfer`,
    bugCheck: { code: WDF_VIOLATION, parameters: [WdfViolation.REQUEST_OUTSTANDING_REFERENCES, objectId, dmaReferences] },
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
