import { expect } from 'chai';
import { describe, it } from 'mocha';
import { runVector, type Vector, type VectorCall, type VectorEnabler, type VectorMachine } from '../../src/conformance/index.js';

const chained = [
  { off: 0, len: 5000, pfns: [10, 20] },
  { off: 0, len: 3000, pfns: [30] },
];

/** Events of a script on a transaction `t0` over the chain above, without those of the enabler's creation and the end. */
function eventsOf(
  enabler: Partial<VectorEnabler>,
  script: readonly VectorCall[],
  callbacks: Vector['callbacks'] = {},
  machine: VectorMachine = {},
): unknown[] {
  const vector: Vector = {
    name: 'version 2',
    machine,
    enabler: { profile: 'ScatterGather', maximumLength: 65536, ...enabler },
    buffers: { b0: chained },
    script: [['Create', 't0'], ...script],
    callbacks,
    expect: [],
  };
  const { events } = runVector(vector);
  const isOfInterest = (event: unknown): boolean => {
    const [kind, op] = event as [string, string];
    return kind !== 'limits' && kind !== 'final' && op !== 'EnablerCreate' && op !== 'Create' && !op.startsWith('ConfigureSystemProfile');
  };
  return events.filter(isOfInterest);
}

const initialize = (offset: number, length: number, dir: 'Read' | 'Write' = 'Write'): VectorCall => [
  'Initialize',
  't0',
  { buffer: 'b0', offset, length, dir },
];

describe('transfer info of version 2', () => {
  const info = (offset: number, length: number): unknown =>
    (eventsOf({ dmaVersion: 2 }, [initialize(offset, length), ['GetTransferInfo', 't0']]).at(-1) as unknown[])[3];

  it('counts the pages of every MDL of the chain', () => {
    expect(info(0, 8000)).to.deep.equal([3, 3]);
  });

  it('leaves the offset of the first MDL out of the later ones, too, as the framework does', () => {
    // 4500 bytes into a chain whose second MDL has 3000: the second is passed over, although its 3000 bytes are used.
    expect(info(4500, 3500)).to.deep.equal([1, 1]);
  });
});

describe('a duplex system enabler with only writes configured', () => {
  const enabler = { profile: 'SystemDuplex', configure: ['Write'] } as const;

  it('counts as version 2: a transfer has one element, although the list has room for more', () => {
    const events = eventsOf(enabler, [initialize(0, 5000), ['Execute', 't0'], ['DmaCompleted', 't0']]);
    expect(events.filter((event) => (event as string[])[1] === 'EvtProgramDma')).to.deep.equal([
      ['cb', 'EvtProgramDma', 't0', 'Write', [['0xa000', 4096]]],
      ['cb', 'EvtProgramDma', 't0', 'Write', [['0x14000', 904]]],
    ]);
  });

  it('has no transfer context: a stop follows a NULL pointer', () => {
    const events = eventsOf(enabler, [initialize(0, 100), ['Execute', 't0'], ['StopSystemTransfer', 't0']]);
    expect(events.at(-1)).to.deep.equal(['crash', 'ACCESS_VIOLATION']);
  });
});

describe('a length beyond 32 bits', () => {
  it('is cut to a ULONG, as the framework does', () => {
    const events = eventsOf({ profile: 'Packet' }, [initialize(0, 2 ** 32 + 100), ['Execute', 't0'], ['DmaCompleted', 't0']]);
    expect(events.at(-1)).to.deep.equal(['ret', 'DmaCompleted', 't0', [true, 'SUCCESS'], ['TransferCompleted', 100, 0, 64]]);
  });
});

describe('a scatter/gather adapter with a single map register', () => {
  it('has no room for a transfer, and Initialize ends in a finding instead of looking for one for ever', () => {
    const vector: Vector = {
      name: 'single register',
      machine: { maxMapRegisters: 1 },
      enabler: { profile: 'ScatterGather', maximumLength: 4096 },
      buffers: { b0: chained },
      script: [['Create', 't0'], initialize(0, 100)],
      expect: [],
    };
    const { events, findings } = runVector(vector);
    expect((events.at(-1) as string[]).slice(0, 2)).to.deep.equal(['bugcheck', 'L-STEP-BOUND']);
    expect([...findings.values()]).to.deep.equal([1]);
  });
});

