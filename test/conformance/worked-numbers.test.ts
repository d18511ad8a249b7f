import { expect } from 'chai';
import { describe, it } from 'mocha';
import { runVector, type Vector, type VectorMdl } from '../../src/conformance/index.js';
import { Mdl } from '../../src/hal/index.js';
import {
  ChainPosition,
  RegisterEstimate,
  reservedLengthBytes,
  spanPages,
  WORST_PAGE_OFFSET,
} from '../../src/wdf/dma-transaction-arithmetic.js';

const PAGES_40 = Array.from({ length: 40 }, (_, i) => 100 + i);

/** Lengths of the transfers a fully completing driver sees for one buffer. */
function transferLengths(enabler: Vector['enabler'], buffer: VectorMdl[], length: number, maxMapRegisters: number, reserve = 0): number[] {
  const script: Vector['script'][number][] = [['Create', 't0']];
  if (reserve > 0) script.push(['AllocateResources', 't0', { registers: reserve, dir: 'Write' }]);
  script.push(['Initialize', 't0', { buffer: 'b0', offset: 0, length, dir: 'Write' }], ['Execute', 't0']);
  const completions = Array.from({ length: 20 }, (): Vector['script'][number][] => [['DmaCompleted', 't0']]);
  const vector: Vector = {
    name: 'worked',
    machine: { pool: 64, maxMapRegisters, bounce: true },
    enabler,
    buffers: { b0: buffer },
    script,
    callbacks: { t0: { EvtProgramDma: completions } },
    expect: [],
  };
  const programs = runVector(vector).events.filter(
    (event): event is ['cb', string, string, string, [string, number][]] => (event as unknown[])[1] === 'EvtProgramDma',
  );
  return programs.map(([, , , , elements]) => elements.reduce((sum, [, bytes]) => sum + bytes, 0));
}

const contiguous = (off: number, len: number): VectorMdl[] => [{ off, len, pfns: PAGES_40 }];

describe('worked numbers of the transfer arithmetic', () => {
  it('5 registers carry 16384 bytes: 40000 become 16384, 16384, 7232', () => {
    expect(transferLengths({ profile: 'ScatterGather', maximumLength: 65536 }, contiguous(0, 40000), 40000, 5)).to.deep.equal([
      16384, 16384, 7232,
    ]);
  });

  it('17 registers carry the whole maximum of 65536', () => {
    expect(transferLengths({ profile: 'ScatterGather', maximumLength: 65536 }, contiguous(0, 70000), 70000, 64)).to.deep.equal([
      65536, 4464,
    ]);
  });

  it('two reserved registers from page offset 1000: 20000 bytes become 7192, 8192, 4616', () => {
    expect(transferLengths({ profile: 'Packet', maximumLength: 65536 }, contiguous(1000, 20000), 20000, 64, 2)).to.deep.equal([
      7192, 8192, 4616,
    ]);
  });

  it('a chain of 100+100+100 with two registers: 200, then 100', () => {
    const buffer = [1, 2, 3].map((pfn) => ({ off: 0, len: 100, pfns: [pfn] }));
    expect(transferLengths({ profile: 'ScatterGather', maximumLength: 4096 }, buffer, 300, 2)).to.deep.equal([200, 100]);
  });

  it('registers of a packet transaction: the pages of one transfer, the worst case of several', () => {
    expect(spanPages(0, 8192)).to.equal(2);
    expect(spanPages(WORST_PAGE_OFFSET, 2048)).to.equal(2);
    expect(spanPages(WORST_PAGE_OFFSET, 8192)).to.equal(3);
    expect(spanPages(0x10_0000_0fff, 1)).to.equal(1);
  });
});

function chain(...lengths: number[]): Mdl {
  const mdls = lengths.map((bytes, i) => new Mdl(Int32Array.of(i), 0, bytes));
  mdls.forEach((mdl, i) => (mdl.next = mdls[i + 1] ?? null));
  return mdls[0]!;
}

describe('RegisterEstimate', () => {
  it('counts the unshrunk range and shrinks to whole MDLs', () => {
    const estimate = new RegisterEstimate();
    expect(estimate.estimate(chain(100, 100, 100), 0, 300, 2)).to.equal(0);
    expect([estimate.registers, estimate.possibleLengthBytes]).to.deep.equal([3, 200]);
  });

  it('notices a chain that is a page short, not one that is a byte short', () => {
    const estimate = new RegisterEstimate();
    expect(estimate.estimate(chain(4096), 0, 4097, 9)).to.equal(0);
    expect(estimate.estimate(chain(4096), 0, 8193, 9)).to.be.lessThan(0);
  });
});

describe('ChainPosition', () => {
  it('takes the end of an MDL for the start of the next', () => {
    const first = chain(100, 50);
    const position = new ChainPosition();
    position.set(first, 0);
    expect(position.advance(100)).to.equal(true);
    expect([position.mdl === first.next, position.offset]).to.deep.equal([true, 0]);
    expect(position.advance(50)).to.equal(false);
  });
});

describe('reservedLengthBytes', () => {
  it("sizes a transfer at an MDL's very end with that MDL's page offset, as the framework does", () => {
    const first = new Mdl(Int32Array.of(1, 2), 3000, 2000);
    first.next = new Mdl(Int32Array.of(3), 0, 4096);
    expect(reservedLengthBytes(first, 2000, 2)).to.equal(4096 + (4096 - ((3000 + 2000) % 4096)));
    expect(reservedLengthBytes(first, 2001, 2)).to.equal(4096 + (4096 - 1));
  });
});
