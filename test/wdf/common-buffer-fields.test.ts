import { expect } from 'chai';
import { describe, it } from 'mocha';
import type { Suspending } from '../../src/kernel/index.js';
import { CommonBuffer } from '../../src/wdf/common-buffer.js';
import { DmaEnabler } from '../../src/wdf/dma-enabler.js';
import { CountingDomain } from '../hal/support.js';
import { Rig } from './rig.js';

const OLD = 0x1111_1111_2222_2222n;
const NEW = 0xffff_fffe_8000_0001n;

/** A buffer of 32 bytes on a machine that tears fields or does not. */
function bufferOf(tornFields: boolean): { rig: Rig; buffer: CommonBuffer } {
  const rig = new Rig({ hasMemory: true, domain: new CountingDomain(), policy: { tornFields } });
  const device = rig.createDevice();
  rig.start(device);
  const enabler = rig.run(DmaEnabler.create(device, { profile: 'ScatterGather64', maximumLengthBytes: 4096, wdmDmaVersionOverride: 3 }));
  if (!enabler.ok) throw new Error('no enabler');
  const created = rig.run(CommonBuffer.create(enabler.object, 32));
  if (!created.ok) throw new Error('no buffer');
  return { rig, buffer: created.object };
}

/** Runs `one` to its end but lets `other` run at each scheduling point inside it; how many there were. */
function interleave<T>(rig: Rig, one: Suspending<T>, other: () => void): { result: T; points: number } {
  let points = 0;
  const at = (): boolean => {
    points++;
    other();
    return false;
  };
  return { result: rig.kernel.runStraight('test', one, { at }), points };
}

describe('64-bit fields of a common buffer', () => {
  for (const isTorn of [false, true]) {
    it(`hold what was written, ${isTorn ? 'in two halves' : 'in one piece'}, beside words and bytes`, () => {
      const { rig, buffer } = bufferOf(isTorn);
      rig.run(buffer.write64(8, NEW));
      expect(rig.run(buffer.read64(8))).to.equal(NEW);
      expect([buffer.read32(8), buffer.read32(12)]).to.deep.equal([0x8000_0001 | 0, -2]);
      buffer.write32(12, 5);
      expect(rig.run(buffer.read64(8))).to.equal((5n << 32n) | 0x8000_0001n);
      rig.run(buffer.write64(16, -1n));
      expect(rig.run(buffer.read64(16))).to.equal(0xffff_ffff_ffff_ffffn);
      expect(rig.run(buffer.read64(0))).to.equal(0n);
    });
  }

  it('are read and written without a scheduling point where they are not torn', () => {
    const { rig, buffer } = bufferOf(false);
    expect(interleave(rig, buffer.write64(0, NEW), () => undefined).points).to.equal(0);
    expect(interleave(rig, buffer.read64(0), () => undefined)).to.deep.equal({ result: NEW, points: 0 });
  });

  it('torn, a read may hold one half of before and one of after', () => {
    const { rig, buffer } = bufferOf(true);
    rig.run(buffer.write64(0, OLD));
    const store = (): void => {
      buffer.write32(0, Number(BigInt.asIntN(32, NEW)));
      buffer.write32(4, Number(BigInt.asIntN(32, NEW >> 32n)));
    };
    expect(interleave(rig, buffer.read64(0), store)).to.deep.equal({ result: 0xffff_fffe_2222_2222n, points: 1 });
  });

  it('torn, a write shows its low half first', () => {
    const { rig, buffer } = bufferOf(true);
    rig.run(buffer.write64(0, OLD));
    const seen: number[] = [];
    interleave(rig, buffer.write64(0, NEW), () => void seen.push(buffer.read32(0), buffer.read32(4)));
    expect(seen).to.deep.equal([0x8000_0001 | 0, 0x1111_1111]);
    expect(rig.run(buffer.read64(0))).to.equal(NEW);
  });

  it('lie on boundaries of eight bytes inside the buffer (A17)', () => {
    for (const offset of [4, 28, 32, -8]) {
      const { rig, buffer } = bufferOf(false);
      expect(() => rig.run(buffer.read64(offset))).to.throw('8 bytes at offset');
    }
  });
});
