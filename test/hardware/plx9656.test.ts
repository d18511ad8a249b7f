import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { DONE, opKindName } from '../../src/kernel/op.js';
import * as plx from '../../src/hardware/index.js';
import { BusAccess, FaultKind, PlxDte, plx9656 } from '../../src/hardware/index.js';
import { high, low, Rig, type RigOptions } from './rig.js';

interface Element {
  readonly address: number;
  readonly local: number;
  readonly size: number;
}

const ENABLES = plx.PLX_INTCSR_PCI_ENABLE | plx.PLX_INTCSR_DMA0_ENABLE | plx.PLX_INTCSR_DMA1_ENABLE;
const MODE = plx.PLX_MODE_CHAIN | plx.PLX_MODE_DONE_INTERRUPT | plx.PLX_MODE_INTERRUPT_TO_PCI;
const START = plx.PLX_CSR_ENABLE | plx.PLX_CSR_START;

/** The bridge with a page of transfer elements and a driver's hand on it. */
class Bridge extends Rig {
  readonly chain = this.map(1);

  constructor(options: RigOptions = {}) {
    super(plx9656, options);
    this.view.writeRegister(plx.PLX_INTCSR, 4, ENABLES);
  }

  csr(channel: number): number {
    return this.view.readRegister(plx.PLX_DMACSR0 + channel, 1);
  }

  command(channel: number, bits: number): void {
    this.view.writeRegister(plx.PLX_DMACSR0 + channel, 1, bits);
  }

  /** Writes the elements and programs the channel, without starting it. */
  program(channel: number, elements: readonly Element[], extraMode = 0, offset = channel * 2048): void {
    const direction = channel === 0 ? 0 : plx.PLX_DPR_FROM_DEVICE;
    elements.forEach((element, i) => {
      const at = (this.chain.physical + offset + i * 32) >> 2;
      const next = low(this.chain.logical) + offset + (i + 1) * 32;
      const end = i === elements.length - 1 ? plx.PLX_DPR_END_OF_CHAIN : 0;
      this.memory.i32[at + PlxDte.PciAddressLow] = low(element.address);
      this.memory.i32[at + PlxDte.PciAddressHigh] = high(element.address);
      this.memory.i32[at + PlxDte.LocalAddress] = element.local;
      this.memory.i32[at + PlxDte.TransferSize] = element.size;
      this.memory.i32[at + PlxDte.DescriptorPointer] = next | plx.PLX_DPR_IN_HOST_MEMORY | direction | end;
    });
    const stride = channel * plx.PLX_CHANNEL_STRIDE;
    this.view.writeRegister(plx.PLX_DMAMODE0 + stride, 4, MODE | extraMode);
    this.view.writeRegister(plx.PLX_DMADPR0 + stride, 4, (low(this.chain.logical) + offset) | plx.PLX_DPR_IN_HOST_MEMORY | direction);
  }

  residual(channel: number, element: number): number {
    return this.memory.i32[((this.chain.physical + channel * 2048 + element * 32) >> 2) + PlxDte.TransferSize]!;
  }

  sram(offset: number, lengthBytes: number): number[] {
    return this.bytes(this.view.localMemory + offset, lengthBytes);
  }
}

