import { expect } from 'chai';
import { describe, it } from 'mocha';
import {
  STATUS_BUFFER_TOO_SMALL,
  STATUS_INSUFFICIENT_RESOURCES,
  STATUS_INVALID_BUFFER_SIZE,
  STATUS_INVALID_DEVICE_REQUEST,
  STATUS_INVALID_PARAMETER,
  STATUS_SUCCESS,
  WdfViolation,
} from '../../src/nt/index.js';
import { PAGE_SIZE } from '../../src/memory/index.js';
import { Memory, Request, type Device } from '../../src/wdf/index.js';
import { crashOf } from '../kernel/bench-kernel.js';
import { keepingQueue, submit } from './bench-queue.js';
import { RIG_PAGES, Rig } from './rig.js';

function pool(lengthBytes: number): { rig: Rig; device: Device; memory: Memory } {
  const rig = new Rig({ hasMemory: true });
  const device = rig.createDevice();
  const created = Memory.create(device, lengthBytes);
  if (!created.ok) throw new Error('no memory');
  return { rig, device, memory: created.object };
}

describe('memory: from pool', () => {
  it('lies in pages of the machine, so that a device can be let at it, and gives them back', () => {
    const { rig, device, memory } = pool(PAGE_SIZE + 2);
    const buffer = memory.getBuffer();
    buffer.write32(PAGE_SIZE - 2, 0xdeadbeef);
    expect([buffer.read32(PAGE_SIZE - 2), buffer.read8(PAGE_SIZE - 2), buffer.lengthBytes]).to.deep.equal([
      0xdeadbeef,
      0xef,
      PAGE_SIZE + 2,
    ]);
    const { mdl } = memory;
    expect([mdl!.byteCount, mdl!.frames.length]).to.deep.equal([PAGE_SIZE + 2, 2]);
    expect(rig.platform.memory!.u8[mdl!.physicalAddress(PAGE_SIZE)]).to.equal(0xad);
    expect(rig.platform.nonPagedPool.outstanding).to.equal(1);
    rig.run(device.delete());
    expect(rig.platform.nonPagedPool.outstanding).to.equal(0);
  });

  it('is refused: no bytes, no device above, no memory left', () => {
    const { device, rig } = pool(1);
    expect(Memory.create(device, 0).status).to.equal(STATUS_INVALID_PARAMETER);
    expect(Memory.create(new Request(rig.kernel), 16).status).to.equal(STATUS_INVALID_DEVICE_REQUEST);
    expect(Memory.create(device, RIG_PAGES * PAGE_SIZE).status).to.equal(STATUS_INSUFFICIENT_RESOURCES);
    expect(Memory.create(new Rig().createDevice(), 16).status).to.equal(STATUS_INSUFFICIENT_RESOURCES);
  });

  it('a buffer that outlives its memory is B05, bug check 0x10D/5', () => {
    const { rig, memory } = pool(16);
    const buffer = memory.getBuffer();
    rig.run(memory.delete());
    const violation = crashOf(() => buffer.read8(0));
    expect([violation.rule, violation.bugCheck!.parameters[0]]).to.deep.equal(['B05', WdfViolation.INVALID_HANDLE]);
  });

  it('L-BUFFER-BOUNDS: an access outside of it, with the numbers', () => {
    for (const access of [-1, 13, 16]) {
      const { memory } = pool(16);
      const violation = crashOf(() => memory.getBuffer().write32(access, 0));
      expect(violation.rule).to.equal('L-BUFFER-BOUNDS');
      expect(violation.message).to.contain(`4 bytes at offset ${access}`).and.contain('16 bytes');
    }
    const { memory } = pool(16);
    expect(crashOf(() => memory.copyToBuffer(0, new Uint8Array(4), 8)).rule).to.equal('L-BUFFER-BOUNDS');
  });

  it('child of a request: deleted when that completes', () => {
    const bench = keepingQueue({ hasMemory: true });
    submit(bench, 'a');
    const [request] = bench.held;
    const created = Memory.create(request!, 100);
    expect(created.ok && created.object.lengthBytes).to.equal(100);
    bench.rig.run(() => request!.complete(STATUS_SUCCESS));
    expect(created.ok && created.object.isDestroyed).to.equal(true);
    expect(bench.rig.platform.nonPagedPool.outstanding).to.equal(0);
  });

  it('child of a request that is cancelled in a queue: deleted, too', () => {
    const bench = keepingQueue({ hasMemory: true });
    submit(bench, 'a');
    const [request] = bench.held;
    expect(Memory.create(request!, 100).ok).to.equal(true);
    bench.rig.run(request!.forwardToIoQueue(bench.rig.createQueue(bench.device, { dispatchType: 'manual' })));
    bench.rig.run(request!.cancelIrp());
    expect([bench.application.names, bench.rig.platform.nonPagedPool.outstanding]).to.deep.equal([['a'], 0]);
  });
});

describe('memory: copying', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  it('to and from a buffer, at an offset', () => {
    const { memory } = pool(8);
    expect(memory.copyFromBuffer(2, bytes(1, 2, 3))).to.equal(STATUS_SUCCESS);
    const target = new Uint8Array(4);
    expect(memory.copyToBuffer(2, target, 3)).to.equal(STATUS_SUCCESS);
    expect([...target]).to.deep.equal([1, 2, 3, 0]);
  });

  it('no bytes: INVALID_PARAMETER; too few behind the offset: BUFFER_TOO_SMALL to read, INVALID_BUFFER_SIZE to write; nothing is copied', () => {
    const { memory } = pool(8);
    memory.getBuffer().write32(4, 0);
    expect([memory.copyToBuffer(0, bytes()), memory.copyFromBuffer(0, bytes())]).to.deep.equal([
      STATUS_INVALID_PARAMETER,
      STATUS_INVALID_PARAMETER,
    ]);
    for (const offset of [6, 8, 9]) {
      expect(memory.copyToBuffer(offset, bytes(7, 7, 7))).to.equal(STATUS_BUFFER_TOO_SMALL);
      expect(memory.copyFromBuffer(offset, bytes(7, 7, 7))).to.equal(STATUS_INVALID_BUFFER_SIZE);
    }
    expect(memory.getBuffer().read32(4)).to.equal(0);
  });
});

describe("memory: over the driver's own bytes", () => {
  it('reads and writes them, and others after assignBuffer', () => {
    const device = new Rig().createDevice();
    const [first, second] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
    const created = Memory.createPreallocated(device, first);
    if (!created.ok) throw new Error('no memory');
    const memory = created.object;
    expect([memory.getBuffer().read8(1), memory.mdl]).to.deep.equal([2, null]);
    expect(memory.assignBuffer(second)).to.equal(STATUS_SUCCESS);
    memory.getBuffer().write8(0, 9);
    expect([memory.lengthBytes, second[0], first[0]]).to.deep.equal([2, 9, 1]);
    expect([memory.assignBuffer(second, 0), Memory.createPreallocated(device, first, 0).status]).to.deep.equal([
      STATUS_INVALID_PARAMETER,
      STATUS_INVALID_PARAMETER,
    ]);
  });

  it('assignBuffer on pool memory is B05: a handle of another type', () => {
    const { memory } = pool(16);
    expect(crashOf(() => memory.assignBuffer(new Uint8Array(4))).rule).to.equal('B05');
  });
});
