import { expect } from 'chai';
import { describe, it } from 'mocha';
import { runVector, type Vector, type VectorCall } from '../../src/conformance/index.js';
import {
  isLegal,
  TRANSACTION_OPERATIONS,
  TransactionState,
  type TransactionOperation,
  type TransactionStateName,
} from '../../src/wdf/dma-transaction-state.js';

const initialize: VectorCall = ['Initialize', 't0', { buffer: 'b0', offset: 0, length: 4096, dir: 'Write' }];
const execute: VectorCall = ['Execute', 't0'];

/** Calls that bring a fresh packet transaction into a state. */
const WAY_TO: Partial<Record<TransactionStateName, readonly VectorCall[]>> = {
  Created: [],
  Reserved: [['AllocateResources', 't0', { registers: 2, dir: 'Write' }]],
  Initialized: [initialize],
  Transfer: [initialize, execute],
  TransferCompleted: [initialize, execute, ['DmaCompleted', 't0']],
  TransferFailed: [initialize, execute, ['DmaCompletedWithLength', 't0', 9999]],
  Released: [initialize, ['Release', 't0']],
};

const CALL: Partial<Record<TransactionOperation, VectorCall>> = {
  Initialize: initialize,
  Execute: execute,
  DmaCompleted: ['DmaCompleted', 't0'],
  GetTransferInfo: ['GetTransferInfo', 't0'],
  AllocateDerivedResources: ['AllocateResources', 't0', { registers: 0, dir: 'Write' }],
  FreeResources: ['FreeResources', 't0'],
  Release: ['Release', 't0'],
  Delete: ['Delete', 't0'],
};

function lastEvents(state: TransactionStateName, call: VectorCall): unknown[] {
  const vector: Vector = {
    name: 'state',
    machine: { pool: 64 },
    enabler: { profile: 'Packet', maximumLength: 65536 },
    buffers: { b0: [{ off: 0, len: 4096, pfns: [16] }] },
    script: [['Create', 't0'], ...WAY_TO[state]!, call],
    expect: [],
  };
  return [...runVector(vector).events];
}

describe('the transition table', () => {
  const states = Object.keys(WAY_TO) as TransactionStateName[];
  for (const [operation, call] of Object.entries(CALL) as [TransactionOperation, VectorCall][]) {
    it(`${operation} is legal in ${TRANSACTION_OPERATIONS[operation].legal.join(', ')} and a bug check elsewhere`, () => {
      for (const state of states) {
        const events = lastEvents(state, call);
        const died = events.some((event) => (event as unknown[])[0] === 'bugcheck');
        expect(died, `${operation} in ${state}`).to.equal(!isLegal(operation, TransactionState[state]));
        if (died) expect(events.at(-1)).to.deep.equal(['bugcheck', 'WDF_DMA_FATAL_ERROR', state]);
      }
    });

    it(`${operation} leaves the states the table names`, () => {
      const next: readonly string[] = TRANSACTION_OPERATIONS[operation].next;
      for (const state of states.filter((each) => isLegal(operation, TransactionState[each]))) {
        const ret = lastEvents(state, call).findLast((event) => (event as unknown[])[0] === 'ret') as [
          string,
          string,
          string,
          unknown,
          [string],
        ];
        const allowed = next.length === 0 ? [state] : operation === 'Delete' ? ['(gone)'] : next;
        expect(allowed, `${operation} from ${state}`).to.include(ret[4][0]);
      }
    });
  }
});
