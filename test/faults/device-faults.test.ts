import { expect } from 'chai';
import { describe, it } from 'mocha';
import { DONE, OpKind, opKind } from '../../src/kernel/op.js';
import { DEVICE_FAULT_KINDS, type DeviceFaultKind, type FaultPlan } from '../../src/faults/index.js';
import { SgringStatus, armFaults, injectedFaults, plx9656, sgring } from '../../src/hardware/index.js';
import * as sg from '../../src/hardware/index.js';
import { Rig } from '../hardware/rig.js';
import { SgringDriver, type Completion } from '../hardware/sgring-driver.js';

const REQUESTS = 200;
const LENGTH_BYTES = 64;
const params = { channels: 1, burstBytes: 512, localMemoryBytes: 1 << 16 };

interface Traffic {
  readonly rig: Rig;
  readonly driver: SgringDriver;
  readonly completions: readonly Completion[];
  readonly injected: number;
  /** Messages taken, one after the other. */
  readonly messages: number;
  readonly ticks: number;
}

/** Requests one at a time through sgring with one kind of fault planned; every message is taken and acknowledged at once. */
function traffic(kind: DeviceFaultKind, denominator: number, seed = 5): Traffic {
  const rig = new Rig(sgring, { params });
  const buffer = rig.map(1);
  rig.fillPattern(buffer.physical, 4096, 3);
  armFaults(rig.view, { [kind]: { numerator: 1, denominator } }, seed);
  const driver = new SgringDriver(rig, 256);
  const completions: Completion[] = [];
  let messages = 0;
  let ticks = 0;
  for (let tag = 0; tag < REQUESTS; tag++) {
    driver.submit(tag, [{ address: buffer.logical, lengthBytes: LENGTH_BYTES, deviceOffset: tag * LENGTH_BYTES }]);
    for (let op = sgring.pending(rig.view); op !== DONE; op = sgring.pending(rig.view)) {
      if (opKind(op) === OpKind.Wait) ticks++;
      sgring.step(rig.view);
      if (!rig.interrupts.takeMessage(0)) continue;
      messages++;
      driver.write(sg.SGRING_INT_CAUSE, 7);
    }
    completions.push(...driver.drain());
  }
  return { rig, driver, completions, injected: injectedFaults(rig.view, kind), messages, ticks };
}

