import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { DONE, opKindName } from '../../src/kernel/op.js';
import * as sg from '../../src/hardware/index.js';
import { BusAccess, FaultKind, SgringError, SgringStatus, sgring } from '../../src/hardware/index.js';
import { Rig, type RigOptions } from './rig.js';
import { SgringDriver, type Piece } from './sgring-driver.js';

const ok = (tag: number, bytesMoved: number): { tag: number; bytesMoved: number; status: number } => ({
  tag,
  bytesMoved,
  status: SgringStatus.Ok,
});

function rigWith(options: RigOptions = {}): Rig {
  return new Rig(sgring, { params: { channels: 2, burstBytes: 1024, localMemoryBytes: 1 << 17 }, ...options });
}

function error(driver: SgringDriver): number {
  const status = driver.read(sg.SGRING_STATUS);
  return (status & sg.SGRING_STATUS_HALTED) === 0 ? SgringError.None : (status >>> sg.SGRING_STATUS_ERROR_SHIFT) & 0xff;
}

describe('sgring', () => {
  it('moves a request of several descriptors each way and completes it once', () => {
    const rig = rigWith();
    const [a, b] = [rig.map(2), rig.map(2)];
    rig.fillPattern(a.physical, 8192, 1);
    const driver = new SgringDriver(rig, 16);
    driver.submit(0x77, [
      { address: a.logical + 5, lengthBytes: 5000, deviceOffset: 3 },
      { address: a.logical + 6000, lengthBytes: 100, deviceOffset: 5003 },
    ]);
    rig.run();
    expect(driver.drain()).to.deep.equal([ok(0x77, 5100)]);
    driver.submit(0x78, [{ address: b.logical + 1, lengthBytes: 5100, deviceOffset: 3, flags: sg.SGRING_FROM_DEVICE }]);
    rig.run();
    expect(driver.drain()).to.deep.equal([ok(0x78, 5100)]);
    expect(rig.bytes(b.physical + 1, 5000)).to.deep.equal(rig.bytes(a.physical + 5, 5000));
    expect(rig.bytes(b.physical + 5001, 100)).to.deep.equal(rig.bytes(a.physical + 6000, 100));
    expect(rig.bytes(b.physical, 1).concat(rig.bytes(b.physical + 5101, 100))).to.deep.equal(new Array(101).fill(0));
    expect([driver.read(sg.SGRING_SQ_HEAD), driver.read(sg.SGRING_CQ_TAIL)]).to.deep.equal([3, 2]);
  });

  it('splits bursts at pages, whose frames are not adjacent', () => {
    const rig = rigWith({ windowSlots: 8, params: { channels: 1, localMemoryBytes: 1 << 17 } });
    const buffer = rig.mapReversed(4);
    rig.fillPattern(rig.view.localMemory, 12_000, 8);
    const driver = new SgringDriver(rig, 8);
    driver.submit(1, [{ address: buffer.logical + 1000, lengthBytes: 12_000, deviceOffset: 0, flags: sg.SGRING_FROM_DEVICE }]);
    rig.run();
    expect(driver.drain()).to.deep.equal([ok(1, 12_000)]);
    const written = Array.from({ length: 12_000 }, (_, i) => rig.memory.u8[buffer.physical(1000 + i)]!);
    expect(written).to.deep.equal(rig.bytes(rig.view.localMemory, 12_000));
  });

  for (const startIndex of [0, 5, 0x7fff_fffa, -7]) {
    it(`keeps every request in order over many turns of small rings, indexes from ${startIndex}`, () => {
      const rig = rigWith();
      const buffer = rig.map(4);
      rig.fillPattern(buffer.physical, 4 * 4096, 3);
      const driver = new SgringDriver(rig, 8, { startIndex });
      const seen: number[] = [];
      for (let tag = 0; tag < 200; tag++) {
        const pieces = (tag % 3) + 1;
        driver.submit(
          tag,
          Array.from({ length: pieces }, (_, i) => ({
            address: buffer.logical + tag * 16 + i * 4096,
            lengthBytes: 16,
            deviceOffset: tag * 64 + i * 16,
          })),
        );
        // Sometimes two requests share a ring, sometimes the ring is drained between them.
        if (tag % 2 === 1) rig.run();
        for (const completion of driver.drain()) {
          expect(completion.bytesMoved).to.equal(((completion.tag % 3) + 1) * 16);
          seen.push(completion.tag);
        }
      }
      rig.run();
      seen.push(...driver.drain().map((completion) => completion.tag));
      expect(seen).to.deep.equal(Array.from({ length: 200 }, (_, tag) => tag));
      for (let tag = 0; tag < 200; tag++)
        expect(rig.bytes(rig.view.localMemory + tag * 64, 16)).to.deep.equal(rig.bytes(buffer.physical + tag * 16, 16));
      expect(error(driver)).to.equal(SgringError.None);
    });
  }

  it('waits for CQ_HEAD when the completion ring is full, and loses nothing', () => {
    const rig = rigWith();
    const buffer = rig.map(1);
    const driver = new SgringDriver(rig, 4);
    const seen: number[] = [];
    let next = 0;
    while (seen.length < 40) {
      const outstanding = (driver.tail - driver.read(sg.SGRING_SQ_HEAD)) | 0;
      for (let free = 4 - outstanding; free > 0 && next < 40; free--)
        driver.queue(next++, [{ address: buffer.logical, lengthBytes: 8, deviceOffset: 0 }]);
      driver.doorbell();
      rig.run();
      expect(rig.view.model.pending(rig.view)).to.equal(DONE);
      const one = driver.poll()!;
      seen.push(one.tag);
      driver.write(sg.SGRING_CQ_HEAD, driver.head);
    }
    expect(seen).to.deep.equal(Array.from({ length: 40 }, (_, tag) => tag));
  });

  it('completes bad descriptors with what is wrong and goes on with the next request', () => {
    const rig = rigWith();
    const page = rig.map(1).logical;
    const driver = new SgringDriver(rig, 32);
    const good: Piece = { address: page, lengthBytes: 10, deviceOffset: 0 };
    driver.queue(1, [good, { ...good, lengthBytes: 0 }, good]);
    driver.queue(2, [{ ...good, flags: 0x100 }]);
    driver.queue(3, [{ ...good, deviceOffset: (1 << 17) - 9 }]);
    driver.queue(4, [{ ...good, deviceOffset: 0xffff_fff8 | 0, lengthBytes: 16 }]);
    driver.queue(5, [{ ...good, lengthBytes: 0x8000_0000 | 0 }]);
    driver.queue(6, [good, { ...good, deviceOffset: 1 << 17 }, good, good]);
    driver.queue(7, [{ ...good, deviceOffset: (1 << 17) - 10 }]);
    driver.doorbell();
    rig.run();
    const all = driver.drain().map(({ tag, bytesMoved, status }) => [tag, bytesMoved, status]);
    const { Ok, BadDescriptor, OutOfRange } = SgringStatus;
    expect(all).to.deep.equal([
      [1, 10, BadDescriptor],
      [2, 0, BadDescriptor],
      [3, 0, OutOfRange],
      [4, 0, OutOfRange],
      [5, 0, OutOfRange],
      [6, 10, OutOfRange],
      [7, 10, Ok],
    ]);
    expect(error(driver)).to.equal(SgringError.None);
  });

  it('completes the request of an IOMMU fault with the bytes moved, halts, and starts again after a reset', () => {
    const rig = rigWith();
    const driver = new SgringDriver(rig, 8);
    const page = rig.map(1, BusAccess.Read);
    driver.queue(1, [{ address: page.logical, lengthBytes: 64, deviceOffset: 0 }]);
    driver.queue(2, [{ address: page.logical + 2048, lengthBytes: 4096, deviceOffset: 0 }]);
    driver.queue(3, [{ address: page.logical, lengthBytes: 64, deviceOffset: 0 }]);
    driver.doorbell();
    rig.run();
    expect(driver.drain()).to.deep.equal([ok(1, 64), { tag: 2, bytesMoved: 2048, status: SgringStatus.Fault }]);
    expect(error(driver)).to.equal(SgringError.DataFault);
    expect(driver.read(sg.SGRING_INT_CAUSE)).to.equal(sg.SGRING_INT_COMPLETION | sg.SGRING_INT_ERROR);
    expect(rig.view.iommu.takeFault()).to.include({
      address: page.logical + 4096,
      lengthBytes: 1024,
      kind: FaultKind.NotMapped,
      channel: 0,
    });
    driver.write(sg.SGRING_CTRL, sg.SGRING_CTRL_RESET);
    expect(driver.read(sg.SGRING_CTRL)).to.equal(sg.SGRING_CTRL_RESET);
    rig.run();
    expect([driver.read(sg.SGRING_CTRL), driver.read(sg.SGRING_STATUS), driver.read(sg.SGRING_SQ_TAIL)]).to.deep.equal([0, 0, 0]);
    const again = new SgringDriver(rig, 8);
    again.submit(9, [{ address: page.logical, lengthBytes: 64, deviceOffset: 0 }]);
    rig.run();
    expect(again.drain()).to.deep.equal([ok(9, 64)]);
  });

  it('halts with the reason when rings are wrong', () => {
    const halted = (prepare: (driver: SgringDriver, rig: Rig) => void): number => {
      const rig = rigWith();
      const driver = new SgringDriver(rig, 8);
      prepare(driver, rig);
      rig.run();
      expect(driver.read(sg.SGRING_INT_CAUSE) & sg.SGRING_INT_ERROR).to.equal(sg.SGRING_INT_ERROR);
      return error(driver);
    };
    expect(halted((driver) => driver.write(sg.SGRING_RING_SIZE, 12))).to.equal(SgringError.Configuration);
    expect(halted((driver) => driver.write(sg.SGRING_RING_SIZE, 8192))).to.equal(SgringError.Configuration);
    expect(halted((driver) => driver.write(sg.SGRING_SQ_BASE_LOW, 16))).to.equal(SgringError.Configuration);
    expect(halted((driver) => driver.write(sg.SGRING_SQ_TAIL, 9))).to.equal(SgringError.RingOverrun);
    expect(halted((driver) => driver.write(sg.SGRING_SQ_TAIL, -1))).to.equal(SgringError.RingOverrun);
    expect(
      halted((driver, rig) => {
        rig.view.iommu.close(driver.submission.logical, BusAccess.Read);
        driver.submit(1, [{ address: 0, lengthBytes: 8, deviceOffset: 0 }]);
      }),
    ).to.equal(SgringError.DescriptorFault);
    expect(
      halted((driver, rig) => {
        rig.view.iommu.close(driver.completion.logical, BusAccess.Write);
        driver.submit(1, [{ address: driver.submission.logical, lengthBytes: 8, deviceOffset: 0 }]);
      }),
    ).to.equal(SgringError.CompletionFault);
    expect(
      halted((driver) => {
        driver.write(sg.SGRING_CQ_HEAD, 3);
        driver.submit(1, [{ address: driver.submission.logical, lengthBytes: 8, deviceOffset: 0 }]);
      }),
    ).to.equal(SgringError.RingOverrun);
  });

  it('stands still between disable and enable and says so', () => {
    const rig = rigWith();
    const buffer = rig.map(2);
    const driver = new SgringDriver(rig, 8);
    driver.submit(1, [{ address: buffer.logical, lengthBytes: 8192, deviceOffset: 0 }]);
    rig.run(4);
    expect(driver.read(sg.SGRING_STATUS)).to.equal(sg.SGRING_STATUS_RUNNING);
    driver.write(sg.SGRING_CTRL, 0);
    expect(rig.run()).to.equal(1);
    expect(driver.read(sg.SGRING_STATUS)).to.equal(0);
    driver.write(sg.SGRING_CTRL, sg.SGRING_CTRL_ENABLE);
    rig.run();
    expect(driver.drain()).to.deep.equal([ok(1, 8192)]);
  });

  it('serves channels in turn', () => {
    const rig = rigWith({ params: { channels: 4, burstBytes: 64, localMemoryBytes: 1 << 17 } });
    const buffer = rig.map(1);
    const drivers = [0, 1, 2, 3].map((channel) => new SgringDriver(rig, 8, { channel }));
    for (const driver of drivers)
      driver.submit(driver.channel, [{ address: buffer.logical, lengthBytes: 4096, deviceOffset: driver.channel * 4096 }]);
    rig.run(8 + 4 * 20);
    const moved = drivers.map((driver) => rig.view.describeRegisters().find((r) => r.name === `channel${driver.channel}.Position`)!.value);
    expect(moved).to.deep.equal([1280, 1280, 1280, 1280]);
    rig.run();
    expect(drivers.map((driver) => driver.drain())).to.deep.equal([0, 1, 2, 3].map((channel) => [ok(channel, 4096)]));
    expect([0, 1, 2, 3].map((vector) => rig.interrupts.takeMessage(vector))).to.deep.equal([true, true, true, true]);
  });

  it('names the next access before it happens', () => {
    const rig = rigWith();
    const driver = new SgringDriver(rig, 8);
    rig.run();
    driver.submit(1, [{ address: driver.submission.logical, lengthBytes: 64, deviceOffset: 0 }]);
    const kinds: string[] = [];
    for (let op = sgring.pending(rig.view); op !== DONE; op = sgring.pending(rig.view)) {
      kinds.push(opKindName(op));
      sgring.step(rig.view);
    }
    expect(kinds).to.deep.equal(['read', 'burst', 'write', 'signal']);
  });

  it('leaves the same memory by stepMany as by step', () => {
    const piece = fc.record({
      lengthBytes: fc.constantFrom(0, 1, 64, 64, 64, 700, 3000),
      page: fc.integer({ min: 0, max: 4 }),
      offset: fc.integer({ min: 0, max: 4095 }),
      flags: fc.constantFrom(0, 0, 0, 1, 1, 4, 0x10),
    });
    const request = fc.oneof(
      { weight: 4, arbitrary: fc.array(piece, { minLength: 1, maxLength: 1 }) },
      { weight: 1, arbitrary: fc.array(piece, { minLength: 1, maxLength: 3 }) },
    );
    const scenario = fc.record({
      requests: fc.array(request, { minLength: 1, maxLength: 40 }),
      moderation: fc.constantFrom(1, 4, 0x0008_0010),
      limit: fc.integer({ min: 2, max: 64 }),
    });
    fc.assert(
      fc.property(scenario, ({ requests, moderation, limit }) => {
        const results = [false, true].map((many) => {
          const rig = rigWith({ ramFrames: 32, params: { channels: 1, burstBytes: 1024, localMemoryBytes: 8192 } });
          const buffer = rig.map(4);
          const driver = new SgringDriver(rig, 128, { moderation });
          requests.forEach((pieces, tag) =>
            driver.queue(
              tag,
              pieces.map((p) => ({
                address: buffer.logical + p.page * 4096 + p.offset,
                lengthBytes: p.lengthBytes,
                deviceOffset: p.offset,
                flags: p.flags,
              })),
            ),
          );
          driver.doorbell();
          // What is left to `step` is waiting for time, which a host paces.
          if (many) while (sgring.stepMany!(rig.view, limit) > 0 || sgring.step(rig.view));
          else rig.run();
          return { bytes: Buffer.from(rig.memory.u8).toString('base64'), completions: driver.drain() };
        });
        expect(results[1]!.completions).to.deep.equal(results[0]!.completions);
        expect(results[1]!.bytes === results[0]!.bytes, 'memory').to.equal(true);
      }),
      { numRuns: 60 },
    );
  });
});
