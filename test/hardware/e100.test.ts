import { expect } from 'chai';
import { describe, it } from 'mocha';
import { atomics } from '../../src/memory/index.js';
import { BusAccess, e100Device } from '../../src/hardware/index.js';
import * as e100 from '../../src/hardware/e100-registers.js';
import { E100Cuc, E100Cus, E100Ruc, E100Rus } from '../../src/hardware/e100-registers.js';
import { low, Rig, type RigOptions } from './rig.js';

const TRANSMIT = e100.E100Opcode.Transmit << e100.E100_OPCODE_SHIFT;
const OK = e100.E100_COMPLETE | e100.E100_OK;
const BLOCK_STRIDE = 64;
const RFD_STRIDE = 2048;

interface Frame {
  readonly command?: number;
  /** Buffers behind array descriptors: page offset and length. */
  readonly pieces?: readonly (readonly [offset: number, lengthBytes: number])[];
}

/** The controller with a driver's hand on it: a page of command blocks, receive frame descriptors, a buffer for frames. */
class Board extends Rig {
  readonly blocks = this.map(1);
  readonly tbds = this.map(1);
  readonly rfds = this.map(4);
  readonly buffer = this.map(2, BusAccess.Read);

  constructor(options: RigOptions = {}) {
    super(e100Device, options);
    this.fillPattern(this.buffer.physical, 8192, 3);
    // Bases of both units: addresses of blocks and descriptors are offsets to them.
    this.command(E100Cuc.LoadBase, 0, low(this.blocks.logical));
    this.command(0, E100Ruc.LoadBase, low(this.rfds.logical));
  }

  get scb(): number {
    return this.view.readRegister(e100.E100_SCB, 4);
  }

  get causes(): number {
    return this.scb & e100.E100_CAUSES;
  }

  get cus(): number {
    return (this.scb & e100.E100_CUS_MASK) >> e100.E100_CUS_SHIFT;
  }

  get rus(): number {
    return (this.scb & e100.E100_RUS_MASK) >> e100.E100_RUS_SHIFT;
  }

  get dropped(): number {
    return this.view.readRegister(e100.E100_RX_DROPPED, 4);
  }

  acknowledge(causes: number): void {
    this.view.writeRegister(e100.E100_SCB_ACK, 1, causes >>> 8);
  }

  /** Writes the command byte and steps until the device has accepted it. */
  command(cu: number, ru: number, pointer = 0): void {
    this.view.writeRegister(e100.E100_GENERAL_POINTER, 4, pointer);
    this.view.writeRegister(e100.E100_SCB_COMMAND, 1, (cu << 4) | ru);
    expect(this.view.readRegister(e100.E100_SCB_COMMAND, 1)).to.equal((cu << 4) | ru);
    this.view.model.step(this.view);
    expect(this.view.readRegister(e100.E100_SCB_COMMAND, 1), 'accepted').to.equal(0);
  }

  port(operation: number): void {
    this.view.writeRegister(e100.E100_PORT, 4, operation);
    this.run();
    expect(this.view.readRegister(e100.E100_PORT, 4)).to.equal(e100.E100_PORT_IDLE);
  }

