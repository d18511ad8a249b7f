import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DONE } from '../../src/kernel/op.js';
import {
  DevicePower,
  RegisterAccessError,
  SGRING_ID,
  SGRING_ID_VALUE,
  SGRING_INT_CAUSE,
  deviceModels,
  plx9656,
  resolveParams,
  sgring,
  sgringRegister,
} from '../../src/hardware/index.js';
import { Rig } from './rig.js';
import { SgringDriver } from './sgring-driver.js';

describe('device view', () => {
  it('reads all ones and loses writes while unplugged or out of D0', () => {
    const { view } = new Rig(sgring);
    expect(view.readRegister(SGRING_ID, 4)).to.equal(SGRING_ID_VALUE);
    const ring = sgringRegister(0, 0x04);
    view.setPresent(false);
    expect([
      view.readRegister(SGRING_ID, 4),
      view.readRegister(SGRING_ID, 2),
      view.readRegister(SGRING_ID, 1),
      view.readLocal(0, 4),
    ]).to.deep.equal([0xffff_ffff, 0xffff, 0xff, 0xffff_ffff]);
    view.writeRegister(ring, 4, 64);
    view.setPresent(true);
    expect(view.readRegister(ring, 4)).to.equal(0);
    view.setPowerState(DevicePower.D3);
    expect(view.readRegister(ring, 4)).to.equal(0xffff_ffff);
    view.powerOn();
    expect(view.readRegister(ring, 4)).to.equal(0);
    expect(view.busMasterEnabled).to.equal(false);
  });

  it('moves nothing with bus mastering off, unplugged or in D3, and goes on when it is let', () => {
    const rig = new Rig(sgring);
    const buffer = rig.map(1);
    const { view } = rig;
    const driver = new SgringDriver(rig, 8);
    driver.submit(1, [{ address: buffer.logical, lengthBytes: 64, deviceOffset: 0 }]);
    view.setBusMasterEnabled(false);
    expect([rig.run(), sgring.pending(view), sgring.step(view)]).to.deep.equal([0, DONE, false]);
    view.setBusMasterEnabled(true);
    view.setPresent(false);
    expect(rig.run()).to.equal(0);
    view.setPresent(true);
    view.setPowerState(DevicePower.D3);
    expect(rig.run()).to.equal(0);
    view.setPowerState(DevicePower.D0);
    rig.run();
    expect(driver.drain()).to.deep.equal([{ tag: 1, bytesMoved: 64, status: 0 }]);
  });

  it('loses its messages when it is unplugged', () => {
    const rig = new Rig(sgring);
    const driver = new SgringDriver(rig, 8, { channel: 1 });
    driver.submit(1, [{ address: driver.submission.logical, lengthBytes: 64, deviceOffset: 0 }]);
    rig.run();
    expect(rig.interrupts.isPending(1)).to.equal(true);
    expect(rig.view.unplug()).to.equal(true);
    expect([rig.interrupts.isPending(1), rig.interrupts.hasAttention(), rig.view.isPresent]).to.deep.equal([false, false, false]);
  });

  it('reaches local memory through its window', () => {
    const { view, memory } = new Rig(plx9656);
    view.writeLocal(0x1fffc, 4, 0x89ab_cdef);
    view.writeLocal(3, 1, 0x1ff);
    view.writeLocal(6, 2, 0x1234);
    expect([view.readLocal(0x1fffc, 4), view.readLocal(0x1fffe, 2), view.readLocal(3, 1), view.readLocal(6, 2)]).to.deep.equal([
      0x89ab_cdef, 0x89ab, 0xff, 0x1234,
    ]);
    expect(memory.u8[view.localMemory + 3]).to.equal(0xff);
    expect(() => view.readLocal(0x1fffe, 4)).to.throw(RegisterAccessError, /lies|at 0x1fffe/);
    expect(() => view.readLocal(2, 4)).to.throw(RegisterAccessError);
  });

  it('checks parameters by name, range and kind', () => {
    expect(resolveParams(sgring, { channels: 3 })).to.deep.equal({ channels: 3, localMemoryBytes: 4 << 20, burstBytes: 4096 });
    expect(() => resolveParams(sgring, { chanels: 3 })).to.throw(/no parameter chanels/);
    expect(() => resolveParams(sgring, { channels: 9 })).to.throw(/sgring.channels is 9/);
    expect(() => resolveParams(sgring, { burstBytes: 100 })).to.throw(/burstBytes is 100/);
    expect([...deviceModels.keys()]).to.include.members(['plx9656', 'sgring']);
  });

  it('describes its registers and state by name', () => {
    const { view } = new Rig(sgring);
    const names = view.describeRegisters().map((r) => r.name);
    expect(names).to.include.members(['ID', 'CTRL0', 'SQ_TAIL1', 'channel1.Head']);
    expect(view.describeRegisters().find((r) => r.offset === sgringRegister(1, SGRING_INT_CAUSE))!.name).to.equal('INT_CAUSE1');
  });
});
