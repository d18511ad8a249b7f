import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { DONE, opKindName } from '../../src/kernel/op.js';
import * as reg from '../../src/hardware/index.js';
import { BusAccess, FaultKind, s5933 } from '../../src/hardware/index.js';
import { low, Rig, type RigOptions } from './rig.js';

const WRITE = 0;
const READ = 1;
const ENABLE = [reg.S5933_MCSR_WRITE_ENABLE, reg.S5933_MCSR_READ_ENABLE] as const;
const COMPLETE = [reg.S5933_INTCSR_WRITE_COMPLETE, reg.S5933_INTCSR_READ_COMPLETE] as const;
const COUNT_ZERO = [reg.S5933_MCSR_WRITE_COUNT_ZERO, reg.S5933_MCSR_READ_COUNT_ZERO] as const;
const CHANNEL_RESET = [reg.S5933_MCSR_WRITE_RESET, reg.S5933_MCSR_READ_RESET] as const;
const INT_ENABLES = reg.S5933_INTCSR_WRITE_ENABLE | reg.S5933_INTCSR_READ_ENABLE;

/** The controller with a driver's hand on it. Channel 0 writes memory, channel 1 reads it. */
class Board extends Rig {
  constructor(options: RigOptions = {}) {
    super(s5933, options);
    this.write(reg.S5933_INTCSR, INT_ENABLES);
  }

  read(offset: number): number {
    return this.view.readRegister(offset, 4);
  }

  write(offset: number, value: number): void {
    this.view.writeRegister(offset, 4, value);
  }

  count(channel: number): number {
    return this.read(reg.S5933_MWTC + channel * reg.S5933_CHANNEL_STRIDE);
  }

  address(channel: number): number {
    return this.read(reg.S5933_MWAR + channel * reg.S5933_CHANNEL_STRIDE);
  }

  get causes(): number {
    return this.read(reg.S5933_INTCSR) & ~INT_ENABLES;
  }

  program(channel: number, address: number, lengthBytes: number, position: number): void {
    this.write(reg.S5933_OMB1 + channel * 4, position);
    this.write(reg.S5933_MWTC + channel * reg.S5933_CHANNEL_STRIDE, lengthBytes);
    this.write(reg.S5933_MWAR + channel * reg.S5933_CHANNEL_STRIDE, low(address));
  }

  start(channels: number): void {
    this.write(reg.S5933_MCSR, channels);
  }

  local(position: number, lengthBytes: number): number[] {
    return this.bytes(this.view.localMemory + position, lengthBytes);
  }
}