  #word(address: number, index: number): number {
    return address / 4 + index;
  }

  block(index: number): number {
    return this.blocks.physical + index * BLOCK_STRIDE;
  }

  rfd(index: number): number {
    return this.rfds.physical + index * RFD_STRIDE;
  }

  get(address: number, index: number): number {
    return atomics.load(this.memory.i32, this.#word(address, index));
  }

  set(address: number, index: number, value: number): void {
    this.memory.i32[this.#word(address, index)] = value;
  }

  /** A block that gathers its frame from buffers; the next one follows it. */
  writeBlock(index: number, { command = 0, pieces = [[0, 100]] }: Frame = {}): void {
    const at = this.block(index);
    const array = index * 64;
    pieces.forEach(([offset, lengthBytes], i) => {
      this.set(this.tbds.physical + array, i * 2, low(this.buffer.logical) + offset);
      this.set(this.tbds.physical + array, i * 2 + 1, lengthBytes);
    });
    this.set(at, e100.E100Block.StatusCommand, TRANSMIT | e100.E100_FLEXIBLE | command);
    this.set(at, e100.E100Block.Link, (index + 1) * BLOCK_STRIDE);
    this.set(at, e100.E100Block.Pointer, low(this.tbds.logical) + array);
    this.set(at, e100.E100Block.Count, pieces.length << e100.E100_TBD_COUNT_SHIFT);
  }

  writeRfd(index: number, sizeBytes = 1536, command = 0): void {
    this.set(this.rfd(index), e100.E100Block.StatusCommand, command);
    this.set(this.rfd(index), e100.E100Block.Link, (index + 1) * RFD_STRIDE);
    this.set(this.rfd(index), e100.E100Block.Count, sizeBytes << e100.E100_RFD_SIZE_SHIFT);
  }

  status(address: number): number {
    return this.get(address, e100.E100Block.StatusCommand) & 0xffff;
  }

  received(index: number): number[] {
    return this.bytes(this.rfd(index) + 16, this.get(this.rfd(index), e100.E100Block.Count) & e100.E100_COUNT_MASK);
  }
}

describe('e100', () => {
  it('gathers a frame from its buffers, sends it, and takes it in again, byte for byte', () => {
    const board = new Board({ params: { burstBytes: 64 } });
    board.writeRfd(0, 1536, e100.E100_END_OF_LIST);
    board.command(0, E100Ruc.Start);
    board.writeBlock(0, {
      command: e100.E100_SUSPEND | e100.E100_INTERRUPT,
      pieces: [
        [10, 14],
        [4000, 700],
        [5000, 1],
      ],
    });
    board.command(E100Cuc.Start, 0);
    board.run();
    const { physical } = board.buffer;
    expect(board.received(0)).to.deep.equal([
      ...board.bytes(physical + 10, 14),
      ...board.bytes(physical + 4000, 700),
      ...board.bytes(physical + 5000, 1),
    ]);
    expect([board.status(board.block(0)), board.status(board.rfd(0))]).to.deep.equal([OK, OK]);
    expect([board.cus, board.rus]).to.deep.equal([E100Cus.Suspended, E100Rus.NoResources]);
    expect(board.causes).to.equal(e100.E100_CAUSE_CX | e100.E100_CAUSE_CNA | e100.E100_CAUSE_FR | e100.E100_CAUSE_RNR);
    expect(board.view.iommu.takeFault()).to.equal(null);
  });

  it('writes the status of a frame after its data and its count, never before', () => {
    const board = new Board({ params: { burstBytes: 32 } });
    board.writeRfd(0, 1536, e100.E100_END_OF_LIST);
    board.command(0, E100Ruc.Start);
    board.writeBlock(0, { command: e100.E100_END_OF_LIST, pieces: [[0, 300]] });
    board.command(E100Cuc.Start, 0);
    let steps = 0;
    while (board.status(board.rfd(0)) === 0 && board.view.model.step(board.view)) steps++;
    expect(steps).to.be.greaterThan(2 * Math.ceil(300 / 32));
    expect(board.received(0)).to.deep.equal(board.bytes(board.buffer.physical, 300));
    expect(board.causes & e100.E100_CAUSE_FR, 'nor the cause before the status').to.equal(0);
  });

  it('follows links to EL, where it is idle; a start is needed, a resume does nothing', () => {
    const board = new Board();
    for (const index of [0, 1, 2]) board.writeBlock(index, { command: index === 2 ? e100.E100_END_OF_LIST : 0 });
    board.command(E100Cuc.Start, 0);
    expect(board.cus).to.equal(E100Cus.Active);
    board.run();
    expect([0, 1, 2].map((index) => board.status(board.block(index)))).to.deep.equal([OK, OK, OK]);
    expect([board.cus, board.causes]).to.deep.equal([E100Cus.Idle, e100.E100_CAUSE_CNA]);
    board.writeBlock(3, { command: e100.E100_END_OF_LIST });
    board.command(E100Cuc.Resume, 0);
    board.run();
    expect(board.status(board.block(3))).to.equal(0);
    board.command(E100Cuc.Start, 0, 3 * BLOCK_STRIDE);
    board.run();
    expect(board.status(board.block(3))).to.equal(OK);
  });

  it('resumes behind a suspended block when its S bit is gone, and stays when it is not', () => {
    const board = new Board();
    board.writeBlock(0, { command: e100.E100_SUSPEND });
    board.writeBlock(1, { command: e100.E100_SUSPEND });
    board.command(E100Cuc.Start, 0);
    board.run();
    board.command(E100Cuc.Resume, 0);
    board.run();
    expect([board.cus, board.status(board.block(1))]).to.deep.equal([E100Cus.Suspended, 0]);
    atomics.and(board.memory.i32, board.block(0) / 4, ~e100.E100_SUSPEND);
    board.command(E100Cuc.Resume, 0);
    board.run();
    expect([board.cus, board.status(board.block(1))]).to.deep.equal([E100Cus.Suspended, OK]);
  });

  it('looks again when the resume comes while it is active, wherever it stands (rule D32)', () => {
    for (let before = 1; ; before++) {
      const board = new Board();
      board.writeBlock(0, { command: e100.E100_SUSPEND });
      board.writeBlock(1, { command: e100.E100_SUSPEND });
      board.command(E100Cuc.Start, 0);
      for (let i = 0; i < before; i++) board.view.model.step(board.view);
      const isActive = board.cus === E100Cus.Active;
      atomics.and(board.memory.i32, board.block(0) / 4, ~e100.E100_SUSPEND);
      board.command(E100Cuc.Resume, 0);
      board.run();
      expect(board.status(board.block(1)), `after ${before} steps`).to.equal(OK);
      if (!isActive) {
        expect(before).to.be.greaterThan(3);
        break;
      }
    }
  });

  it('neither an empty frame nor one beyond 1536 bytes goes out', () => {
    for (const lengthBytes of [0, 1537]) {
      const board = new Board();
      board.writeRfd(0, 2000);
      board.command(0, E100Ruc.Start);
      board.writeBlock(0, { command: e100.E100_END_OF_LIST, pieces: [[0, lengthBytes]] });
      board.command(E100Cuc.Start, 0);
      board.run();
      expect(board.status(board.block(0))).to.equal(e100.E100_COMPLETE | e100.E100_UNDERRUN);
      expect([board.status(board.rfd(0)), board.dropped]).to.deep.equal([0, 0]);
    }
  });

  it('drops what comes in before the receive unit is started, and after it ran out, and counts it', () => {
    const board = new Board();
    const send = (index: number): void => {
      board.writeBlock(index, { command: e100.E100_END_OF_LIST });
      board.command(E100Cuc.Start, 0, index * BLOCK_STRIDE);
      board.run();
    };
    send(0);
    expect([board.dropped, board.rus]).to.deep.equal([1, E100Rus.Idle]);
    board.writeRfd(0, 1536, e100.E100_END_OF_LIST);
    board.command(0, E100Ruc.Start);
    send(1);
    expect([board.dropped, board.rus, board.status(board.rfd(0))]).to.deep.equal([1, E100Rus.NoResources, OK]);
    send(2);
    expect(board.dropped).to.equal(2);
    board.writeRfd(1, 1536, e100.E100_END_OF_LIST);
    board.command(0, E100Ruc.Start, RFD_STRIDE);
    send(3);
    expect([board.dropped, board.status(board.rfd(1))]).to.deep.equal([2, OK]);
    board.command(0, E100Ruc.Abort);
    expect(board.rus).to.equal(E100Rus.Idle);
  });

  it('cuts off a frame that is longer than its descriptor and says so', () => {
    const board = new Board();
    board.writeRfd(0, 60, e100.E100_END_OF_LIST);
    board.command(0, E100Ruc.Start);
    board.writeBlock(0, { command: e100.E100_END_OF_LIST });
    board.command(E100Cuc.Start, 0);
    board.run();
    expect(board.status(board.rfd(0))).to.equal(e100.E100_COMPLETE | e100.E100_OVERRUN);
    expect(board.received(0)).to.deep.equal(board.bytes(board.buffer.physical, 60));
    expect(board.bytes(board.rfd(0) + 76, 40)).to.deep.equal(new Array(40).fill(0));
  });

  it('clears causes by writing 1, those alone; a masked cause holds the line back until it is unmasked', () => {
    const board = new Board();
    board.view.writeRegister(e100.E100_SCB_MASK, 1, 1);
    board.writeBlock(0, { command: e100.E100_END_OF_LIST | e100.E100_INTERRUPT });
    board.command(E100Cuc.Start, 0);
    board.run();
    expect(board.causes).to.equal(e100.E100_CAUSE_CX | e100.E100_CAUSE_CNA);
    expect(board.interrupts.isAsserted(0)).to.equal(false);
    board.view.writeRegister(e100.E100_SCB_MASK, 1, 0);
    expect(board.interrupts.isAsserted(0)).to.equal(true);
    board.acknowledge(e100.E100_CAUSE_CX);
    expect(board.causes).to.equal(e100.E100_CAUSE_CNA);
    expect(board.interrupts.isAsserted(0)).to.equal(true);
    board.acknowledge(0);
    expect(board.causes, 'a 0 clears nothing').to.equal(e100.E100_CAUSE_CNA);
    board.acknowledge(e100.E100_CAUSE_CNA);
    expect([board.causes, board.interrupts.isAsserted(0)]).to.deep.equal([0, false]);
  });

  it('raises its software interrupt through the mask byte', () => {
    const board = new Board();
    board.view.writeRegister(e100.E100_SCB_MASK, 1, 2);
    board.run();
    expect([board.causes, board.view.readRegister(e100.E100_SCB_MASK, 1)]).to.deep.equal([e100.E100_CAUSE_SWI, 0]);
    expect(board.interrupts.isAsserted(0)).to.equal(true);
  });

  it('is reset through PORT: selective keeps causes and bases, software does not', () => {
    for (const operation of [e100.E100Port.SelectiveReset, e100.E100Port.SoftwareReset]) {
      const isFull = operation === e100.E100Port.SoftwareReset;
      const board = new Board();
      board.writeRfd(0);
      board.command(0, E100Ruc.Start);
      board.writeBlock(0, { command: e100.E100_SUSPEND | e100.E100_INTERRUPT });
      board.command(E100Cuc.Start, 0);
      board.run();
      board.port(operation);
      expect([board.cus, board.rus]).to.deep.equal([E100Cus.Idle, E100Rus.Idle]);
      const kept = e100.E100_CAUSE_CX | e100.E100_CAUSE_CNA | e100.E100_CAUSE_FR;
      expect([board.causes, board.interrupts.isAsserted(0)]).to.deep.equal(isFull ? [0, false] : [kept, true]);
      board.writeBlock(1, { command: e100.E100_END_OF_LIST });
      board.command(E100Cuc.Start, 0, BLOCK_STRIDE);
      board.run();
      // Without its base the unit looks at an address nobody mapped, and stops.
      expect(board.status(board.block(1))).to.equal(isFull ? 0 : OK);
      expect(board.view.iommu.takeFault() !== null).to.equal(isFull);
    }
  });

  it('stops where the translation table refuses a block or a buffer, and nothing is sent', () => {
    const board = new Board();
    board.command(E100Cuc.Start, 0, 0x80_0000);
    board.run();
    expect([board.cus, board.causes, board.view.iommu.takeFault() !== null]).to.deep.equal([E100Cus.Idle, e100.E100_CAUSE_CNA, true]);
    board.writeBlock(0, { command: e100.E100_END_OF_LIST, pieces: [[0x80_0000, 100]] });
    board.command(E100Cuc.Start, 0);
    board.run();
    expect(board.status(board.block(0))).to.equal(e100.E100_COMPLETE | e100.E100_UNDERRUN);
    expect([board.dropped, board.view.iommu.takeFault() !== null]).to.deep.equal([0, true]);
  });

  it('answers all ones when it is gone, and moves nothing any more', () => {
    const board = new Board();
    board.writeBlock(0, { command: e100.E100_END_OF_LIST });
    board.command(E100Cuc.Start, 0);
    board.view.unplug();
    expect([board.run(), board.scb >>> 0, board.status(board.block(0))]).to.deep.equal([0, 0xffff_ffff, 0]);
  });
});
