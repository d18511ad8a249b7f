import { STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS, STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED } from '../nt/index.js';
import { completed, suspendedAt, type ObjectAttributes, type Suspending } from '../kernel/index.js';
import type { Created } from './created.js';
import type { DmaEnabler } from './dma-enabler.js';
import type { DmaTransactionBase } from './dma-transaction-base.js';
import { DmaPacketTransaction } from './dma-transaction-packet.js';
import { DmaScatterGatherTransaction } from './dma-transaction-scatter-gather.js';
import { DmaSystemTransaction } from './dma-transaction-system.js';

export type * from './dma-transaction-callbacks.js';
export type { TransferInfo } from './dma-transaction-core.js';

/** WDFDMATRANSACTION. */
export type DmaTransaction<C = unknown> = DmaTransactionBase<C>;

export const DmaTransaction = {
  /** WdfDmaTransactionCreate: the enabler's profile says of which kind. The parent is the enabler; naming another is WDF_PARENT_ASSIGNMENT_NOT_ALLOWED; INSUFFICIENT_RESOURCES. */
  create<C = unknown>(enabler: DmaEnabler, attributes: ObjectAttributes<C> = {}): Suspending<Created<DmaTransaction<C>>> {
    enabler.requireLive('WdfDmaTransactionCreate');
    const op = enabler.kernel.callOp(enabler.objectId);
    return enabler.kernel.at(op) ? suspendedAt(op, () => completed(create(enabler, attributes))) : completed(create(enabler, attributes));
  },
} as const;

function create<C>(enabler: DmaEnabler, attributes: ObjectAttributes<C>): Created<DmaTransaction<C>> {
  if (attributes.parent !== undefined) return { ok: false, status: STATUS_WDF_PARENT_ASSIGNMENT_NOT_ALLOWED };
  if (enabler.device.platform.faults?.failsAllocation('a transaction') === true)
    return { ok: false, status: STATUS_INSUFFICIENT_RESOURCES };
  return { ok: true, status: STATUS_SUCCESS, object: newTransaction(enabler, attributes) };
}

function newTransaction<C>(enabler: DmaEnabler, attributes: ObjectAttributes<C>): DmaTransaction<C> {
  switch (enabler.kind) {
    case 'packet':
      return new DmaPacketTransaction(enabler, attributes);
    case 'scatter-gather':
      return new DmaScatterGatherTransaction(enabler, attributes);
    case 'system':
      return new DmaSystemTransaction(enabler, attributes);
  }
}