describe('s5933', () => {
  it('reads memory into the board, byte for byte, and interrupts', () => {
    const board = new Board({ params: { burstBytes: 512 } });
    const buffer = board.map(3, BusAccess.Read);
    board.fillPattern(buffer.physical, 3 * 4096, 5);
    board.program(READ, buffer.logical + 100, 9000, 640);
    expect(board.run()).to.equal(0);
    board.start(ENABLE[READ]);
    board.run();
    expect(board.local(640, 9000)).to.deep.equal(board.bytes(buffer.physical + 100, 9000));
    expect(board.local(0, 640).concat(board.local(9640, 64))).to.deep.equal(new Array(704).fill(0));
    expect([board.count(READ), board.address(READ)]).to.deep.equal([0, low(buffer.logical) + 9100]);
    expect(board.read(reg.S5933_MCSR) & (COUNT_ZERO[READ] | ENABLE[READ])).to.equal(COUNT_ZERO[READ] | ENABLE[READ]);
    expect(board.causes).to.equal(COMPLETE[READ] | reg.S5933_INTCSR_ASSERTED);
    expect(board.interrupts.isAsserted(0)).to.equal(true);
    board.write(reg.S5933_INTCSR, INT_ENABLES | COMPLETE[READ]);
    expect(board.causes).to.equal(0);
    expect(board.interrupts.isAsserted(0)).to.equal(false);
    expect(board.interrupts.hasAttention()).to.equal(false);
    expect(board.run()).to.equal(0);
  });

  it('moves any number of bytes between any DWORD and any place of the board, in both directions', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(WRITE, READ),
        fc.integer({ min: 0, max: 1023 }),
        fc.integer({ min: 1, max: 12_000 }),
        fc.integer({ min: 0, max: 0xffff }),
        fc.constantFrom(4, 256, 4096),
        (channel, offset, lengthBytes, position, burstBytes) => {
          const board = new Board({ params: { burstBytes, localMemoryBytes: 0x1_0000 }, ramFrames: 64 });
          const buffer = board.map(5, channel === READ ? BusAccess.Read : BusAccess.Write);
          board.fillPattern(channel === READ ? buffer.physical : board.view.localMemory, channel === READ ? 5 * 4096 : 0x1_0000, 7);
          board.program(channel, buffer.logical + offset * 4, lengthBytes, position);
          board.start(ENABLE[channel]);
          board.run();
          // The board's address counter wraps at the end of its memory.
          const local = Array.from({ length: lengthBytes }, (_, i) => board.memory.u8[board.view.localMemory + ((position + i) & 0xffff)]!);
          expect(board.bytes(buffer.physical + offset * 4, lengthBytes)).to.deep.equal(local);
          expect([board.count(channel), board.view.iommu.takeFault()]).to.deep.equal([0, null]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('splits bursts at pages, whose frames are not adjacent', () => {
    const board = new Board({ windowSlots: 8 });
    const buffer = board.mapReversed(4);
    board.fillPattern(board.view.localMemory, 12_000, 8);
    board.program(WRITE, buffer.logical + 1000, 12_000, 0);
    board.start(ENABLE[WRITE]);
    board.run();
    const written = Array.from({ length: 12_000 }, (_, i) => board.memory.u8[buffer.physical(1000 + i)]!);
    expect(written).to.deep.equal(board.local(0, 12_000));
  });

  it('has no low address bits: a transfer begins at the DWORD', () => {
    const board = new Board();
    const buffer = board.map(1);
    board.program(WRITE, buffer.logical + 6, 8, 0);
    expect(board.address(WRITE)).to.equal(low(buffer.logical) + 4);
    board.program(WRITE, buffer.logical, 0x0400_0004, 0);
    expect(board.count(WRITE), '26 bits').to.equal(4);
  });

  it('restarts the stream where the mailbox says, at each transfer and not in a paused one', () => {
    const board = new Board({ params: { burstBytes: 64 } });
    const buffer = board.map(1);
    board.fillPattern(buffer.physical, 4096, 1);
    board.program(READ, buffer.logical, 256, 512);
    board.start(ENABLE[READ]);
    board.run(3); // begin, two bursts
    board.start(0);
    board.write(reg.S5933_OMB1 + 4, 1024);
    expect(board.run()).to.equal(0);
    board.start(ENABLE[READ]);
    board.run();
    expect(board.local(512, 256)).to.deep.equal(board.bytes(buffer.physical, 256));
    // A new count with the enable bit still set is a new transfer.
    board.write(reg.S5933_MRTC, 128);
    board.run();
    expect(board.local(1024, 128)).to.deep.equal(board.bytes(buffer.physical + 256, 128));
  });

  it('gives up at a channel reset at any moment, says so exactly once, and leaves what it did not move in the count', () => {
    for (let steps = 0; steps < 9; steps++) {
      const board = new Board({ params: { burstBytes: 256 } });
      const buffer = board.map(1);
      board.fillPattern(board.view.localMemory, 4096, 3);
      board.program(WRITE, buffer.logical, 1000, 0);
      board.start(ENABLE[WRITE]);
      const made = board.run(steps);
      board.view.writeRegister(reg.S5933_MCSR + 3, 1, CHANNEL_RESET[WRITE] >>> 24);
      board.run();
      const what = `reset after ${made} steps`;
      const moved = Math.min(Math.max(made - 1, 0) * 256, 1000);
      expect(board.count(WRITE), what).to.equal(1000 - moved);
      expect(board.bytes(buffer.physical, 1000), what).to.deep.equal([
        ...board.local(0, moved),
        ...new Array<number>(1000 - moved).fill(0),
      ]);
      expect(board.read(reg.S5933_MCSR) & ENABLE[WRITE], what).to.equal(0);
      expect(board.causes, what).to.equal(COMPLETE[WRITE] | reg.S5933_INTCSR_ASSERTED);
      expect(board.interrupts.statistics(0).lineChanges, what).to.equal(1);
      expect(board.run(), what).to.equal(0);
    }
  });

  it('a channel reset while nothing is going on drops the enable bit and says nothing', () => {
    const board = new Board();
    board.start(ENABLE[WRITE] | ENABLE[READ] | CHANNEL_RESET[READ]);
    expect(board.run()).to.equal(1);
    expect(board.read(reg.S5933_MCSR) & (ENABLE[WRITE] | ENABLE[READ])).to.equal(ENABLE[WRITE]);
    expect(board.causes).to.equal(0);
  });

  it('an add-on reset stops both channels without a word', () => {
    const board = new Board({ params: { burstBytes: 64 } });
    const buffer = board.map(1);
    for (const channel of [WRITE, READ]) board.program(channel, buffer.logical, 2048, channel * 4096);
    board.start(ENABLE[WRITE] | ENABLE[READ]);
    board.run(10);
    board.start(ENABLE[WRITE] | ENABLE[READ] | reg.S5933_MCSR_ADD_ON_RESET);
    expect(board.run()).to.equal(1);
    expect([board.count(WRITE), board.count(READ), board.causes]).to.deep.equal([2048 - 256, 2048 - 256, 0]);
    board.start(ENABLE[READ]);
    board.run();
    expect([board.count(WRITE), board.count(READ)]).to.deep.equal([2048 - 256, 0]);
  });

  it('takes turns, or prefers the channel that MCSR names', () => {
    const left = (control: number): number[] => {
      const board = new Board({ params: { burstBytes: 64 } });
      const buffer = board.map(1);
      for (const channel of [WRITE, READ]) board.program(channel, buffer.logical, 4096, channel * 8192);
      board.start(ENABLE[WRITE] | ENABLE[READ] | control);
      board.run(22);
      return [board.count(WRITE), board.count(READ)].map((count) => (4096 - count) / 64);
    };
    expect(left(0)).to.deep.equal([10, 10]);
    expect(left(reg.S5933_MCSR_WRITE_PRIORITY | reg.S5933_MCSR_READ_PRIORITY)).to.deep.equal([10, 10]);
    expect(left(reg.S5933_MCSR_WRITE_PRIORITY)).to.deep.equal([21, 0]);
    expect(left(reg.S5933_MCSR_READ_PRIORITY)).to.deep.equal([0, 21]);
  });

  it('a page of its own that refuses is a target abort, an address nobody claims a master abort; the rest stays in the count', () => {
    const board = new Board();
    const good = board.map(1, BusAccess.Read);
    board.fillPattern(good.physical, 4096, 9);
    board.program(READ, good.logical, 4096 + 64, 0);
    board.start(ENABLE[READ]);
    board.run();
    expect(board.view.iommu.takeFault()).to.include({ address: good.logical + 4096, kind: FaultKind.NotMapped, channel: READ });
    expect([board.count(READ), board.read(reg.S5933_MCSR) & ENABLE[READ]]).to.deep.equal([64, 0]);
    expect(board.causes).to.equal(reg.S5933_INTCSR_TARGET_ABORT | reg.S5933_INTCSR_ASSERTED);
    expect(board.local(0, 4096)).to.deep.equal(board.bytes(good.physical, 4096));
    board.write(reg.S5933_INTCSR, INT_ENABLES | reg.S5933_INTCSR_TARGET_ABORT);

    board.program(WRITE, good.logical, 8, 0);
    board.start(ENABLE[WRITE]);
    board.run();
    expect(board.view.iommu.takeFault()).to.include({ kind: FaultKind.WrongDirection, channel: WRITE });
    expect(board.causes).to.equal(reg.S5933_INTCSR_TARGET_ABORT | reg.S5933_INTCSR_ASSERTED);
    board.write(reg.S5933_INTCSR, INT_ENABLES | reg.S5933_INTCSR_TARGET_ABORT);

    board.program(READ, 0x1000, 8, 0);
    board.start(ENABLE[READ]);
    board.run();
    expect(board.view.iommu.takeFault()).to.include({ kind: FaultKind.OutsideDomain, address: 0x1000 });
    expect(board.causes).to.equal(reg.S5933_INTCSR_MASTER_ABORT | reg.S5933_INTCSR_ASSERTED);
    board.write(reg.S5933_INTCSR, INT_ENABLES | reg.S5933_INTCSR_MASTER_ABORT);

    board.program(READ, good.logical, 8, 0);
    board.start(ENABLE[READ]);
    board.run();
    expect(board.causes).to.equal(COMPLETE[READ] | reg.S5933_INTCSR_ASSERTED);
  });

  it('keeps a cause while it is masked and asserts the line when it is unmasked; writing zeros clears nothing', () => {
    const board = new Board();
    const buffer = board.map(1);
    board.write(reg.S5933_INTCSR, reg.S5933_INTCSR_READ_ENABLE);
    board.program(WRITE, buffer.logical, 16, 0);
    board.start(ENABLE[WRITE]);
    board.run();
    expect(board.interrupts.isAsserted(0)).to.equal(false);
    expect(board.read(reg.S5933_INTCSR)).to.equal(reg.S5933_INTCSR_READ_ENABLE | COMPLETE[WRITE]);
    board.write(reg.S5933_INTCSR, INT_ENABLES);
    expect(board.read(reg.S5933_INTCSR)).to.equal(INT_ENABLES | COMPLETE[WRITE] | reg.S5933_INTCSR_ASSERTED);
    expect([board.interrupts.hasAttention(), board.interrupts.isAsserted(0)]).to.deep.equal([true, true]);
  });

  it('a count of 0 written in the middle ends the transfer with its cause', () => {
    const board = new Board({ params: { burstBytes: 64 } });
    const buffer = board.map(1);
    board.program(READ, buffer.logical, 4096, 0);
    board.start(ENABLE[READ]);
    board.run(5);
    board.write(reg.S5933_MRTC, 0);
    expect(board.read(reg.S5933_MCSR) & COUNT_ZERO[READ]).to.equal(COUNT_ZERO[READ]);
    expect(board.run()).to.equal(2);
    expect(board.causes).to.equal(COMPLETE[READ] | reg.S5933_INTCSR_ASSERTED);
  });

  it('names the next access before it happens', () => {
    const board = new Board();
    const buffer = board.map(1);
    board.program(READ, buffer.logical, 64, 0);
    board.start(ENABLE[READ]);
    const kinds: string[] = [];
    for (let op = s5933.pending(board.view); op !== DONE; op = s5933.pending(board.view)) {
      kinds.push(opKindName(op));
      expect(s5933.step(board.view)).to.equal(true);
    }
    expect(kinds).to.deep.equal(['update', 'burst', 'signal']);
    expect(s5933.step(board.view)).to.equal(false);
  });

  it('has mailboxes that keep what is written, and no register at 0x20', () => {
    const board = new Board();
    for (let i = 0; i < reg.S5933_MAILBOXES; i++) board.write(reg.S5933_OMB1 + i * 4, 0xa0 + i);
    expect(board.read(reg.S5933_OMB1 + 12)).to.equal(0xa3);
    board.write(reg.S5933_IMB1, 5);
    expect(board.read(reg.S5933_IMB1)).to.equal(0);
    expect(() => board.read(0x20)).to.throw(/hits no register/);
  });
});