describe('faults of sgring', () => {
  const clean = traffic('hang', 1_000_000);

  it('nothing planned: nothing happens', () => {
    expect(clean.injected).to.equal(0);
    expect(clean.completions.map(({ status }) => status)).to.deep.equal(Array(REQUESTS).fill(SgringStatus.Ok));
    expect([clean.messages, clean.ticks]).to.deep.equal([REQUESTS, 0]);
  });

  it('partial count: so many requests are Ok with half their bytes, and only those bytes moved', () => {
    const { completions, injected, rig } = traffic('partial-count', 10);
    const short = completions.filter(({ status, bytesMoved }) => status === SgringStatus.Ok && bytesMoved === LENGTH_BYTES / 2);
    expect(injected).to.be.within(5, 60);
    expect(short).to.have.length(injected);
    expect(completions.filter(({ bytesMoved }) => bytesMoved === LENGTH_BYTES)).to.have.length(REQUESTS - injected);
    const at = rig.view.localMemory + short[0]!.tag * LENGTH_BYTES;
    expect(rig.bytes(at + LENGTH_BYTES / 2, LENGTH_BYTES / 2)).to.deep.equal(Array(LENGTH_BYTES / 2).fill(0));
  });

  for (const [kind, status] of [
    ['error-completion', SgringStatus.DeviceError],
    ['abort-completion', SgringStatus.Aborted],
  ] as const) {
    it(`${kind}: so many requests complete with status ${status}, the others with Ok`, () => {
      const { completions, injected } = traffic(kind, 10);
      expect(injected).to.be.within(5, 60);
      expect(completions.filter((completion) => completion.status === status)).to.have.length(injected);
      expect(completions.filter((completion) => completion.status === SgringStatus.Ok)).to.have.length(REQUESTS - injected);
    });
  }

  it('late completion and stall: time passes in ticks, 16 and 32 a fault, and nothing else changes', () => {
    const late = traffic('late-completion', 10);
    expect(late.injected).to.be.within(5, 60);
    expect(late.ticks).to.equal(late.injected * 16);
    expect(late.completions).to.deep.equal(clean.completions);
    const stalled = traffic('stall', 10);
    expect(stalled.injected).to.be.within(5, 60);
    expect(stalled.ticks).to.equal(stalled.injected * 32);
    expect(stalled.completions).to.deep.equal(clean.completions);
  });

  it('duplicate and spurious interrupts: that many messages more', () => {
    for (const kind of ['duplicate-interrupt', 'spurious-interrupt'] as const) {
      const { injected, messages, completions } = traffic(kind, 10);
      expect(injected, kind).to.be.within(5, 60);
      expect(messages, kind).to.equal(REQUESTS + injected);
      expect(completions).to.deep.equal(clean.completions);
    }
  });

  it('hang: the channel stands still, abort and disable included, until it is reset', () => {
    const { rig, driver, completions, injected } = traffic('hang', 20);
    expect(injected).to.equal(1);
    expect(completions.length).to.be.lessThan(REQUESTS);
    driver.write(sg.SGRING_ABORT, completions.length);
    driver.write(sg.SGRING_CTRL, 0);
    expect(sgring.pending(rig.view)).to.equal(DONE);
    expect(driver.read(sg.SGRING_ABORT_RESULT)).to.equal(0);
    driver.write(sg.SGRING_CTRL, sg.SGRING_CTRL_RESET);
    expect(rig.run()).to.equal(1);
    expect(driver.read(sg.SGRING_CTRL)).to.equal(0);
  });

  it('the same seed gives the same faults at the same steps, by step and by stepMany; another seed others', () => {
    const plan: FaultPlan = Object.fromEntries(
      DEVICE_FAULT_KINDS.filter((kind) => kind !== 'hang').map((kind) => [kind, { numerator: 1, denominator: 12 }]),
    );
    const run = (seed: number, many: boolean): string => {
      const rig = new Rig(sgring, { params });
      const buffer = rig.map(1);
      armFaults(rig.view, plan, seed);
      const driver = new SgringDriver(rig, 256, { moderation: 0x0020_0008 });
      for (let tag = 0; tag < 120; tag++) driver.queue(tag, [{ address: buffer.logical, lengthBytes: LENGTH_BYTES, deviceOffset: 0 }]);
      driver.doorbell();
      if (many) while (sgring.stepMany!(rig.view, 7) > 0 || sgring.step(rig.view));
      else rig.run();
      expect(DEVICE_FAULT_KINDS.reduce((sum, kind) => sum + injectedFaults(rig.view, kind), 0)).to.be.greaterThan(20);
      return Buffer.from(rig.memory.u8).toString('base64');
    };
    const first = run(1, false);
    expect(run(1, false) === first, 'again').to.equal(true);
    expect(run(1, true) === first, 'by stepMany').to.equal(true);
    expect(run(2, false) === first, 'another seed').to.equal(false);
  });
});

/** Starts channel 0 of a bridge in block mode or over one element, clear-count or not, and runs it to its end. */
function plxTransfer(
  kind: DeviceFaultKind | null,
  clearCount: boolean,
): { rig: Rig; residual: number; csr: number; injected: number; ticks: number; lineChanges: number } {
  const rig = new Rig(plx9656, {});
  const buffer = rig.map(1);
  const chain = rig.map(1);
  rig.fillPattern(buffer.physical, 4096, 9);
  if (kind !== null) armFaults(rig.view, { [kind]: { numerator: 1, denominator: 1 } }, 1);
  const element = chain.physical >> 2;
  const { i32 } = rig.memory;
  i32[element + sg.PlxDte.PciAddressLow] = buffer.logical;
  i32[element + sg.PlxDte.LocalAddress] = 0;
  i32[element + sg.PlxDte.TransferSize] = 1024;
  i32[element + sg.PlxDte.DescriptorPointer] = sg.PLX_DPR_IN_HOST_MEMORY | sg.PLX_DPR_END_OF_CHAIN;
  const { view } = rig;
  const mode = sg.PLX_MODE_CHAIN | sg.PLX_MODE_DONE_INTERRUPT | sg.PLX_MODE_INTERRUPT_TO_PCI | (clearCount ? sg.PLX_MODE_CLEAR_COUNT : 0);
  view.writeRegister(sg.PLX_DMAMODE0, 4, mode);
  view.writeRegister(sg.PLX_INTCSR, 4, sg.PLX_INTCSR_PCI_ENABLE | sg.PLX_INTCSR_DMA0_ENABLE);
  view.writeRegister(sg.PLX_DMADPR0, 4, chain.logical | sg.PLX_DPR_IN_HOST_MEMORY);
  view.writeRegister(sg.PLX_DMACSR0, 1, sg.PLX_CSR_ENABLE | sg.PLX_CSR_START);
  let ticks = 0;
  for (let op = plx9656.pending(view); op !== DONE; op = plx9656.pending(view)) {
    if (opKind(op) === OpKind.Wait) ticks++;
    plx9656.step(view);
    // The driver acknowledges whatever it sees at once.
    if (view.lineAsserted()) view.writeRegister(sg.PLX_DMACSR0, 1, sg.PLX_CSR_ENABLE | sg.PLX_CSR_CLEAR_INTERRUPT);
  }
  const injected = kind === null ? 0 : injectedFaults(view, kind);
  const { lineChanges } = rig.interrupts.statistics(0);
  return { rig, residual: i32[element + sg.PlxDte.TransferSize]!, csr: view.readRegister(sg.PLX_DMACSR0, 1), injected, ticks, lineChanges };
}

