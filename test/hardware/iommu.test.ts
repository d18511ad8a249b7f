import { expect } from 'chai';
import { describe, it } from 'mocha';
import { BusAccess, FaultKind, TRANSLATION_FAULT, faultViolation, plx9656, sgring } from '../../src/hardware/index.js';
import { high, low, Rig } from './rig.js';

describe('IOMMU domain', () => {
  it('translates open pages, with counts, and nothing else', () => {
    const { view, firstRamFrame } = new Rig(sgring);
    const { iommu } = view;
    const page = iommu.frameAddress(firstRamFrame + 3);
    const translate = (address: number, access: BusAccess): number => iommu.translate(high(address), low(address), 0, 8, access, 1);
    expect(page).to.be.greaterThan(2 ** 32);
    expect(translate(page, BusAccess.Read)).to.equal(TRANSLATION_FAULT);
    iommu.open(page, firstRamFrame + 3, BusAccess.Read, 7);
    iommu.open(page, firstRamFrame + 3, BusAccess.Read | BusAccess.Write, 8);
    expect(translate(page + 100, BusAccess.Write)).to.equal((firstRamFrame + 3) * 4096 + 100);
    iommu.close(page, BusAccess.Read | BusAccess.Write);
    expect(translate(page + 100, BusAccess.Write)).to.equal(TRANSLATION_FAULT);
    expect(translate(page + 100, BusAccess.Read)).to.equal((firstRamFrame + 3) * 4096 + 100);
    expect(iommu.openPages()).to.equal(1);
    iommu.close(page, BusAccess.Read);
    expect(iommu.openPages()).to.equal(0);
    expect(translate(page, BusAccess.Read)).to.equal(TRANSLATION_FAULT);
    expect(() => iommu.close(page, BusAccess.Read)).to.throw(/closed more often/);
    expect(() => iommu.open(page + 1, 3, BusAccess.Read, 1)).to.throw(/is no page of the domain/);
  });

  it('points window slots at any frame', () => {
    const { view, firstRamFrame } = new Rig(sgring, { windowSlots: 4 });
    const { iommu } = view;
    const slot = iommu.windowAddress(3);
    expect(slot).to.equal(iommu.endAddress - 4096);
    iommu.open(slot, firstRamFrame + 9, BusAccess.Write, 5);
    expect(iommu.translate(high(slot), low(slot), 12, 4, BusAccess.Write, 0)).to.equal((firstRamFrame + 9) * 4096 + 12);
    expect(() => iommu.open(iommu.endAddress, 1, 1, 1)).to.throw(/is no page/);
  });

  it('keeps the first fault until it is taken and tells the processor', () => {
    const { view, firstRamFrame, interrupts } = new Rig(sgring);
    const { iommu } = view;
    const page = iommu.frameAddress(firstRamFrame + 1);
    iommu.open(page, firstRamFrame + 1, BusAccess.Read, 42);
    expect(interrupts.takeFaultAttention()).to.equal(false);
    expect(iommu.takeFault()).to.equal(null);
    iommu.translate(high(page), low(page), 16, 64, BusAccess.Write, 1);
    iommu.translate(0, 0x1234, 0, 4, BusAccess.Read, 0);
    expect(interrupts.hasAttention()).to.equal(true);
    expect(interrupts.takeFaultAttention()).to.equal(true);
    const fault = iommu.takeFault()!;
    expect(fault).to.deep.equal({
      address: page + 16,
      lengthBytes: 64,
      access: BusAccess.Write,
      kind: FaultKind.WrongDirection,
      mappingId: 42,
      channel: 1,
      total: 2,
    });
    expect(iommu.takeFault()).to.equal(null);
    iommu.close(page, BusAccess.Read);
    iommu.translate(high(page), low(page), 0, 4, BusAccess.Read, 0);
    expect(iommu.takeFault()).to.include({ kind: FaultKind.NotMapped, mappingId: 42 });
    iommu.translate(0, 0x1234, 0, 4, BusAccess.Read, 0);
    expect(iommu.takeFault()).to.include({ kind: FaultKind.OutsideDomain, address: 0x1234, mappingId: 0 });
  });

  it('makes rule A36 of a fault, with the whole 64-bit address', () => {
    const violation = faultViolation('ring0', 12, {
      address: 0x12_0000_1000,
      lengthBytes: 64,
      access: BusAccess.Write,
      kind: FaultKind.NotMapped,
      mappingId: 3,
      channel: 1,
      total: 1,
    });
    expect(violation).to.include({ rule: 'A36', severity: 'crash', object: 'ring0#12' });
    expect(violation.message).to.contain('0x1200001000').and.to.contain('mapping 3').and.to.contain('64 bytes');
    expect(violation.bugCheck).to.deep.equal({ code: 0xe6, parameters: [0x26, 'ring0#12', '0x1200001000', FaultKind.NotMapped] });
  });

  it('gives every device its own base, below 4 GiB where the model wants it', () => {
    const bases = (model: typeof sgring): number[] => new Rig(model, { devices: 3 }).views.map((view) => view.iommu.frameBase);
    expect(new Set(bases(sgring)).size).to.equal(3);
    expect(Math.min(...bases(sgring))).to.be.greaterThan(2 ** 32);
    expect(new Set(bases(plx9656)).size).to.equal(3);
    expect(Math.min(...bases(plx9656))).to.be.greaterThan(0);
    expect(new Rig(plx9656, { devices: 3 }).views[2]!.iommu.endAddress).to.be.lessThan(2 ** 32);
  });
});
