import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DONE, OpKind, opKind } from '../../src/kernel/op.js';
import { LayoutBuilder, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import * as sdma from '../../src/hardware/index.js';
import {
  BusAccess,
  DeviceView,
  InterruptController,
  SdmaState,
  connectRequestLine,
  planDevice,
  planInterruptController,
  sdmaChannel,
  sdmaController,
  sdmaPort,
} from '../../src/hardware/index.js';

const RAM_FRAMES = 16;

/** A controller with three ports on its lines, and RAM that is open to it. */
class Board {
  readonly memory: MachineMemory;
  readonly controller: DeviceView;
  readonly ports: readonly DeviceView[];
  readonly ram: number;

  constructor(params: Record<string, number> = {}) {
    const layout = new LayoutBuilder();
    const interrupts = planInterruptController(layout, 8);
    const common = { ramFrames: RAM_FRAMES, firstVector: 0 };
    const placements = [0, 1, 2].map((index) =>
      planDevice(layout, sdmaPort, { ...common, name: `port-${index}`, index, objectId: 10 + index }),
    );
    const own = planDevice(layout, sdmaController, { ...common, name: 'sdma', index: 3, objectId: 13, params });
    this.ram = layout.reserve('ram', RAM_FRAMES * PAGE_SIZE, { align: PAGE_SIZE });
    this.memory = MachineMemory.create(layout.lengthBytes, false);
    const platform = { interrupts: new InterruptController(this.memory, interrupts), firstRamFrame: this.ram / PAGE_SIZE };
    this.ports = placements.map((placement) => new DeviceView(this.memory, sdmaPort, placement, platform));
    this.controller = new DeviceView(this.memory, sdmaController, own, platform);
    for (const view of [...this.ports, this.controller]) {
      view.powerOn();
      view.setBusMasterEnabled(true);
    }
    this.ports.forEach((port, line) => connectRequestLine(this.controller, line, port));
    const { iommu } = this.controller;
    for (let i = 0; i < RAM_FRAMES; i++)
      iommu.open(iommu.frameAddress(this.ram / PAGE_SIZE + i), this.ram / PAGE_SIZE + i, BusAccess.Read | BusAccess.Write, 1);
    for (let i = 0; i < RAM_FRAMES * PAGE_SIZE; i++) this.memory.u8[this.ram + i] = (i * 7 + (i >> 8)) & 0xff;
  }

  write(channel: number, register: number, value: number): void {
    this.controller.writeRegister(sdmaChannel(channel, register), 4, value);
  }

  read(channel: number, register: number): number {
    return this.controller.readRegister(sdmaChannel(channel, register), 4);
  }

  state(channel: number): number {
    return this.read(channel, sdma.SDMA_STATUS) & 0xff;
  }

  /** One element of RAM from byte `offset`. */
  start(channel: number, line: number, flags: number, lengthBytes: number, offset = 0, generation = 1): void {
    const address = this.controller.iommu.frameAddress(this.ram / PAGE_SIZE) + offset;
    this.write(channel, sdma.SDMA_ELEMENT0, address % 2 ** 32);
    this.write(channel, sdma.SDMA_ELEMENT0 + 4, Math.floor(address / 2 ** 32));
    this.write(channel, sdma.SDMA_ELEMENT0 + 8, lengthBytes);
    this.write(channel, sdma.SDMA_CONFIG, line | flags | (1 << sdma.SDMA_CONFIG_ELEMENTS_SHIFT) | (4 << sdma.SDMA_CONFIG_WIDTH_SHIFT));
    this.write(channel, sdma.SDMA_DEVICE_ADDRESS, sdma.PORT_FIFO);
    this.write(channel, sdma.SDMA_GENERATION, generation);
    this.write(channel, sdma.SDMA_COMMAND, sdma.SDMA_COMMAND_START);
  }

  stop(channel: number, generation: number): void {
    this.write(channel, sdma.SDMA_STOP_GENERATION, generation);
    this.write(channel, sdma.SDMA_COMMAND, sdma.SDMA_COMMAND_STOP);
  }

  ask(line: number, pointer: number, count: number): void {
    const port = this.ports[line]!;
    port.writeRegister(sdma.PORT_POINTER, 4, pointer);
    port.writeRegister(sdma.PORT_COUNT, 4, count);
    port.writeRegister(sdma.PORT_LINE, 4, 1);
  }

  run(limit = 10_000): number {
    let steps = 0;
    while (steps < limit && sdmaController.step(this.controller)) steps++;
    return steps;
  }

  ramBytes(offset: number, lengthBytes: number): number[] {
    return [...this.memory.u8.subarray(this.ram + offset, this.ram + offset + lengthBytes)];
  }

  portBytes(line: number, offset: number, lengthBytes: number): number[] {
    const at = this.ports[line]!.localMemory + offset;
    return [...this.memory.u8.subarray(at, at + lengthBytes)];
  }
}

describe('sdma, the system DMA controller', () => {
  it('in demand mode moves nothing before the device asks, then exactly what it asked for', () => {
    const board = new Board();
    board.start(0, 1, sdma.SDMA_CONFIG_DEMAND, 6000, 100);
    board.run();
    expect([board.state(0), board.read(0, sdma.SDMA_COUNTER)]).to.deep.equal([SdmaState.Running, 6000]);
    expect(sdmaController.pending(board.controller)).to.equal(DONE);
    board.ask(1, 0x200, 1000);
    board.run();
    expect([board.state(0), board.read(0, sdma.SDMA_COUNTER)]).to.deep.equal([SdmaState.Running, 5000]);
    expect(board.ports[1]!.readRegister(sdma.PORT_LINE, 4), 'the line dropped').to.equal(0);
    board.ask(1, 0x200 + 1000, 5000);
    board.run();
    expect(board.state(0)).to.equal(SdmaState.Done);
    expect(board.portBytes(1, 0x200, 6000)).to.deep.equal(board.ramBytes(100, 6000));
  });

  it('without demand mode moves at once; status, generation and cause are there before the message', () => {
    const board = new Board();
    board.memory.u8.fill(0x5a, board.ports[0]!.localMemory, board.ports[0]!.localMemory + 512);
    board.start(1, 0, sdma.SDMA_CONFIG_FROM_DEVICE, 512, 0, 0x1234);
    board.run();
    expect(board.ramBytes(0, 512)).to.deep.equal(Array(512).fill(0x5a));
    expect(board.read(1, sdma.SDMA_STATUS)).to.equal((0x1234 << 8) | SdmaState.Done);
    expect(board.controller.readRegister(sdma.SDMA_INT_CAUSE, 4)).to.equal(2);
    expect(board.controller.interrupts.isPending(0)).to.equal(true);
    board.controller.writeRegister(sdma.SDMA_INT_CAUSE, 4, 2);
    expect(board.controller.readRegister(sdma.SDMA_INT_CAUSE, 4)).to.equal(0);
  });

  it('a looped transfer starts over for ever and ends only by a stop, which drains and says Cancelled', () => {
    const board = new Board({ burstBytes: 256 });
    board.start(0, 0, sdma.SDMA_CONFIG_DEMAND | sdma.SDMA_CONFIG_LOOP, 1024);
    board.ask(0, 0, 3 * 1024 + 256);
    board.run();
    expect([board.state(0), board.read(0, sdma.SDMA_COUNTER)]).to.deep.equal([SdmaState.Running, 768]);
    for (let round = 0; round < 3; round++) expect(board.portBytes(0, round * 1024, 1024)).to.deep.equal(board.ramBytes(0, 1024));
    board.stop(0, 1);
    expect(opKind(sdmaController.pending(board.controller))).to.equal(OpKind.Update);
    sdmaController.step(board.controller);
    expect(board.state(0)).to.equal(SdmaState.Draining);
    board.run();
    expect(board.state(0)).to.equal(SdmaState.Cancelled);
  });

  it('a device with a ring goes round in it for ever, whatever COUNT says, and a burst never passes its end', () => {
    const board = new Board({ burstBytes: 256 });
    const port = board.ports[0]!;
    port.writeRegister(sdma.PORT_RING_START, 4, 0x100);
    port.writeRegister(sdma.PORT_RING_BYTES, 4, 640);
    port.writeRegister(sdma.PORT_POINTER, 4, 0x100);
    board.start(0, 0, sdma.SDMA_CONFIG_LOOP, 640);
    const positions: number[] = [];
    board.run(2);
    for (let burst = 0; burst < 6; burst++) {
      board.run(1);
      positions.push(port.readRegister(sdma.PORT_POINTER, 4) - 0x100);
    }
    expect(positions).to.deep.equal([256, 512, 0, 256, 512, 0]);
    expect(board.portBytes(0, 0x100, 640)).to.deep.equal(board.ramBytes(0, 640));
    expect(board.portBytes(0, 0x100 + 640, 16)).to.deep.equal(Array(16).fill(0));
  });

  it('the device address selects the bank of the memory, BURST the length of a burst', () => {
    const board = new Board({ burstBytes: 256 });
    board.write(0, sdma.SDMA_BURST, 64);
    board.start(0, 0, 0, 128);
    board.write(0, sdma.SDMA_DEVICE_ADDRESS, sdma.PORT_FIFO + 2 * sdma.PORT_FIFO_STRIDE);
    board.run(3);
    expect(board.read(0, sdma.SDMA_COUNTER)).to.equal(64);
    board.run();
    expect(board.portBytes(0, 2 * sdma.PORT_BANK_BYTES, 128)).to.deep.equal(board.ramBytes(0, 128));
    expect(board.portBytes(0, 0, 128)).to.deep.equal(Array(128).fill(0));
  });

  it('the counter is that of the new list as soon as a start was taken', () => {
    const board = new Board();
    board.start(0, 0, 0, 512);
    board.run();
    expect(board.read(0, sdma.SDMA_COUNTER)).to.equal(0);
    board.start(0, 0, sdma.SDMA_CONFIG_DEMAND, 1024);
    board.run(1);
    expect([board.state(0), board.read(0, sdma.SDMA_COUNTER)]).to.deep.equal([SdmaState.Armed, 1024]);
  });

  it('a stop that comes too late does not hit the next transfer', () => {
    const board = new Board();
    board.start(0, 0, 0, 64, 0, 1);
    board.run();
    board.stop(0, 1);
    board.start(0, 0, 0, 64, 0, 2);
    board.run();
    expect(board.read(0, sdma.SDMA_STATUS)).to.equal((2 << 8) | SdmaState.Done);
  });

  it('channels take turns burst by burst, or the lowest goes first', () => {
    const counters = (fixedPriority: number): number[] => {
      const board = new Board({ burstBytes: 64, fixedPriority });
      board.start(0, 0, 0, 640);
      board.start(1, 1, 0, 640);
      board.run(12);
      return [0, 1].map((channel) => board.read(channel, sdma.SDMA_COUNTER));
    };
    // Two start commands and two lists taken up; eight bursts.
    expect(counters(0)).to.deep.equal([640 - 4 * 64, 640 - 4 * 64]);
    const [first, second] = counters(1);
    expect([first, second]).to.deep.equal([0, 0]);
  });

  it('refuses what it cannot do: Error for a line without a device, a strange register, a ragged width, a page not mapped', () => {
    const outcome = (spoil: (board: Board) => void): number => {
      const board = new Board();
      spoil(board);
      board.run();
      return board.state(0);
    };
    expect(outcome((board) => board.start(0, 0, 0, 64))).to.equal(SdmaState.Done);
    expect(outcome((board) => board.start(0, 9, 0, 64))).to.equal(SdmaState.Error);
    expect(outcome((board) => board.start(0, 0, 0, 63))).to.equal(SdmaState.Error);
    expect(outcome((board) => board.start(0, 0, 0, 64, RAM_FRAMES * PAGE_SIZE))).to.equal(SdmaState.Error);
    expect(outcome((board) => (board.start(0, 0, 0, 64), board.write(0, sdma.SDMA_DEVICE_ADDRESS, 0x20)))).to.equal(SdmaState.Error);
    expect(outcome((board) => (board.ports[0]!.setPresent(false), board.start(0, 0, 0, 64)))).to.equal(SdmaState.Error);
  });
});
