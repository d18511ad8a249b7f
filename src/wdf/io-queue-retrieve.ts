import { STATUS_NOT_FOUND, STATUS_NO_MORE_ENTRIES, STATUS_SUCCESS, type NtStatus } from '../nt/index.js';
import type { FileObject } from './file-object.js';
import type { RequestList } from './request-list.js';
import { CancelState } from './request-state.js';
import type { Request } from './request.js';

/** Result of WdfIoQueueFindRequest. */
export interface FoundRequest {
  readonly status: NtStatus;
  /** With a reference that the caller drops; null unless `status` is SUCCESS. */
  readonly request: Request | null;
}

const NO_MORE: FoundRequest = { status: STATUS_NO_MORE_ENTRIES, request: null };
const NOT_FOUND: FoundRequest = { status: STATUS_NOT_FOUND, request: null };

/**
 * Searches a queue's waiting requests, oldest first; those whose cancellation is under way are not there any more.
 * `fileObject`: only requests of it. `tag`: that very request or, with `behindTag`, the next one after it; NOT_FOUND when
 * it is gone.
 */
export function findWaiting(waiting: RequestList, fileObject: FileObject | null, tag: Request | null, behindTag: boolean): FoundRequest {
  let passed = tag === null;
  for (let request = waiting.head; request !== null; request = request.next) {
    if (request.cancelState !== CancelState.None) continue;
    if (!passed) {
      if (request !== tag) continue;
      passed = true;
      if (behindTag) continue;
      return { status: STATUS_SUCCESS, request };
    }
    if (fileObject === null || request.fileObject === fileObject) return { status: STATUS_SUCCESS, request };
  }
  return passed ? NO_MORE : NOT_FOUND;
}