describe('a scatter/gather transaction completed while it still waits for registers', () => {
  it('is granted twice, and its second end takes the adapter from under the first: a fault, no error of the lab', () => {
    const script: VectorCall[] = [
      ['Create', 't1'],
      ['Initialize', 't1', { buffer: 'b0', offset: 0, length: 4096, dir: 'Write' }],
      ['Execute', 't1'],
      initialize(0, 8000),
      ['Execute', 't0'],
      ['DmaCompletedWithLength', 't0', 0],
      ['DmaCompleted', 't1'],
    ];
    const callbacks = { t0: { EvtProgramDma: [[['DmaCompleted', 't0'] as const], [['DmaCompletedFinal', 't0', 0] as const]] } };
    const events = eventsOf({ maximumLength: 4096 }, script, callbacks, { pool: 1 });
    expect(events.slice(-4)).to.deep.equal([
      ['cb', 'EvtProgramDma', 't0', 'Write', [['0xa000', 4096]]],
      ['cb', 'EvtProgramDma', 't0', 'Write', [['0xa000', 4096]]],
      ['ret', 'DmaCompletedFinal', 't0', [true, 'SUCCESS']],
      ['crash', 'ACCESS_VIOLATION'],
    ]);
  });
});

describe('completing twice inside EvtProgramDma', () => {
  const twice = { t0: { EvtProgramDma: [[['DmaCompleted', 't0'] as const, ['DmaCompleted', 't0'] as const]] } };

  it('version 2 goes on with a transfer of no bytes, which still has one element', () => {
    const events = eventsOf({ profile: 'Packet', dmaVersion: 2 }, [initialize(904, 4096), ['Execute', 't0']], twice);
    expect(events.at(-2)).to.deep.equal(['cb', 'EvtProgramDma', 't0', 'Write', [['0x0', 0]]]);
  });

  it('looks for a place beyond the buffer when its registers are reserved', () => {
    const script: VectorCall[] = [['AllocateResources', 't0', { registers: 1, dir: 'Write' }], initialize(0, 8000), ['Execute', 't0']];
    const thrice = {
      t0: { EvtProgramDma: [[['DmaCompleted', 't0'] as const, ['DmaCompleted', 't0'] as const, ['DmaCompleted', 't0'] as const]] },
    };
    const events = eventsOf({ profile: 'Packet' }, script, thrice);
    expect(events.at(-1)).to.deep.equal(['crash', 'ACCESS_VIOLATION']);
  });
});

describe('a system transfer whose transaction was released with its reservation', () => {
  it('still runs, so the controller can finish it', () => {
    const script: VectorCall[] = [
      ['SetTransferCompleteCallback', 't0', true],
      ['AllocateResources', 't0', { registers: 2, dir: 'Read' }],
      initialize(0, 4096, 'Read'),
      ['Execute', 't0'],
      // More than was asked for ends the transaction without a flush.
      ['DmaCompletedFinal', 't0', 5000],
      ['Release', 't0'],
      ['HalComplete', 't0', 'DmaComplete'],
    ];
    expect(eventsOf({ profile: 'System', maximumLength: 8192 }, script).slice(-3)).to.deep.equal([
      ['ret', 'Release', 't0', 'SUCCESS', ['Released', 0, 0, 62]],
      ['cb', 'EvtDmaTransferComplete', 't0', 'Read', 'DmaComplete'],
      ['ret', 'HalComplete', 't0', null, ['Released', 0, 0, 62]],
    ]);
  });
});

describe('physical addresses beyond what 32 bits number pages of', () => {
  it('come out whole', () => {
    const vector: Vector = {
      name: 'high memory',
      enabler: { profile: 'ScatterGather64', maximumLength: 8192 },
      buffers: { b0: [{ off: 8, len: 5000, pfns: [2 ** 31, 2 ** 40] }] },
      script: [['Create', 't0'], initialize(0, 5000), ['Execute', 't0']],
      expect: [],
    };
    const { events } = runVector(vector);
    expect(events.find((event) => (event as string[])[1] === 'EvtProgramDma')).to.deep.equal([
      'cb',
      'EvtProgramDma',
      't0',
      'Write',
      [
        ['0x80000000008', 4088],
        ['0x10000000000000', 912],
      ],
    ]);
  });
});
