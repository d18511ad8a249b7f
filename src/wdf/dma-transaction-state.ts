/** States of a transaction; the number is the third parameter of bug check 0x10D/8. */
export const TransactionState = {
  Invalid: 0,
  Created: 1,
  Reserved: 2,
  Initialized: 3,
  Transfer: 4,
  TransferCompleted: 5,
  TransferFailed: 6,
  Released: 7,
  Deleted: 8,
} as const;
export type TransactionStateName = keyof typeof TransactionState;
export type TransactionState = (typeof TransactionState)[TransactionStateName];

const stateNames = Object.keys(TransactionState) as TransactionStateName[];
export const transactionStateName = (state: TransactionState): TransactionStateName => stateNames[state]!;

interface Operation {
  readonly ddi: string;
  /** Rule broken by calling it in another state. */
  readonly rule: string;
  readonly legal: readonly TransactionStateName[];
  /**
   * What an illegal call does: `bug-check` always kills; `bug-check-if-verified` only with the framework verifier on,
   * else the operation is carried out; `break` is a debugger break, and the DDI decides what it does then.
   */
  readonly illegal: 'bug-check' | 'bug-check-if-verified' | 'break';
  /** States it may leave the transaction in, when it changes the state. */
  readonly next: readonly TransactionStateName[];
}

/**
 * The transaction state machine, one row an operation (kmdf transaction-state-machine sections 1 and 2): the checks,
 * the documentation's diagram and its tests come from this table.
 */
export const TRANSACTION_OPERATIONS = {
  Initialize: {
    ddi: 'WdfDmaTransactionInitialize',
    rule: 'B09',
    legal: ['Created', 'Reserved', 'Released'],
    illegal: 'bug-check',
    next: ['Initialized', 'Released'],
  },
  Execute: {
    ddi: 'WdfDmaTransactionExecute',
    rule: 'B10',
    legal: ['Initialized'],
    illegal: 'bug-check',
    next: ['Transfer', 'TransferCompleted', 'TransferFailed'],
  },
  DmaCompleted: {
    ddi: 'WdfDmaTransactionDmaCompleted',
    rule: 'B11',
    legal: ['Transfer'],
    illegal: 'bug-check',
    next: ['Transfer', 'TransferCompleted', 'TransferFailed'],
  },
  GetTransferInfo: { ddi: 'WdfDmaTransactionGetTransferInfo', rule: 'B12', legal: ['Initialized'], illegal: 'bug-check', next: [] },
  AllocateResources: {
    ddi: 'WdfDmaTransactionAllocateResources',
    rule: 'B13',
    legal: ['Created', 'Initialized', 'Released'],
    illegal: 'bug-check',
    next: ['Reserved', 'TransferFailed'],
  },
  /** AllocateResources with a count of 0: the buffer says how many. */
  AllocateDerivedResources: {
    ddi: 'WdfDmaTransactionAllocateResources',
    rule: 'B13',
    legal: ['Initialized'],
    illegal: 'bug-check',
    next: ['Reserved', 'TransferFailed'],
  },
  FreeResources: {
    ddi: 'WdfDmaTransactionFreeResources',
    rule: 'B15',
    legal: ['Reserved', 'Initialized', 'TransferCompleted', 'TransferFailed', 'Released'],
    illegal: 'bug-check',
    next: ['Released'],
  },
  Cancel: {
    ddi: 'WdfDmaTransactionCancel',
    rule: 'B16',
    legal: ['Reserved', 'Initialized', 'Transfer', 'TransferCompleted', 'TransferFailed'],
    illegal: 'bug-check',
    next: ['TransferFailed'],
  },
  Release: {
    ddi: 'WdfDmaTransactionRelease',
    rule: 'B17',
    legal: ['Created', 'Reserved', 'Initialized', 'TransferCompleted', 'TransferFailed', 'Released'],
    illegal: 'bug-check-if-verified',
    next: ['Released'],
  },
  Delete: {
    ddi: 'WdfObjectDelete',
    rule: 'B18',
    legal: ['Created', 'Reserved', 'Initialized', 'TransferCompleted', 'TransferFailed', 'Released'],
    illegal: 'bug-check-if-verified',
    next: ['Deleted'],
  },
  SetSingleTransferRequirement: {
    ddi: 'WdfDmaTransactionSetSingleTransferRequirement',
    rule: 'C04',
    legal: ['Created', 'Reserved', 'Released'],
    illegal: 'break',
    next: [],
  },
  SetImmediateExecution: {
    ddi: 'WdfDmaTransactionSetImmediateExecution',
    rule: 'C04',
    legal: ['Created', 'Initialized', 'Released'],
    illegal: 'break',
    next: [],
  },
  WdmGetTransferContext: {
    ddi: 'WdfDmaTransactionWdmGetTransferContext',
    rule: 'C04',
    legal: ['Reserved', 'Initialized', 'Transfer', 'TransferCompleted', 'TransferFailed'],
    illegal: 'break',
    next: [],
  },
} as const satisfies Readonly<Record<string, Operation>>;
export type TransactionOperation = keyof typeof TRANSACTION_OPERATIONS;

const legalMasks: ReadonlyMap<string, number> = new Map(
  Object.entries(TRANSACTION_OPERATIONS).map(([name, { legal }]) => [
    name,
    (legal as readonly TransactionStateName[]).reduce((mask, state) => mask | (1 << TransactionState[state]), 0),
  ]),
);

/** Whether the table allows `operation` in `state`. */
export function isLegal(operation: TransactionOperation, state: TransactionState): boolean {
  return ((legalMasks.get(operation)! >> state) & 1) !== 0;
}
