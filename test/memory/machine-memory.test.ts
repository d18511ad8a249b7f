import { expect } from 'chai';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { HASH_BLOCK_BYTES, MachineMemory, PAGE_SIZE, WASM_PAGE_BYTES } from '../../src/memory/index.js';
import { InternalError } from '../../src/nt/index.js';

const LENGTH = 4 * WASM_PAGE_BYTES;
const memories = [
  { name: 'shared', memory: MachineMemory.create(LENGTH, true) },
  { name: 'private', memory: MachineMemory.create(LENGTH, false) },
] as const;

/** Offsets near page and copy-width borders as often as any others; lengths from nothing to more than 64 KiB. */
const offset = fc.oneof(
  fc.nat(LENGTH - 1),
  fc.tuple(fc.nat(LENGTH / PAGE_SIZE - 1), fc.integer({ min: -9, max: 9 })).map(([page, delta]) => Math.max(0, page * PAGE_SIZE + delta)),
);
const length = fc.oneof(fc.nat(40), fc.nat(300), fc.nat(PAGE_SIZE * 2), fc.integer({ min: WASM_PAGE_BYTES - 4, max: 2 * WASM_PAGE_BYTES }));
const range = fc.record({ to: offset, from: offset, asked: length }).map(({ to, from, asked }) => ({
  to,
  from,
  lengthBytes: Math.min(asked, LENGTH - to, LENGTH - from),
}));

/** A pattern without short periods, so that a copy from the wrong place shows. */
function scramble(bytes: Uint8Array): void {
  let state = 12345;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
}

