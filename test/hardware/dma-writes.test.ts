import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  DMA_WRITES_MAX,
  DmaWrites,
  E100_SCB,
  PLX_DMACSR0,
  PLX_INTCSR,
  SGRING_CQ_TAIL,
  SGRING_INT_CAUSE,
  e100Device,
  planDmaWrites,
  plx9656,
  s5933,
  sgring,
  sgringRegister,
  type DeviceView,
} from '../../src/hardware/index.js';
import { LayoutBuilder, MachineMemory, PAGE_SIZE } from '../../src/memory/index.js';
import { Rig } from './rig.js';
import { SgringDriver } from './sgring-driver.js';

const SCRATCH = 64 * 1024;

function bench(): { writes: DmaWrites; memory: MachineMemory; at: number; lengthBytes: number; scratch: number } {
  const layout = new LayoutBuilder();
  const at = planDmaWrites(layout, 'board.data');
  const { lengthBytes } = layout.regions[0]!;
  const scratch = layout.reserve('scratch', SCRATCH);
  const memory = MachineMemory.create(layout.lengthBytes, false);
  return { writes: new DmaWrites(memory, at), memory, at, lengthBytes, scratch };
}

describe('DmaWrites', () => {
  it('shows a copy, a store and an or when they arrive, as they were issued, the oldest first', () => {
    const { writes, memory, scratch } = bench();
    const source = scratch + PAGE_SIZE;
    memory.fill(source, 7, PAGE_SIZE);
    writes.copy(scratch, source, PAGE_SIZE);
    memory.fill(source, 9, PAGE_SIZE);
    writes.store(scratch, 0x100);
    writes.or(scratch, 3);
    expect([writes.count, memory.u8[scratch]]).to.deep.equal([3, 0]);
    writes.arriveOne();
    expect([writes.count, memory.u8[scratch], memory.u8[scratch + PAGE_SIZE - 1]]).to.deep.equal([2, 7, 7]);
    writes.arriveOne();
    expect(memory.i32[scratch / 4]).to.equal(0x100);
    writes.flush();
    expect([writes.count, memory.i32[scratch / 4]]).to.deep.equal([0, 0x103]);
  });

  it('is bounded: one write more pushes the oldest out', () => {
    const { writes, memory, scratch } = bench();
    for (let i = 0; i < 50; i++) {
      writes.store(scratch, i);
      expect(writes.count).to.equal(Math.min(i + 1, DMA_WRITES_MAX));
      expect(memory.i32[scratch / 4]).to.equal(Math.max(0, i - DMA_WRITES_MAX));
    }
    writes.flush();
    expect(memory.i32[scratch / 4]).to.equal(49);
  });

  it('forgets what is discarded, and what its memory forgets', () => {
    const { writes, memory, at, lengthBytes, scratch } = bench();
    writes.store(scratch, 1);
    writes.discard();
    expect(writes.count).to.equal(0);
    writes.store(scratch, 2);
    memory.clear(at, lengthBytes);
    writes.flush();
    expect(memory.i32[scratch / 4]).to.equal(0);
  });
});

/** A device that holds back data, status, or both; one of each is on its way to two words of memory. */
function late(model: Parameters<typeof viewOf>[0], data: boolean, status: boolean): { view: DeviceView; seen: () => number[] } {
  const { rig, view } = viewOf(model, data, status);
  const { physical } = rig.map(1);
  const source = view.localMemory;
  view.words[source >> 2] = 5;
  view.writeMemory(physical, source, 4);
  view.storeStatus((physical >> 2) + 1, 1);
  return { view, seen: () => [rig.memory.i32[physical >> 2]!, rig.memory.i32[(physical >> 2) + 1]!] };
}

function viewOf(
  model: ConstructorParameters<typeof Rig>[0],
  delaysData: boolean,
  delaysWriteBack: boolean,
): { rig: Rig; view: DeviceView } {
  const rig = new Rig(model, { device: { delaysData, delaysWriteBack } });
  return { rig, view: rig.view };
}

describe('what a device writes to memory', () => {
  it('is there at once where nothing is held back, and always of devices with messages, whose data travels ahead of them', () => {
    for (const model of [plx9656, s5933, e100Device]) expect(late(model, false, false).seen()).to.deep.equal([5, 1]);
    expect(late(sgring, true, false).seen()).to.deep.equal([5, 1]);
    expect(late(sgring, true, true).seen()).to.deep.equal([5, 0]);
  });

  it('is on its way on a machine with late data, status behind it, until a register of the device is read', () => {
    for (const [model, register] of [
      [plx9656, PLX_INTCSR],
      [e100Device, E100_SCB],
      [s5933, 0x38],
    ] as const) {
      const { view, seen } = late(model, true, false);
      expect(seen()).to.deep.equal([0, 0]);
      view.dataWrites!.arriveOne();
      expect(seen()).to.deep.equal([5, 0]);
      view.pushAheadOfRead(register);
      expect(seen()).to.deep.equal([5, 1]);
    }
  });

  it('goes ahead of what the device reads from memory', () => {
    const { view, seen } = late(plx9656, true, false);
    view.iommu.translate(0, view.iommu.frameBase, 0, 4, 2, 0);
    expect(seen(), 'a write pushes nothing').to.deep.equal([0, 0]);
    view.iommu.translate(0, view.iommu.frameBase, 0, 4, 1, 0);
    expect(seen()).to.deep.equal([5, 1]);
  });

  it('status held back comes with the register of which the device says so, and with no other', () => {
    for (const [model, others, register] of [
      [plx9656, [PLX_INTCSR], PLX_DMACSR0 + 1],
      [sgring, [sgringRegister(0, SGRING_CQ_TAIL), 0], sgringRegister(0, SGRING_INT_CAUSE)],
      [e100Device, [0x10], E100_SCB + 1],
    ] as const) {
      const { view, seen } = late(model, false, true);
      for (const other of others) view.pushAheadOfRead(other);
      expect(seen(), model.name).to.deep.equal([5, 0]);
      view.pushAheadOfRead(register);
      expect(seen(), model.name).to.deep.equal([5, 1]);
    }
  });

  it('status never comes before the data that was written before it', () => {
    const { view, seen } = late(plx9656, true, true);
    expect(seen()).to.deep.equal([0, 0]);
    view.writeBackOne();
    expect(seen()).to.deep.equal([5, 1]);
  });

  it('a message goes behind all of it', () => {
    const { view, seen } = late(sgring, false, true);
    view.message(0);
    expect(seen()).to.deep.equal([5, 1]);
  });

  it('of a device that is pulled out, what was on the bus arrives and what it held back is lost', () => {
    const { view, seen } = late(plx9656, true, true);
    view.unplug();
    expect([...seen(), view.writeBacks!.count]).to.deep.equal([5, 0, 0]);
  });

  it('completions of a ring engine are counted by its tail before memory shows them', () => {
    const rig = new Rig(sgring, { device: { delaysWriteBack: true } });
    const driver = new SgringDriver(rig, 8);
    rig.view.writeRegister(sgringRegister(0, 0x24), 4, 0);
    driver.submit(3, [{ address: driver.submission.logical, lengthBytes: 64, deviceOffset: 0 }]);
    rig.run();
    expect(rig.view.readRegister(sgringRegister(0, SGRING_CQ_TAIL), 4)).to.equal(1);
    expect(driver.drain()).to.deep.equal([]);
    rig.view.writeBackOne();
    expect(driver.drain()).to.deep.equal([{ tag: 3, bytesMoved: 64, status: 0 }]);
  });
});