describe('plx9656', () => {
  it('moves a chain to the device, byte for byte, and interrupts', () => {
    const bridge = new Bridge({ params: { burstBytes: 512 } });
    const buffer = bridge.map(3);
    bridge.fillPattern(buffer.physical, 3 * 4096, 5);
    bridge.program(0, [
      { address: buffer.logical + 100, local: 64, size: 5000 },
      { address: buffer.logical + 8192, local: 64 + 5000, size: 1111 },
    ]);
    expect(bridge.run()).to.equal(0);
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_DONE);
    bridge.command(0, START);
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_ENABLE);
    bridge.run();
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_ENABLE | plx.PLX_CSR_DONE);
    expect(bridge.sram(64, 5000)).to.deep.equal(bridge.bytes(buffer.physical + 100, 5000));
    expect(bridge.sram(5064, 1111)).to.deep.equal(bridge.bytes(buffer.physical + 8192, 1111));
    expect(bridge.sram(0, 64).concat(bridge.sram(6175, 64))).to.deep.equal(new Array(128).fill(0));
    expect(bridge.view.readRegister(plx.PLX_INTCSR, 4)).to.equal(ENABLES | plx.PLX_INTCSR_DMA0_ACTIVE);
    expect(bridge.interrupts.isAsserted(0)).to.equal(true);
    bridge.command(0, plx.PLX_CSR_ENABLE | plx.PLX_CSR_CLEAR_INTERRUPT);
    expect(bridge.view.readRegister(plx.PLX_INTCSR, 4)).to.equal(ENABLES);
    expect(bridge.interrupts.isAsserted(0)).to.equal(false);
    expect(bridge.interrupts.hasAttention()).to.equal(false);
  });

  it('moves bytes of any length from any offset in both directions', () => {
    const element = fc.record({
      offset: fc.integer({ min: 0, max: 8191 }),
      local: fc.integer({ min: 0, max: 100_000 }),
      size: fc.integer({ min: 0, max: 9000 }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1),
        fc.array(element, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(64, 1024, 4096),
        (channel, elements, burstBytes) => {
          const bridge = new Bridge({ params: { burstBytes }, ramFrames: 64 });
          const buffers = elements.map(() => bridge.map(5, channel === 0 ? BusAccess.Read : BusAccess.Write));
          elements.forEach((e, i) =>
            bridge.fillPattern(channel === 0 ? buffers[i]!.physical : bridge.view.localMemory + e.local, 20_000, i),
          );
          const before = bridge.bytes(bridge.view.localMemory, plx.PLX_SRAM_BYTES);
          bridge.program(
            channel,
            elements.map((e, i) => ({ address: buffers[i]!.logical + e.offset, local: e.local, size: e.size })),
            plx.PLX_MODE_CLEAR_COUNT,
          );
          bridge.command(channel, START);
          bridge.run();
          elements.forEach((e, i) => {
            const host = bridge.bytes(buffers[i]!.physical + e.offset, e.size);
            const last = elements.every((later, j) => j <= i || later.local >= e.local + e.size || later.local + later.size <= e.local);
            if (channel === 1) expect(host).to.deep.equal(before.slice(e.local, e.local + e.size));
            else if (last) expect(bridge.sram(e.local, e.size)).to.deep.equal(host);
            expect(bridge.residual(channel, i)).to.equal(0);
          });
          expect(bridge.view.iommu.takeFault()).to.equal(null);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('splits bursts at pages, whose frames are not adjacent', () => {
    const bridge = new Bridge({ windowSlots: 8 });
    const buffer = bridge.mapReversed(4);
    bridge.fillPattern(bridge.view.localMemory, 12_000, 8);
    bridge.program(1, [{ address: buffer.logical + 1000, local: 0, size: 12_000 }]);
    bridge.command(1, START);
    bridge.run();
    const written = Array.from({ length: 12_000 }, (_, i) => bridge.memory.u8[buffer.physical(1000 + i)]!);
    expect(written).to.deep.equal(bridge.sram(0, 12_000));
  });

  it('stops after the burst when aborted, and leaves the residual and the end-of-chain bit', () => {
    const bridge = new Bridge({ params: { burstBytes: 256 } });
    const buffer = bridge.map(1);
    bridge.fillPattern(bridge.view.localMemory, 4096, 3);
    bridge.program(1, [{ address: buffer.logical, local: 0, size: 1000 }], plx.PLX_MODE_CLEAR_COUNT);
    bridge.command(1, START);
    bridge.run(4); // start, fetch, two bursts
    bridge.command(1, plx.PLX_CSR_ABORT);
    bridge.run();
    expect(bridge.csr(1)).to.equal(plx.PLX_CSR_DONE);
    expect(bridge.residual(1, 0)).to.equal(1000 - 512);
    expect(bridge.bytes(buffer.physical, 512)).to.deep.equal(bridge.sram(0, 512));
    expect(bridge.bytes(buffer.physical + 512, 488)).to.deep.equal(new Array(488).fill(0));
    const pointer = bridge.memory.i32[((bridge.chain.physical + 2048) >> 2) + PlxDte.DescriptorPointer]!;
    expect(pointer & plx.PLX_DPR_END_OF_CHAIN).to.equal(plx.PLX_DPR_END_OF_CHAIN);
    expect(bridge.interrupts.isAsserted(0)).to.equal(true);
  });

  it('an abort of a channel that was done does not stop what is started behind it, even when the device sees both at once', () => {
    const bridge = new Bridge({ params: { burstBytes: 256 } });
    const buffer = bridge.map(1);
    bridge.fillPattern(bridge.view.localMemory, 4096, 3);
    bridge.program(1, [{ address: buffer.logical, local: 0, size: 1000 }], plx.PLX_MODE_CLEAR_COUNT);
    bridge.command(1, plx.PLX_CSR_ABORT);
    bridge.command(1, START);
    bridge.run();
    expect(bridge.bytes(buffer.physical, 1000)).to.deep.equal(bridge.sram(0, 1000));
    expect(bridge.residual(1, 0)).to.equal(0);
  });

  it('ends with Done for an abort at any moment, exactly once', () => {
    for (let steps = 0; steps < 14; steps++) {
      const bridge = new Bridge({ params: { burstBytes: 256 } });
      const buffer = bridge.map(1);
      bridge.program(
        0,
        [
          { address: buffer.logical, local: 0, size: 700 },
          { address: buffer.logical + 1024, local: 1024, size: 700 },
        ],
        plx.PLX_MODE_CLEAR_COUNT,
      );
      bridge.command(0, START);
      const made = bridge.run(steps);
      bridge.command(0, 0);
      bridge.command(0, plx.PLX_CSR_ABORT);
      bridge.run();
      expect(bridge.csr(0) & plx.PLX_CSR_DONE, `abort after ${made} steps`).to.equal(plx.PLX_CSR_DONE);
      expect(bridge.interrupts.statistics(0).lineChanges, `abort after ${made} steps`).to.equal(1);
    }
  });

  it('pauses while the enable bit is clear and goes on with it', () => {
    const bridge = new Bridge({ params: { burstBytes: 256 } });
    const buffer = bridge.map(1);
    bridge.fillPattern(buffer.physical, 4096, 1);
    bridge.program(0, [{ address: buffer.logical, local: 0, size: 4096 }]);
    bridge.command(0, START);
    bridge.run(5);
    bridge.command(0, 0);
    expect(bridge.run()).to.equal(0);
    bridge.command(0, plx.PLX_CSR_ENABLE);
    bridge.run();
    expect(bridge.sram(0, 4096)).to.deep.equal(bridge.bytes(buffer.physical, 4096));
  });

  it('lets both channels advance in turn', () => {
    const bridge = new Bridge({ params: { burstBytes: 64 } });
    const [a, b] = [bridge.map(1), bridge.map(1)];
    bridge.program(0, [{ address: a.logical, local: 0, size: 4096 }]);
    bridge.program(1, [{ address: b.logical, local: 8192, size: 4096 }]);
    bridge.command(0, START);
    bridge.command(1, START);
    bridge.run(40);
    const moved = (channel: number): number => bridge.view.describeRegisters().find((r) => r.name === `channel${channel}.Moved`)!.value;
    expect(moved(0)).to.equal(18 * 64);
    expect(moved(1)).to.equal(18 * 64);
  });

  it('reports a page that is not mapped, stops with Done and Error, and can be started again', () => {
    const bridge = new Bridge();
    const good = bridge.map(1, BusAccess.Read);
    bridge.fillPattern(good.physical, 4096, 9);
    bridge.program(
      0,
      [
        { address: good.logical, local: 0, size: 4096 },
        { address: good.logical + 4096, local: 4096, size: 64 },
      ],
      plx.PLX_MODE_CLEAR_COUNT,
    );
    bridge.command(0, START);
    bridge.run();
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_ENABLE | plx.PLX_CSR_DONE | plx.PLX_CSR_ERROR);
    expect([bridge.residual(0, 0), bridge.residual(0, 1)]).to.deep.equal([0, 64]);
    expect(bridge.sram(0, 4096)).to.deep.equal(bridge.bytes(good.physical, 4096));
    expect(bridge.view.iommu.takeFault()).to.include({ address: good.logical + 4096, kind: FaultKind.NotMapped, channel: 0 });
    bridge.program(0, [{ address: good.logical, local: 100, size: 10 }]);
    bridge.command(0, START);
    bridge.run();
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_ENABLE | plx.PLX_CSR_DONE);
    // The other direction of the same page is refused.
    bridge.program(1, [{ address: good.logical, local: 0, size: 10 }]);
    bridge.command(1, START);
    bridge.run();
    expect(bridge.csr(1) & plx.PLX_CSR_ERROR).to.equal(plx.PLX_CSR_ERROR);
    expect(bridge.view.iommu.takeFault()).to.include({ kind: FaultKind.WrongDirection, channel: 1 });
  });

  it('stops with Error at a chain pointer outside its memory and at a local address beyond the SRAM', () => {
    const bridge = new Bridge();
    bridge.view.writeRegister(plx.PLX_DMAMODE0, 4, MODE);
    bridge.view.writeRegister(plx.PLX_DMADPR0, 4, 0x10 | plx.PLX_DPR_IN_HOST_MEMORY);
    bridge.command(0, START);
    bridge.run();
    expect(bridge.csr(0) & plx.PLX_CSR_ERROR).to.equal(plx.PLX_CSR_ERROR);
    expect(bridge.view.iommu.takeFault()).to.include({ kind: FaultKind.OutsideDomain, address: 0x10 });
    const buffer = bridge.map(1);
    bridge.program(0, [{ address: buffer.logical, local: plx.PLX_SRAM_BYTES - 8, size: 16 }]);
    bridge.command(0, START);
    bridge.run();
    expect(bridge.csr(0) & plx.PLX_CSR_ERROR).to.equal(plx.PLX_CSR_ERROR);
  });

  it('has a block mode, and ignores starts without enable', () => {
    const bridge = new Bridge();
    const buffer = bridge.map(1);
    bridge.fillPattern(buffer.physical, 4096, 2);
    bridge.view.writeRegister(plx.PLX_DMAPADR0, 4, low(buffer.logical) + 10);
    bridge.view.writeRegister(plx.PLX_DMALADR0, 4, 77);
    bridge.view.writeRegister(plx.PLX_DMASIZ0, 4, 1000);
    bridge.command(0, plx.PLX_CSR_START);
    bridge.run();
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_DONE);
    expect(bridge.sram(77, 10)).to.deep.equal(new Array(10).fill(0));
    bridge.command(0, START);
    bridge.run();
    expect(bridge.sram(77, 1000)).to.deep.equal(bridge.bytes(buffer.physical + 10, 1000));
    expect(bridge.interrupts.statistics(0).lineChanges).to.equal(0);
  });

  it('keeps a cause while it is masked and asserts the line when it is unmasked', () => {
    const bridge = new Bridge();
    const buffer = bridge.map(1);
    bridge.view.writeRegister(plx.PLX_INTCSR, 4, plx.PLX_INTCSR_DMA0_ENABLE);
    bridge.program(0, [{ address: buffer.logical, local: 0, size: 16 }]);
    bridge.command(0, START);
    bridge.run();
    expect(bridge.interrupts.isAsserted(0)).to.equal(false);
    bridge.view.writeRegister(plx.PLX_INTCSR, 4, ENABLES);
    expect(bridge.interrupts.hasAttention()).to.equal(true);
    expect(bridge.interrupts.isAsserted(0)).to.equal(true);
  });

  it('forgets everything in a software reset and stands still until it is released', () => {
    const bridge = new Bridge({ params: { burstBytes: 64 } });
    const buffer = bridge.map(1);
    bridge.program(0, [{ address: buffer.logical, local: 0, size: 4096 }]);
    bridge.command(0, START);
    bridge.run(6);
    bridge.view.writeRegister(plx.PLX_CNTRL, 4, plx.PLX_CNTRL_SOFTWARE_RESET);
    expect(bridge.view.readRegister(plx.PLX_DMAMODE0, 4)).to.equal(0);
    expect(bridge.run()).to.equal(1);
    bridge.view.writeRegister(plx.PLX_INTCSR, 4, ENABLES);
    bridge.program(0, [{ address: buffer.logical, local: 0, size: 64 }]);
    bridge.command(0, START);
    expect(bridge.run()).to.equal(0);
    bridge.view.writeRegister(plx.PLX_CNTRL, 4, 0);
    bridge.run();
    expect(bridge.csr(0)).to.equal(plx.PLX_CSR_ENABLE | plx.PLX_CSR_DONE);
  });

  it('names the next access before it happens', () => {
    const bridge = new Bridge();
    const buffer = bridge.map(1);
    bridge.program(0, [{ address: buffer.logical, local: 0, size: 64 }], plx.PLX_MODE_CLEAR_COUNT);
    bridge.command(0, START);
    const kinds: string[] = [];
    for (let op = plx9656.pending(bridge.view); op !== DONE; op = plx9656.pending(bridge.view)) {
      kinds.push(opKindName(op));
      expect(plx9656.step(bridge.view)).to.equal(true);
    }
    expect(kinds).to.deep.equal(['update', 'read', 'burst', 'write', 'signal']);
    expect(plx9656.step(bridge.view)).to.equal(false);
  });
});