for (const { name, memory } of memories) {
  describe(`machine memory, ${name}`, () => {
    const model = new Uint8Array(LENGTH);
    const same = (): boolean => Buffer.compare(Buffer.from(memory.u8), model) === 0;

    it(`lies in ${name === 'shared' ? 'a SharedArrayBuffer' : 'an ArrayBuffer'} and all views show the same bytes`, () => {
      expect(memory.wasm.buffer instanceof SharedArrayBuffer).to.equal(name === 'shared');
      expect(memory.lengthBytes).to.equal(LENGTH);
      memory.i32[2] = 0x01020304;
      expect([...memory.u8.slice(8, 12)]).to.deep.equal([4, 3, 2, 1]);
      expect([memory.u16[4], memory.u16[5]]).to.deep.equal([0x0304, 0x0102]);
      memory.f64[1] = 0x10_0000_2000;
      expect(new DataView(memory.wasm.buffer).getFloat64(8, true)).to.equal(0x10_0000_2000);
    });

    it('copies as a byte model does, overlap included', () => {
      scramble(model);
      memory.u8.set(model);
      fc.assert(
        fc.property(range, ({ to, from, lengthBytes }) => {
          memory.copy(to, from, lengthBytes);
          model.copyWithin(to, from, from + lengthBytes);
          return same();
        }),
        { seed: 1, numRuns: 150 },
      );
    });

    it('copies overlapping ranges both ways, beyond 64 KiB too', () => {
      for (const lengthBytes of [4, 64, 128, 132, 5000, WASM_PAGE_BYTES + 12]) {
        for (const shift of [-64, -4, -1, 1, 4, 64]) {
          scramble(model);
          memory.u8.set(model);
          memory.copy(8192 + shift, 8192, lengthBytes);
          model.copyWithin(8192 + shift, 8192, 8192 + lengthBytes);
          expect(same(), `${lengthBytes} bytes by ${shift}`).to.equal(true);
        }
      }
    });

    it('fills as a byte model does', () => {
      fc.assert(
        fc.property(range, fc.nat(255), ({ to, lengthBytes }, value) => {
          memory.fill(to, value, lengthBytes);
          model.fill(value, to, to + lengthBytes);
          return same();
        }),
        { seed: 2, numRuns: 100 },
      );
    });

    it('finds the first difference where the model finds it', () => {
      fc.assert(
        fc.property(range, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ to, from, lengthBytes }, at, change) => {
          memory.copy(to, from, lengthBytes);
          const overlap = Math.abs(to - from) < lengthBytes;
          if (lengthBytes > 0) memory.u8[to + (at % lengthBytes)]! ^= change;
          let expected = -1;
          for (let i = 0; i < lengthBytes && expected < 0; i++) if (memory.u8[to + i] !== memory.u8[from + i]) expected = i;
          if (!overlap && lengthBytes > 0) expect(expected).to.equal(at % lengthBytes);
          return memory.firstDifference(to, from, lengthBytes) === expected;
        }),
        { seed: 3, numRuns: 150 },
      );
    });

    it('finds a difference in each of the last nine bytes and none in equal or empty ranges', () => {
      const [a, b, lengthBytes] = [PAGE_SIZE, 2 * WASM_PAGE_BYTES + 3, WASM_PAGE_BYTES + 5];
      memory.copy(b, a, lengthBytes);
      expect(memory.firstDifference(a, b, lengthBytes)).to.equal(-1);
      for (let at = lengthBytes - 9; at < lengthBytes; at++) {
        memory.u8[b + at]! ^= 0x80;
        expect(memory.firstDifference(a, b, lengthBytes)).to.equal(at);
        expect(memory.firstDifference(a, b, at)).to.equal(-1);
        memory.u8[b + at]! ^= 0x80;
      }
      expect(memory.firstDifference(0, 1, 0)).to.equal(-1);
    });

    it('hashes: the same bytes alike anywhere, every changed bit, order, length and seed apart', () => {
      const [a, b, lengthBytes] = [PAGE_SIZE, 3 * PAGE_SIZE + HASH_BLOCK_BYTES, 8 * HASH_BLOCK_BYTES];
      scramble(memory.u8.subarray(a, a + lengthBytes));
      memory.copy(b, a, lengthBytes);
      const seen = new Set([memory.hash(a, lengthBytes, 1n)]);
      expect(memory.hash(b, lengthBytes, 1n)).to.equal([...seen][0]);
      for (let at = 0; at < lengthBytes; at++) {
        for (const bit of [1, 0x80]) {
          memory.u8[b + at]! ^= bit;
          seen.add(memory.hash(b, lengthBytes, 1n));
          memory.u8[b + at]! ^= bit;
        }
      }
      seen.add(memory.hash(a, lengthBytes, 2n));
      seen.add(memory.hash(a, lengthBytes - HASH_BLOCK_BYTES, 1n));
      memory.copy(b, a + HASH_BLOCK_BYTES, HASH_BLOCK_BYTES);
      memory.copy(b + HASH_BLOCK_BYTES, a, HASH_BLOCK_BYTES);
      seen.add(memory.hash(b, lengthBytes, 1n));
      expect(seen.size).to.equal(1 + 2 * lengthBytes + 3);
      memory.fill(a, 0, 2 * HASH_BLOCK_BYTES);
      expect(memory.hash(a, HASH_BLOCK_BYTES, 1n), 'zeros count too').to.not.equal(memory.hash(a, 2 * HASH_BLOCK_BYTES, 1n));
    });

    it('hashes whole blocks inside the memory only, the last one included', () => {
      expect(() => memory.hash(0, HASH_BLOCK_BYTES - 4, 0n)).to.throw(InternalError, 'no whole blocks');
      expect(() => memory.hash(LENGTH - HASH_BLOCK_BYTES, 2 * HASH_BLOCK_BYTES, 0n)).to.throw(InternalError, 'outside');
      expect(() => memory.hash(2 ** 32, HASH_BLOCK_BYTES, 0n)).to.throw(InternalError, 'outside');
      const before = memory.hash(LENGTH - HASH_BLOCK_BYTES, HASH_BLOCK_BYTES, 0n);
      memory.u8[LENGTH - 1]! ^= 1;
      expect(memory.hash(LENGTH - HASH_BLOCK_BYTES, HASH_BLOCK_BYTES, 0n)).to.not.equal(before);
    });

    it('stops at a wild address instead of wrapping around or losing the store', () => {
      const before = Buffer.from(memory.u8);
      const wild: readonly [to: number, from: number, lengthBytes: number][] = [
        [LENGTH - 4, 0, 8],
        [0, LENGTH - 4, 8],
        [-4, 0, 4],
        [0, -4, 4],
        [2 ** 32, 0, 4],
        [0, 2 ** 32 + 8, 64],
        [0, 0x10_0000_0000, 4096],
        [0, 0, LENGTH + 1],
        [0, 0, -4],
        [Number.NaN, 0, 4],
      ];
      for (const [to, from, lengthBytes] of wild) {
        expect(() => memory.copy(to, from, lengthBytes), `copy ${to} ${from} ${lengthBytes}`).to.throw(InternalError);
        expect(() => memory.firstDifference(to, from, lengthBytes)).to.throw(InternalError);
      }
      expect(() => memory.fill(LENGTH - 1, 0, 2)).to.throw(InternalError);
      expect(() => memory.fill(2 ** 32, 0, 2)).to.throw(InternalError);
      expect(Buffer.compare(before, Buffer.from(memory.u8))).to.equal(0);
    });

    it('reaches its very last byte', () => {
      memory.fill(LENGTH - 1, 0x5a, 1);
      expect(memory.u8[LENGTH - 1]).to.equal(0x5a);
      memory.copy(0, LENGTH - 1, 1);
      expect(memory.u8[0]).to.equal(0x5a);
    });
  });
}

describe('machine memory', () => {
  it('rounds up to WebAssembly pages', () => {
    expect(MachineMemory.create(WASM_PAGE_BYTES + 1, false).lengthBytes).to.equal(2 * WASM_PAGE_BYTES);
  });
});
