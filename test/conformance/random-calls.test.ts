import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { runVector, type Vector, type VectorCall } from '../../src/conformance/index.js';
import { DMA_PROFILES } from '../../src/wdf/dma-enabler.js';
import { TransactionState } from '../../src/wdf/dma-transaction-state.js';

/** DMALAB_PROPERTY_RUNS asks for more than the few a test run has time for. */
const NUM_RUNS = Number(process.env['DMALAB_PROPERTY_RUNS'] ?? 60);
const POOL = 6;

const transactionName = fc.constantFrom('t0', 't1');
const direction = fc.constantFrom('Read', 'Write');
const lengthBytes = fc.integer({ min: 0, max: 20000 });
const flag = fc.boolean();

const simple = [
  'Execute',
  'DmaCompleted',
  'Release',
  'FreeResources',
  'Cancel',
  'GetTransferInfo',
  'GetBytesTransferred',
  'Delete',
] as const;
const call: fc.Arbitrary<VectorCall> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...simple), transactionName) },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constantFrom('Initialize', 'InitializeUsingOffset'),
      transactionName,
      fc.record({ buffer: fc.constantFrom('b0', 'b1'), offset: fc.integer({ min: 0, max: 4200 }), length: lengthBytes, dir: direction }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom('DmaCompletedWithLength', 'DmaCompletedFinal', 'SetMaximumLength'), transactionName, lengthBytes),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('AllocateResources'),
      transactionName,
      fc.record({ registers: fc.integer({ min: 0, max: 7 }), dir: direction }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constantFrom('SetSingleTransferRequirement', 'SetImmediateExecution', 'SetTransferCompleteCallback'),
      transactionName,
      flag,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('StopSystemTransfer'), transactionName) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('HalComplete'), transactionName, fc.constantFrom('DmaComplete', 'DmaError')) },
);
const calls = (maxLength: number): fc.Arbitrary<VectorCall[]> => fc.array(call, { maxLength });

const vector = fc.record({
  profile: fc.constantFrom(...Object.keys(DMA_PROFILES)),
  dmaVersion: fc.constantFrom(0, 3),
  maximumLength: fc.constantFrom(4096, 16384),
  bounce: flag,
  verifier: flag,
  script: calls(25),
  inside: fc.array(calls(3), { maxLength: 4 }),
});

interface Drawn {
  readonly profile: string;
  readonly dmaVersion: number;
  readonly maximumLength: number;
  readonly bounce: boolean;
  readonly verifier: boolean;
  readonly script: readonly VectorCall[];
  readonly inside: readonly (readonly VectorCall[])[];
}

function vectorOf(drawn: Drawn): Vector {
  const { profile, dmaVersion, maximumLength, bounce, verifier, script, inside } = drawn;
  return {
    name: 'random',
    machine: { pool: POOL, maxMapRegisters: POOL, bounce, verifier },
    enabler: { profile, maximumLength, dmaVersion },
    buffers: {
      b0: [{ off: 100, len: 20000, pfns: [10, 11, 20, 30, 31] }],
      b1: [
        { off: 4000, len: 5000, pfns: [40, 42, 43] },
        { off: 0, len: 15000, pfns: [50, 51, 52, 60] },
      ],
    },
    script: [['Create', 't0'], ['Create', 't1'], ...script],
    callbacks: { t0: { EvtProgramDma: inside }, t1: { EvtDmaTransferComplete: inside } },
    expect: [],
  };
}

/** What must hold of every event list, whatever the driver did. */
function check(events: readonly unknown[]): void {
  let isDead = false;
  for (const event of events as readonly (readonly unknown[])[]) {
    expect(isDead, 'nothing follows a bug check').to.equal(false);
    const [kind] = event;
    expect(['ret', 'cb', 'skip', 'limits', 'destroyed', 'final', 'bugcheck', 'crash', 'halFault']).to.include(kind);
    isDead = kind === 'bugcheck' || kind === 'crash' || kind === 'halFault';
    const snapshot = kind === 'final' && event[1] !== 'hal' ? event[2] : kind === 'ret' ? event[4] : undefined;
    if (!Array.isArray(snapshot)) continue;
    const [state, bytes, current, free] = snapshot as [string, number, number, number];
    expect([...Object.keys(TransactionState), '(gone)']).to.include(state);
    expect(bytes).to.be.at.least(0);
    expect(current).to.be.at.least(0);
    expect(free, 'registers are neither lost twice nor made').to.be.within(0, POOL);
  }
}

describe('random calls, legal and illegal, on every profile', function () {
  this.timeout(120_000);

  it('end in a status or a typed fault, in states of the table, with the registers conserved, suspended or not', () => {
    fc.assert(
      fc.property(vector, (drawn) => {
        const made = vectorOf(drawn);
        const { events } = runVector(made);
        check(events);
        expect(runVector(made, { suspendEverywhere: true }).events).to.deep.equal(events);
      }),
      { seed: 20261122, numRuns: NUM_RUNS },
    );
  });
});