describe('faults of plx9656', () => {
  const isDone = ({ csr }: { csr: number }): boolean => (csr & sg.PLX_CSR_DONE) !== 0;
  const clean = plxTransfer(null, true);

  it('nothing planned: all bytes, one interrupt', () => {
    expect([clean.residual, isDone(clean), clean.ticks, clean.lineChanges]).to.deep.equal([0, true, 0, 1]);
  });

  it('partial count and abort leave a residual in clear-count mode; without it nothing is cut', () => {
    const partial = plxTransfer('partial-count', true);
    expect([partial.residual, isDone(partial), partial.injected]).to.deep.equal([512, true, 1]);
    expect(plxTransfer('partial-count', false).injected).to.equal(0);
    const aborted = plxTransfer('abort-completion', true);
    expect([aborted.residual, isDone(aborted), aborted.injected]).to.deep.equal([1024, true, 1]);
  });

  it('error completion: Done and Error, nothing moved', () => {
    const failed = plxTransfer('error-completion', false);
    expect(failed.csr & (sg.PLX_CSR_DONE | sg.PLX_CSR_ERROR)).to.equal(sg.PLX_CSR_DONE | sg.PLX_CSR_ERROR);
    expect(failed.rig.bytes(failed.rig.view.localMemory, 1024)).to.deep.equal(Array(1024).fill(0));
  });

  it('late completion and stall: 16 and 32 ticks, and the same end', () => {
    for (const [kind, ticks] of [
      ['late-completion', 16],
      ['stall', 32],
    ] as const) {
      const waited = plxTransfer(kind, true);
      expect([waited.residual, isDone(waited), waited.ticks, waited.injected], kind).to.deep.equal([0, true, ticks, 1]);
    }
  });

  it('duplicate and spurious interrupts: one more, after the end and before it', () => {
    for (const kind of ['duplicate-interrupt', 'spurious-interrupt'] as const) {
      const twice = plxTransfer(kind, true);
      expect([twice.residual, twice.lineChanges, twice.injected], kind).to.deep.equal([0, 2, 1]);
    }
  });

  it('hang: nothing more until a software reset', () => {
    const { rig, csr } = plxTransfer('hang', true);
    expect(csr & sg.PLX_CSR_DONE).to.equal(0);
    rig.view.writeRegister(sg.PLX_DMACSR0, 1, sg.PLX_CSR_ENABLE | sg.PLX_CSR_ABORT);
    rig.run();
    expect(rig.view.readRegister(sg.PLX_DMACSR0, 1) & sg.PLX_CSR_DONE).to.equal(0);
    rig.view.writeRegister(sg.PLX_CNTRL, 4, sg.PLX_CNTRL_SOFTWARE_RESET);
    rig.view.writeRegister(sg.PLX_CNTRL, 4, 0);
    rig.run();
    expect(rig.view.readRegister(sg.PLX_DMACSR0, 1) & sg.PLX_CSR_DONE).to.equal(sg.PLX_CSR_DONE);
  });
});
